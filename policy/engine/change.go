package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// mostTries bounds the writes of one change. Each conflict means that somebody else's has come through.
const mostTries = 8

// Changed is a record before and after, and what happened.
type Changed struct {
	Before, After policy.State
	Event         policy.Event
}

// change replaces a user's record by what fn makes of it, at the store's time, and delivers what happened. fn is asked again
// with every newer record, in which the stages whose time is over have ended; false leaves it at that. done is false then, too.
func (e *Engine) change(ctx context.Context, user string, fn func(policy.State, time.Time) (policy.State, policy.Event, bool)) (out Changed, done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for range mostTries {
		u, err := e.Store.Usage(ctx, ledger.Query{User: user})
		if err != nil {
			return out, false, err
		}
		if out.Before, err = policy.DecodeState(u.State.Data); err != nil {
			return out, false, err
		}
		lapsed, events := policy.Lapse(out.Before, e.Rules(), user, u.At)
		next, ev, ok := fn(lapsed, u.At)
		switch {
		case !ok && len(events) == 0:
			return out, false, nil
		case !ok:
			next = lapsed
		default:
			ev.User = user
			events = append(events, ev)
			out.Event = ev
		}
		next = owing(next, events)
		written, err := e.write(ctx, user, next, u.State.Version)
		if err != nil {
			return out, false, err
		}
		if written {
			out.After = next
			e.happened(ctx, user, events)
			return out, ok, nil
		}
	}
	return out, false, fmt.Errorf("record of user %s: %w %d times", user, ledger.ErrConflict, mostTries)
}

// owing is a record with events that somebody is to be told of.
func owing(st policy.State, events []policy.Event) policy.State {
	for _, ev := range events {
		if ev.Moved() {
			st.Owed = append(slices.Clone(st.Owed[max(0, len(st.Owed)+1-policy.MaxOwed):]), ev)
		}
	}
	return st
}

// write is a compare-and-set: false when somebody was faster.
func (e *Engine) write(ctx context.Context, user string, st policy.State, version int64) (bool, error) {
	data, err := st.Encode()
	if err != nil {
		return false, err
	}
	_, err = e.Store.SetState(ctx, user, ledger.State{Version: version, Data: data})
	if errors.Is(err, ledger.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// happened counts events, and tells them.
func (e *Engine) happened(ctx context.Context, user string, events []policy.Event) {
	var owed []policy.Event
	for _, ev := range events {
		if e.count(ctx, ev); ev.Moved() {
			owed = append(owed, ev)
		}
	}
	if len(owed) > 0 {
		e.deliver(ctx, user, owed)
	}
}

func (e *Engine) count(ctx context.Context, ev policy.Event) {
	if ev.Outcome != "" {
		e.Reviewed(string(ev.Outcome))
		e.Log.Info("user was reviewed", slog.String("user", ev.User), slog.String("case", ev.Ref), slog.String("outcome", string(ev.Outcome)),
			slog.Float64("score", ev.Verdict.Score), slog.String("rule", ev.Rule))
	}
	if !ev.Moved() {
		if ev.Ref != "" && ev.Outcome != "" {
			if err := e.keep(ctx, ev); err != nil {
				e.Log.Warn("case was not kept", slog.String("case", ev.Ref), slog.Any("error", err))
			}
		}
		return
	}
	e.Moved(ev.From, ev.To, ev.Cause)
	e.Log.Info("user was moved", slog.String("user", ev.User), slog.String("from", string(ev.From)), slog.String("to", string(ev.To)),
		slog.String("cause", string(ev.Cause)), slog.String("case", ev.Ref), slog.Bool("shadow", ev.Shadow), slog.String("by", ev.By))
}

// deliver keeps the cases of events and publishes them. What is not delivered stays in the record, for the next
// gateway that looks at the user.
func (e *Engine) deliver(ctx context.Context, user string, events []policy.Event) {
	// What is written is told, also by a gateway that goes down: the next one would tell it once more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	var done []string
	for _, ev := range events {
		err := e.keep(ctx, ev)
		if err == nil {
			err = e.Publish(ctx, ev)
		}
		if err != nil {
			e.Log.Warn("event was not delivered; it will be", slog.String("user", user), slog.String("event", ev.ID()), slog.Any("error", err))
			continue
		}
		done = append(done, ev.ID())
	}
	if len(done) == 0 {
		return
	}
	_, _, err := e.change(ctx, user, func(st policy.State, _ time.Time) (policy.State, policy.Event, bool) {
		n := len(st.Owed)
		st.Owed = slices.DeleteFunc(slices.Clone(st.Owed), func(ev policy.Event) bool { return slices.Contains(done, ev.ID()) })
		return st, policy.Event{}, len(st.Owed) < n
	})
	if err != nil {
		e.Log.Warn("event was delivered and will be once more", slog.String("user", user), slog.Any("error", err))
	}
}

// failure is the word for a review that failed.
func failure(err error) string {
	if errors.Is(err, policy.ErrAnswer) {
		return ResultBadAnswer
	}
	return string(policy.OutcomeFailed)
}
