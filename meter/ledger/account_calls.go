package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Report tells what the vendor says that the stream has come to, in milliseconds. The last word
// counts. It changes what is charged where Opening.Reported is set, else nothing.
func (a *Account) Report(ms int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closing {
		a.told = min(max(ms, 0), maxAmount)
	}
}

// Heard tells how much of the stream was speech so far, in milliseconds. The next call to the
// ledger reports it; no budget counts it. It never becomes less.
func (a *Account) Heard(ms int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closing {
		a.heard = max(a.heard, min(ms, maxAmount))
	}
}

// Charged is what Close charges, or has charged: Spent, or what was reported.
func (a *Account) Charged() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.charge()
}

// charge is what the stream costs as it stands. It is called with the lock held.
func (a *Account) charge() int64 {
	if !a.o.Reported || a.told < 0 {
		return a.spent
	}
	return max(a.told, a.owed) // what a lease has reported cannot be taken back
}

// owes is what a lease reports: no more than is sure to be charged in the end, for a settle
// can add and not take back. It is called with the lock held.
func (a *Account) owes() int64 {
	if !a.o.Reported {
		return a.spent
	}
	a.owed = max(a.owed, min(a.told, a.spent), 0)
	return a.owed
}

// observe tells what a call took.
func (o Opening) observe(op, result string, since time.Time) {
	if o.Observe != nil {
		o.Observe(op, result, "", time.Since(since))
	}
}

// observeError tells of a call that failed.
func (o Opening) observeError(op string, err error, since time.Time) {
	if o.Observe != nil {
		o.Observe(op, "error", Class(err), time.Since(since))
	}
}

// usage reads the user's state, which the first plan needs.
func (a *Account) usage(ctx context.Context) (Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.Timeout)
	defer cancel()
	began := time.Now()
	u, err := a.ledger.Usage(ctx, Query{User: a.o.User})
	if err != nil {
		a.o.observeError("lease", err, began)
		return Usage{}, fmt.Errorf("state of a stream's user: %w", err)
	}
	return u, nil
}

func (a *Account) lease(ctx context.Context, r Request, soon bool) (g Grant, receipt *Receipt, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.Timeout)
	defer cancel()
	began := time.Now()
	a.mu.Lock()
	a.asked = true
	spent := r.Spent
	if a.o.Reported {
		spent = a.spent
	}
	a.mu.Unlock()
	if soon {
		g, receipt, err = a.early.LeaseSoon(ctx, r)
	} else {
		g, err = a.ledger.Lease(ctx, r)
	}
	switch {
	case err != nil:
		a.o.observeError("lease", err, began)
		return Grant{}, nil, fmt.Errorf("stream %q: %w", r.Stream, err)
	case g.Ceiling <= spent:
		a.o.observe("lease", "exhausted", began)
	default:
		a.o.observe("lease", "granted", began)
	}
	if a.o.Leased != nil {
		a.o.Leased(g)
	}
	return g, receipt, nil
}

// Close settles, once: the first call waits for a refill under way, charges Charged and gives
// the rest back; later calls return the same error. The caller passes a context that is not the client's:
// accounting must not stop because the client hung up. A store that fails is asked
// up to five times within ctx. A Patient one is asked once and then takes the settle over: until it is in
// the journal, a process that dies leaves the whole lease charged. The error says that the
// settle may be lost and the lease stays charged until the process ends.
func (a *Account) Close(ctx context.Context) error {
	a.mu.Lock()
	first := !a.closing
	a.closing, a.over = true, true // from here on Spent stands
	a.mu.Unlock()
	if !first {
		select {
		case <-a.closed:
			return a.lost
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer close(a.closed)
	err := a.Wait(ctx)
	if err == nil {
		err = a.settleNow(ctx)
	}
	if err != nil {
		err = a.owe(err)
	}
	if err != nil {
		a.lost = fmt.Errorf("settle of stream %q, %d ms: %w", a.o.Stream, a.Charged(), err)
	}
	return a.lost
}

func (a *Account) settleNow(ctx context.Context) error {
	a.mu.Lock()
	r := Request{User: a.o.User, Stream: a.o.Stream, Provider: a.o.Provider, Scopes: a.scopes, Spent: a.charge(), Speech: a.heard}
	// A stream that lived on a loan alone has never learned what applies.
	unplanned := a.got.IsZero() && r.Spent > 0
	untouched := !a.asked && a.ceiling == 0 && r.Spent == 0
	a.mu.Unlock()
	if untouched { // the store did not even say what applies: it holds nothing of this stream
		return nil
	}
	pause, tries := firstBackoff/2, settleTries
	if a.patient != nil {
		tries = 1
	}
	for try := 1; ; try++ {
		began := time.Now()
		err := a.settleOnce(ctx, r, unplanned)
		if err == nil {
			a.o.observe("settle", "granted", began)
			return nil
		}
		a.o.observeError("settle", err, began)
		if try == tries || errors.Is(err, ErrInvalid) || errors.Is(err, ErrClosed) {
			return err
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

func (a *Account) settleOnce(ctx context.Context, r Request, unplanned bool) error {
	ctx, cancel := context.WithTimeout(ctx, a.o.Timeout)
	defer cancel()
	if unplanned {
		u, err := a.ledger.Usage(ctx, Query{User: r.User})
		if err != nil {
			return err
		}
		r.Scopes = a.o.Plan(u.State, u.At)
		g, err := a.ledger.Lease(ctx, r.opening())
		if err != nil {
			return err
		}
		a.take(g, r, 0, nil)
	}
	_, err := a.ledger.Settle(ctx, r)
	return err
}

// opening is the lease that comes before a settle of a stream that no lease has been answered: it buys nothing
// and leaves a record for days. A settle that comes late then finds that, or knows that it was told before.
func (r Request) opening() Request {
	r.Ceiling, r.Spent, r.Speech = 0, 0, 0
	return r
}
