package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// FairUse is what the layout fair_use needs to know: how the keys of a backend that counted before
// there was a gateway are meant here. docs/fair-use-layout.md tells them field by field.
type FairUse struct {
	// Budget is the name of the budget whose day is the backend's: of a user's own, by the day.
	Budget string
	// Words says that minutes are those of speech, and not of audio: whatever the caps count.
	Words bool
	// Stage names the stage that a user's record stands for. It is written to the backend's cache with
	// the record. Nil: it is not.
	Stage func(s State, at time.Time) string
}

// The backend's keys. They have no prefix of ours, and a user's share no slot.
const fairStageKey = "fair_use:stage:"

// fairStageTTL is how long the backend trusts a stage that it has read, in seconds.
const fairStageTTL = 60

var (
	errFairCluster = errors.New("redis.layout fair_use does not go with a Cluster: the backend's keys of one user lie in different slots, and no script may touch them together; use one server or Sentinels")
	errFairBudget  = errors.New("redis.layout fair_use needs the name of the budget whose day is the backend's")
)

// scriptFair is what the scripts are told of it.
type scriptFair struct {
	Budget string `json:"budget"`
	Series string `json:"series"`
}

// fairUse checks what OpenRedis was given; nil is the native layout.
func fairUse(c RedisConfig, client *redis.UniversalOptions, f FairUse) (*FairUse, error) {
	switch {
	case c.Layout != LayoutFairUse:
		return nil, nil
	case client.IsClusterMode:
		return nil, errFairCluster
	case f.Budget == "":
		return nil, errFairBudget
	}
	return &f, nil
}

// script is for the records of an owner: nil where those are none of a user's.
func (f *FairUse) script(tag string) *scriptFair {
	if _, ok := fairUser(tag); f == nil || !ok {
		return nil
	}
	s := &scriptFair{Budget: escape(f.Budget, ""), Series: "audio"}
	if f.Words {
		s.Series = "speech"
	}
	return s
}

// fairUser is the id of the user that an owner's tag names, as the backend writes it.
func fairUser(tag string) (id string, ok bool) {
	return strings.CutPrefix(unescape(tag), userOwner(""))
}

// stageOf is the stage that goes to the backend with a record.
func (r *Redis) stageOf(s State) (stage string, ok bool) {
	if r.fair == nil || r.fair.Stage == nil {
		return "", false
	}
	return r.fair.Stage(s, r.guess()), true
}

// unknownDay tells, once a minute at most, that a day of the backend's cannot be read.
func (r *Redis) unknownDay(user string) {
	now, last := time.Now().Unix(), r.unknown.Load()
	if now-last < 60 || !r.unknown.CompareAndSwap(last, now) {
		return
	}
	r.log.Error("fair_use:dg_budget of a user holds no amount: nobody knows what is used, and nothing more is granted; repair or delete the key",
		slog.String("user", user))
}

// BackendStages is a store from which the stages of a backend can be read.
type BackendStages interface {
	// BackendStage reads the backend's cache of a user's stage. It is not known where the key is absent: the
	// backend drops it with every change, and after a minute. Whoever takes that for "none" lifts a restriction.
	BackendStage(ctx context.Context, user string) (stage string, known bool, err error)
}

var (
	_ BackendStages = (*Redis)(nil)
	_ BackendStages = (*Patient)(nil)
)

// BackendStage is BackendStages.BackendStage, in either layout.
func (r *Redis) BackendStage(ctx context.Context, user string) (stage string, known bool, err error) {
	if err := checkUser(user); err != nil {
		return "", false, err
	}
	err = r.do(ctx, "backend's stage", func(ctx context.Context) error {
		stage, err = r.db.Get(ctx, fairStageKey+user).Result()
		return unlessNil(err)
	})
	if err != nil {
		return "", false, err
	}
	return stage, stage != "", nil
}

// BackendStage is BackendStages.BackendStage; an error where the store has no backend.
func (p *Patient) BackendStage(ctx context.Context, user string) (stage string, known bool, err error) {
	s, ok := p.Store.(BackendStages)
	if !ok {
		return "", false, fmt.Errorf("%w: a backend's stages are read from Redis", ErrInvalid)
	}
	return s.BackendStage(ctx, user)
}

// unescape undoes escape. What escape has not written stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
