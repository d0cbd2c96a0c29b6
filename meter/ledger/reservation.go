package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reservation is what a request may cost whose price is known at its end: an upload, a job.
// Nothing is charged while it grows, so that it can be settled with any figure, also with none.
// Every amount is an absolute total of the reservation's stream; every call may be repeated.
//
//	Reserve ──► Grow … Grow ──────────────────────► Settle     the price is known
//	                └────► Keep ··· Resume ───────► Settle     it is told later, perhaps elsewhere
//	                          └─ nobody came ─────► charged what was kept
//
// It is for one goroutine at a time.
type Reservation struct {
	ledger Ledger
	o      Opening
	grant  Grant
	got    time.Time // when grant arrived, by this process's clock
	scopes []Scope   // that grant was leased under
}

// Reserve takes up to ms of what the budgets have left. Less may be granted: the
// caller decides, and settles in every case, also after an error, whose answer
// may have been lost. Opening.Slice and Log are not used.
func Reserve(ctx context.Context, l Ledger, o Opening, ms int64) (*Reservation, Grant, error) {
	r := Resume(l, o)
	if _, err := checkRequest(Request{User: o.User, Stream: o.Stream}); err != nil || o.Plan == nil {
		return r, Grant{}, errors.Join(err, errIf(o.Plan == nil, "a reservation needs a plan"))
	}
	g, err := r.Grow(ctx, ms)
	return r, g, err
}

// Resume is a reservation that was kept, by its stream's id: to be settled, nothing else.
// A Plan is not needed for that.
func Resume(l Ledger, o Opening) *Reservation {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	return &Reservation{ledger: l, o: o}
}

// Grow asks for ms in all. What was granted before stays, unless a budget has just begun that has less.
func (r *Reservation) Grow(ctx context.Context, ms int64) (Grant, error) { return r.lease(ctx, ms, 0) }

// Keep holds on to ms of what was granted, gives the rest back, and lets the reservation
// outlive this process for a time of up to 7 days. Then it is charged.
func (r *Reservation) Keep(ctx context.Context, ms int64, time time.Duration) error {
	_, err := r.lease(ctx, ms, time)
	return err
}

// Last is the newest grant.
func (r *Reservation) Last() Grant { return r.grant }

// lease asks under what applies now, and again where the answer's state plans otherwise.
func (r *Reservation) lease(ctx context.Context, ms int64, keep time.Duration) (Grant, error) {
	scopes, err := r.plan(ctx)
	if err != nil {
		return Grant{}, err
	}
	for range maxReplans {
		g, err := r.call(ctx, Request{
			User: r.o.User, Stream: r.o.Stream, Provider: r.o.Provider, Scopes: scopes, Ceiling: ms, Keep: keep,
		})
		if err != nil {
			return Grant{}, fmt.Errorf("reservation %q: %w", r.o.Stream, err)
		}
		r.grant, r.got, r.scopes = g, time.Now(), scopes
		next := r.o.Plan(g.State, g.At)
		if slices.Equal(next, scopes) {
			break
		}
		scopes = next
	}
	return r.grant, nil
}

func (r *Reservation) plan(ctx context.Context) ([]Scope, error) {
	g, got := r.grant, r.got
	if got.IsZero() {
		call, cancel := context.WithTimeout(ctx, r.o.Timeout)
		defer cancel()
		began := time.Now()
		u, err := r.ledger.Usage(call, Query{User: r.o.User})
		if err != nil {
			r.o.observeError("lease", err, began)
			return nil, fmt.Errorf("state of a reservation's user: %w", err)
		}
		g, got = Grant{State: u.State, At: u.At}, time.Now()
	}
	return r.o.Plan(g.State, g.At.Add(time.Since(got))), nil
}

func (r *Reservation) call(ctx context.Context, q Request) (Grant, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	began := time.Now()
	g, err := r.ledger.Lease(ctx, q)
	switch {
	case err != nil:
		r.o.observeError("lease", err, began)
	case g.Ceiling < q.Ceiling:
		r.o.observe("lease", "exhausted", began)
	default:
		r.o.observe("lease", "granted", began)
	}
	return g, err
}

// Settle charges ms, of which some may be told as speech, gives the rest back and ends the
// reservation; the answer has the balances after it. The first settle that arrives counts. A store that fails is asked up to five times
// within ctx, which must not be the client's: accounting does not stop because somebody hung up.
func (r *Reservation) Settle(ctx context.Context, ms, speech int64) (Usage, error) {
	q := Request{User: r.o.User, Stream: r.o.Stream, Provider: r.o.Provider, Scopes: r.scopes, Spent: ms, Speech: speech}
	pause := firstBackoff / 2
	for try := 1; ; try++ {
		began := time.Now()
		call, cancel := context.WithTimeout(ctx, r.o.Timeout)
		u, err := r.ledger.Settle(call, q)
		cancel()
		if err == nil {
			r.o.observe("settle", "granted", began)
			return u, nil
		}
		r.o.observeError("settle", err, began)
		if try == settleTries || errors.Is(err, ErrInvalid) || errors.Is(err, ErrClosed) {
			return Usage{}, fmt.Errorf("settle of reservation %q, %d ms: %w", r.o.Stream, ms, err)
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return Usage{}, fmt.Errorf("settle of reservation %q, %d ms: %w", r.o.Stream, ms, errors.Join(err, ctx.Err()))
		}
	}
}
