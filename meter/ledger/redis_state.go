package ledger

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// State is States.State.
func (r *Redis) State(ctx context.Context, user string) (s State, err error) {
	if err := checkUser(user); err != nil {
		return State{}, err
	}
	err = r.do(ctx, "state", func(ctx context.Context) error {
		v, err := r.db.HMGet(ctx, r.names.owner(userOwner(user)).state(), "v", "d").Result()
		if err != nil {
			return err
		}
		s, err = stateOf(v)
		return err
	})
	if err != nil {
		return State{}, err
	}
	return s, nil
}

// SetState is States.SetState. A call that was repeated on the way wins or loses as one.
func (r *Redis) SetState(ctx context.Context, user string, s State) (out State, err error) {
	if err := checkState(user, s); err != nil {
		return State{}, err
	}
	err = r.do(ctx, "set state", func(ctx context.Context) error {
		// The list first: a user who is on it and has no record is passed over, one who is not is overlooked.
		if s.Version == 0 {
			if err := r.db.ZAdd(ctx, r.names.users(), redis.Z{Member: user}).Err(); err != nil {
				return err
			}
		}
		keys, args := []string{r.names.owner(userOwner(user)).state()}, []any{s.Version, s.Data, r.number()}
		if stage, ok := r.stageOf(s); ok {
			keys, args = append(keys, fairStageKey+user), append(args, stage, fairStageTTL)
		}
		v, err := r.scripts.state.Run(ctx, r.db, keys, args...).Int64Slice()
		switch {
		case err != nil:
			return err
		case len(v) != 2:
			return errAnswer
		case v[0] == 0:
			return fmt.Errorf("%w: version %d, not %d", ErrConflict, v[1], s.Version)
		}
		out = State{Version: v[1], Data: append([]byte{}, s.Data...)}
		return nil
	})
	return out, err
}

// stateOf reads the fields v and d of a record; none is the zero State.
func stateOf(v []any) (s State, err error) {
	if len(v) != 2 || v[0] == nil {
		return State{}, nil
	}
	version, isText := v[0].(string)
	data, hasData := v[1].(string)
	if s.Version, err = strconv.ParseInt(version, 10, 64); err != nil || !isText || !hasData || s.Version <= 0 {
		return State{}, fmt.Errorf("state of a user: %w", errRecord)
	}
	s.Data = []byte(data)
	return s, nil
}

// Users is States.Users, in the order of the ids. The list is one key for all users; records are read from
// wherever they lie.
func (r *Redis) Users(ctx context.Context, cursor string, limit int) (users []UserState, next string, err error) {
	limit = checkLimit(limit)
	err = r.do(ctx, "users", func(ctx context.Context) error {
		from := "-"
		if cursor != "" {
			from = "(" + cursor
		}
		ids, err := r.db.ZRangeArgs(ctx, redis.ZRangeArgs{Key: r.names.users(), Start: from, Stop: "+", ByLex: true, Count: int64(limit)}).Result()
		if err != nil {
			return err
		}
		records := make([]*redis.SliceCmd, len(ids))
		_, err = r.db.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, id := range ids {
				records[i] = p.HMGet(ctx, r.names.owner(userOwner(id)).state(), "v", "d")
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, id := range ids {
			s, err := stateOf(records[i].Val())
			if err != nil {
				return err
			}
			if s.Version > 0 {
				users = append(users, UserState{id, s})
			}
		}
		if len(ids) == limit {
			next = ids[limit-1]
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return users, next, nil
}
