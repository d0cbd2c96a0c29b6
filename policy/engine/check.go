package engine

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// check looks at a user once: at what is owed to them, and at the caps. A review that is due is run
// before it returns.
func (e *Engine) check(ctx context.Context, s Sighting) error {
	c := e.Rules()
	v, err := e.look(ctx, s, c)
	if err != nil {
		return err
	}
	e.rescue(ctx, s.User, v.state, v.at)
	if err := e.lapse(ctx, s.User, v.state, v.at); err != nil {
		return err
	}
	if c.Source != policy.SourceOwn {
		return e.follow(ctx, s.User)
	}
	if v.state.Owes(c) {
		restored, err := e.forgive(ctx, s.User)
		if err != nil || restored {
			return err // what the caps say of who has credits again is the next check's
		}
	}
	if due, _ := policy.Due(v.state, c, s.User, v.triggers, v.at); !due {
		return nil
	}
	select {
	case e.reviews <- struct{}{}:
		defer func() { <-e.reviews }()
	default:
		return nil // the next check tries again; a lock taken now would only age
	}
	return e.review(ctx, s, c)
}

// orphaned is when an event that was not delivered is no longer its gateway's own business.
const orphaned = time.Minute

// view is a user at one instant.
type view struct {
	state    policy.State
	version  int64 // of the record
	triggers []policy.Trigger
	at       time.Time // the store's clock
}

// look reads a user's record and the caps that are exceeded.
func (e *Engine) look(ctx context.Context, s Sighting, c policy.Config) (v view, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	caps := c.CapsOf(s.User, s.Plan)
	q := ledger.Query{User: s.User}
	for _, one := range caps {
		if !slices.Contains(q.Windows, one.Window) {
			q.Windows = append(q.Windows, one.Window)
		}
	}
	u, err := e.Store.Usage(ctx, q)
	if err != nil {
		return view{}, err
	}
	if v.state, err = policy.DecodeState(u.State.Data); err != nil {
		return view{}, err
	}
	sums := u.Audio
	if c.Basis == policy.BasisWords {
		sums = u.Speech
	}
	v.triggers = policy.Exceeded(caps, func(w time.Duration) int64 { return sums[slices.Index(q.Windows, w)] })
	v.version, v.at = u.State.Version, u.At
	return v, nil
}

// forgive takes back what spent credits had led to, where they are not spent any more. A question that
// fails changes nothing.
func (e *Engine) forgive(ctx context.Context, user string) (bool, error) {
	if e.Credits != nil {
		spent, err := e.Credits.Exhausted(ctx, user)
		if err != nil || spent {
			return false, err
		}
	}
	c := e.Rules()
	_, done, err := e.change(ctx, user, func(st policy.State, at time.Time) (policy.State, policy.Event, bool) {
		return policy.Restored(st, c, user, at)
	})
	return done, err
}

// review takes the lock, asks, and applies the answer. What it returns could not be written; everything else is
// the review's outcome.
func (e *Engine) review(ctx context.Context, s Sighting, c policy.Config) error {
	mine := token()
	v, won, err := e.begin(ctx, s, c, mine)
	if err != nil || !won {
		return err
	}
	r := policy.Review{Ref: reference(), User: s.User, Plan: s.Plan, Triggers: v.triggers}
	ctx, done := e.Trace(ctx, r.Ref)
	result := ResultLost
	defer func() { done(result) }()
	// The lock ends by itself after a lease: whoever is not done by then has lost it.
	asking, cancel := context.WithTimeout(ctx, v.state.Review.Until.Sub(v.at))
	err = e.ask(asking, &r, v.at)
	cancel()
	// What was found out is written also when the gateway goes down.
	writing := context.WithoutCancel(ctx)
	if err != nil {
		result = failure(err)
		return e.fail(writing, s.User, mine, c, err)
	}
	lost := true
	out, _, err := e.change(writing, s.User, func(st policy.State, at time.Time) (policy.State, policy.Event, bool) {
		next, ev, ok := policy.Finish(st, mine, r, c, at)
		lost = !ok
		return next, ev, ok
	})
	switch {
	case err != nil:
		result = string(policy.OutcomeFailed)
	case lost:
		e.Reviewed(ResultLost)
	default:
		result = string(out.Event.Outcome)
	}
	return err
}

// begin takes the lock of a review that is still due by the newest record.
func (e *Engine) begin(ctx context.Context, s Sighting, c policy.Config, mine string) (view, bool, error) {
	for range mostTries {
		v, err := e.look(ctx, s, c)
		if err != nil {
			return view{}, false, err
		}
		if due, _ := policy.Due(v.state, c, s.User, v.triggers, v.at); !due {
			return view{}, false, nil // somebody else was faster
		}
		lapsed, falls := policy.Lapse(v.state, c, s.User, v.at)
		v.state = policy.Begin(owing(lapsed, falls), mine, c, v.at)
		won, err := e.write(ctx, s.User, v.state, v.version)
		if won {
			e.happened(ctx, s.User, falls)
		}
		if won || err != nil {
			return v, won, err
		}
	}
	return view{}, false, nil
}

// ask fills a review in: whoever has spent the free credits is not judged.
func (e *Engine) ask(ctx context.Context, r *policy.Review, at time.Time) error {
	if e.Credits != nil {
		spent, err := e.Credits.Exhausted(ctx, r.User)
		switch {
		case err != nil: // not knowing is not "spent"
			e.Log.Warn("credits are not known; the user is judged like everybody", slog.String("user", r.User), slog.Any("error", err))
		case spent:
			r.Cause, r.Verdict = policy.FreeExhausted, policy.Verdict{Score: 1, Type: string(policy.FreeExhausted)}
			return nil
		default:
			r.Credits = true
		}
	}
	if e.Classifier == nil {
		r.Cause, r.Verdict = policy.ByCap, policy.Verdict{Score: 1, Type: string(policy.ByCap)}
		return nil
	}
	v, err := e.Classifier.Judge(ctx, Subject{User: r.User, Plan: r.Plan, Ref: r.Ref, Triggers: r.Triggers, At: at})
	r.Cause, r.Verdict = policy.ByViolation, v
	return err
}

// fail gives the lock back, with a pause.
func (e *Engine) fail(ctx context.Context, user, mine string, c policy.Config, why error) error {
	e.Reviewed(failure(why))
	e.Log.Warn("review failed; nothing counts against the user, it is tried again", slog.String("user", user), slog.Any("error", why))
	_, _, err := e.change(ctx, user, func(st policy.State, at time.Time) (policy.State, policy.Event, bool) {
		next, ok := policy.Fail(st, mine, c, at)
		return next, policy.Event{}, ok
	})
	return err
}
