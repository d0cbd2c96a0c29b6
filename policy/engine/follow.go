package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// Fresh makes sure that a user's record says what the backend does, before a stream is let in. It asks where the last
// answer is older than Deps.SourceTTL. Without an answer the record stays: what was known last holds.
func (e *Engine) Fresh(ctx context.Context, user string) {
	if e.Source == nil || e.Rules().Source == policy.SourceOwn {
		return
	}
	now := time.Now()
	e.mu.Lock()
	u := e.seen.user(user)
	fresh := now.Before(u.asked.Add(e.SourceTTL))
	if !fresh {
		u.asked = now // those who come at the same time are let in on what is known
	}
	e.mu.Unlock()
	if fresh {
		return
	}
	if err := e.follow(ctx, user); err != nil {
		e.Log.Warn("the backend does not tell a user's stage; the last one holds", slog.String("user", user), slog.Any("error", err))
		e.mu.Lock()
		u.asked = now.Add(-e.SourceTTL).Add(busyPause) // not at every connect, and soon
		e.mu.Unlock()
	}
}

// follow asks the backend and writes what it says.
func (e *Engine) follow(ctx context.Context, user string) error {
	if e.Source == nil {
		return nil
	}
	stage, known, err := e.Source.Stage(ctx, user)
	if err != nil || !known {
		return err
	}
	_, _, err = e.change(ctx, user, func(st policy.State, at time.Time) (policy.State, policy.Event, bool) {
		return policy.Follow(st, user, stage, e.Rules(), at)
	})
	return err
}
