package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// What operators do. Running streams follow with their next lease. An error that wraps ledger.ErrConflict says that others
// changed the user all the time: try again.

// ErrNoViolation says that there is no violation of this reference to resolve.
var ErrNoViolation = errors.New("no such violation")

// Set puts a user at a stage.
func (e *Engine) Set(ctx context.Context, d policy.Setting) (Changed, error) {
	out, _, err := e.change(ctx, d.User, func(st policy.State, at time.Time) (policy.State, policy.Event, bool) {
		next, ev := policy.Set(st, d, e.Rules(), at)
		return next, ev, true
	})
	return out, err
}

// Reset takes everything back: stage none, and no earlier violation counts.
func (e *Engine) Reset(ctx context.Context, d policy.Setting) (Changed, error) {
	out, _, err := e.change(ctx, d.User, func(st policy.State, at time.Time) (policy.State, policy.Event, bool) {
		next, ev := policy.Reset(st, d, e.Rules(), at)
		return next, ev, true
	})
	return out, err
}

// Resolve makes one violation not count.
func (e *Engine) Resolve(ctx context.Context, ref string, d policy.Setting) (Changed, error) {
	out, done, err := e.change(ctx, d.User, func(st policy.State, at time.Time) (policy.State, policy.Event, bool) {
		return policy.Resolve(st, ref, d, e.Rules(), at)
	})
	if err == nil && !done {
		err = fmt.Errorf("%s of user %s: %w", ref, d.User, ErrNoViolation)
	}
	return out, err
}

// Exempt makes a user exempt until a time (zero: for good), or no longer.
func (e *Engine) Exempt(ctx context.Context, d policy.Setting, exempt bool) (Changed, error) {
	out, _, err := e.change(ctx, d.User, func(st policy.State, at time.Time) (policy.State, policy.Event, bool) {
		var x *policy.Exemption
		if exempt {
			x = &policy.Exemption{By: d.By, Reason: d.Reason, At: at, Until: d.Until}
		}
		next, ev := policy.SetExempt(st, d.User, x, d.By, d.Reason, e.Rules(), at)
		return next, ev, true
	})
	return out, err
}

// Granted writes down, once, that a user was granted more of a budget.
func (e *Engine) Granted(ctx context.Context, g policy.Granted, d policy.Setting) error {
	_, _, err := e.change(ctx, d.User, func(st policy.State, at time.Time) (policy.State, policy.Event, bool) {
		return policy.Grant(st, g, d, e.Rules(), at)
	})
	return err
}
