package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	defaultSlice   = 5000 // ms
	defaultTimeout = 2 * time.Second
	firstBackoff   = 250 * time.Millisecond
	longestBackoff = 5 * time.Second
	maxReplans     = 3 // leases in one refill, should every answer change the plan
	settleTries    = 5

	logStream = "stream"
	logError  = "error"
)

// Opening is what a stream's account starts from.
type Opening struct {
	User     string
	Stream   string
	Provider string
	// Plan says which budgets apply to a user in a state. It is asked again with
	// every lease, so that a changed stage reaches a running stream within one.
	// It is pure and must not block.
	Plan func(s State, at time.Time) []Scope
	// Slice is how much audio is bought ahead, in milliseconds (default 5000).
	Slice int64
	// Timeout bounds each call to the ledger (default 2 s).
	Timeout time.Duration
	// Reported says that what Account.Report was told is charged, and not what was bought.
	// Buying stays the brake: nothing is forwarded that was not bought.
	Reported bool
	// Log is told when the store begins to fail and when it is back. Nil: nobody.
	Log *slog.Logger
	// Observe, where set, is told of every call to the ledger: op is "lease" or
	// "settle", result is "granted", "exhausted", "error". A settle that arrived
	// is "granted"; of an error class says which (Class). It is called from several
	// goroutines and must not block.
	Observe func(op, result, class string, took time.Duration)
	// Leased, where set, is told of every answer to an account's lease: how the budgets stand. It is called from several
	// goroutines and must not block. A reservation tells nothing: what it holds may come back whole.
	Leased func(Grant)
}

// Account is one stream's purse. Spend, Wait and Ask belong to the goroutine that
// reads the audio; everything else is safe from any goroutine.
type Account struct {
	ledger  Ledger
	early   Deferrer // the same, where it can promise; nil where it cannot
	patient *Patient // the same, where it outlasts outages; nil where it does not
	o       Opening

	mu      sync.Mutex
	spent   int64
	told    int64    // the vendor's newest figure; -1 before the first
	heard   int64    // ms of speech
	owed    int64    // the highest that a lease has reported, where reports are charged
	ceiling int64    // of the newest grant; may be below spent, and is 0 as long as receipt is open
	receipt *Receipt // of a grant that the disk may not have yet; nil without one
	low     int64    // ms in hand at which a refill starts: a third of what was bought ahead
	grant   Grant
	scopes  []Scope       // that grant was leased under
	got     time.Time     // when grant arrived, by this process's clock
	refill  chan struct{} // closed when the refill under way is over; nil without one
	dryAt   int64         // spent as the newest grant fell short of what was asked; -1 when it did not
	failed  error         // the last try's; nil when it succeeded
	retryAt time.Time
	backoff time.Duration
	asked   bool // a lease was asked for; its answer may have been lost
	broke   bool // nothing more is lent in this outage
	over    bool // closed, or settled by someone else: nothing may be spent

	closing bool
	closed  chan struct{} // closed when lost stands
	lost    error
}

// Open buys the first slice. The account is usable when err is nil even if
// nothing was granted (Grant.Ceiling == 0): the caller decides what to tell the
// client, and must Close it in every case. A Deferrer's first slice may still be on its way to
// the disk: the first Spend waits for it where need be. The account is never nil: after an
// error the answer may have been lost, and only Close makes sure that nothing
// stays charged.
func Open(ctx context.Context, l Ledger, o Opening) (*Account, Grant, error) {
	if o.Slice <= 0 {
		o.Slice = defaultSlice
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &Account{ledger: l, o: o, dryAt: -1, told: -1, closed: make(chan struct{})}
	a.early, _ = l.(Deferrer)
	a.patient, _ = l.(*Patient)
	if _, err := checkRequest(Request{User: o.User, Stream: o.Stream}); err != nil || o.Plan == nil {
		a.over, a.closing = true, true // there is nothing to settle
		close(a.closed)
		return a, Grant{}, errors.Join(err, errIf(o.Plan == nil, "an account needs a plan"))
	}
	err := a.buy(ctx, 0, a.early != nil)
	a.result(err)
	if err != nil && ctx.Err() == nil && retryable(err) {
		a.borrow(0)
		if g := a.Last(); g.Ceiling > 0 {
			return a, g, nil
		}
	}
	return a, a.Last(), err
}

func errIf(yes bool, what string) error {
	if yes {
		return fmt.Errorf("%w: %s", ErrInvalid, what)
	}
	return nil
}

// Spend buys ms more milliseconds from the lease in hand, all or nothing. It never touches the
// network. It starts a refill in the background when a third of the slice is left.
// ErrPending: the lease is too small and a refill is under way (Wait, then call again);
// ErrExhausted: the budgets have no room for ms more; ErrOutage: the store failed and the lease in hand is used up.
func (a *Account) Spend(ms int64) error {
	a.mu.Lock()
	if ms < 0 || ms > a.ceiling-a.spent || a.over {
		err := a.short(ms)
		a.mu.Unlock()
		return err
	}
	a.spent += ms
	if a.ceiling-a.spent <= a.low && a.refill == nil && a.receipt == nil && a.dryAt < 0 &&
		(a.failed == nil || a.mayBorrow() || !time.Now().Before(a.retryAt)) {
		a.start(0)
	}
	a.mu.Unlock()
	return nil
}

// short says why ms cannot be had. It is called with the lock held.
func (a *Account) short(ms int64) error {
	switch {
	case a.over:
		return fmt.Errorf("%w: %w", ErrExhausted, ErrSettled)
	case ms < 0 || ms > maxAmount:
		return fmt.Errorf("%w: %d ms", ErrInvalid, ms)
	case a.refill != nil:
		return ErrPending
	case a.receipt != nil:
		return a.redeem(ms)
	case a.mayBorrow():
		a.start(ms)
		return ErrPending
	case a.failed != nil:
		if !time.Now().Before(a.retryAt) {
			a.start(ms)
		}
		return ErrOutage
	case a.dryAt == a.spent:
		return ErrExhausted
	}
	// Either nothing was asked yet that would do, or the grant that fell short is
	// older than what was spent of it: others may have given back since.
	a.start(ms)
	return ErrPending
}

// redeem spends from a grant that was a promise, or waits until it is none. It is
// called with the lock held.
func (a *Account) redeem(ms int64) error {
	if !a.receipt.Written() {
		a.background(func(ctx context.Context) { a.result(a.callIn(ctx)) })
		return ErrPending
	}
	a.kept()
	if ms > a.ceiling-a.spent {
		return a.short(ms)
	}
	a.spent += ms
	return nil
}

// kept makes a promise good. It is called with the lock held.
func (a *Account) kept() {
	a.ceiling, a.receipt = a.grant.Ceiling, nil
}

// callIn waits until the disk has the lease.
func (a *Account) callIn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.o.Timeout)
	defer cancel()
	began := time.Now()
	err := a.receipt.Wait(ctx) // nobody else sets it while a refill is under way
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.receipt = nil // what it promised is asked for again, with absolute numbers
		a.o.observeError("lease", err, began)
		return fmt.Errorf("stream %q: %w", a.o.Stream, err)
	}
	a.kept()
	return nil
}

// start begins a refill. It is called with the lock held and without a refill under way. While
// a store that failed is left alone and there is something to borrow, it does only that.
func (a *Account) start(need int64) {
	if a.mayBorrow() && time.Now().Before(a.retryAt) {
		a.background(func(context.Context) { a.borrow(need) })
		return
	}
	a.try(need)
}

// try asks the store, and borrows where it fails. It is called as start is.
func (a *Account) try(need int64) {
	a.background(func(ctx context.Context) {
		err := a.buy(ctx, need, false)
		if a.result(err); err != nil && retryable(err) {
			a.borrow(need)
		}
	})
}

// background is where an account talks to the ledger while audio flows.
func (a *Account) background(talk func(context.Context)) {
	done := make(chan struct{})
	a.refill = done
	go func() {
		// Not the client's context: the refill of a stream that hangs up is
		// settled by Close, which waits for it.
		talk(context.Background())
		a.mu.Lock()
		a.refill = nil
		a.mu.Unlock()
		close(done)
	}()
}

// Wait returns when no refill is under way (at once if none is), or with ctx's error.
func (a *Account) Wait(ctx context.Context) error {
	for {
		a.mu.Lock()
		done := a.refill
		a.mu.Unlock()
		if done == nil {
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ask starts a refill of at least ms unless one is under way: how a stream that is dropping learns that its budget came back.
func (a *Account) Ask(ms int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refill == nil && !a.over {
		a.try(min(max(ms, 0), maxAmount))
	}
}

// Spent is the total of successful Spend calls, in milliseconds.
func (a *Account) Spent() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spent
}

// Last is the newest grant.
func (a *Account) Last() Grant {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.grant
}

// buy leases a slice, or need if that is more, beyond what is spent. When the
// answer's state plans other budgets than were asked, it leases again under those.
// soon takes a promise for an answer.
func (a *Account) buy(ctx context.Context, need int64, soon bool) error {
	scopes, err := a.plan(ctx)
	if err != nil {
		return err
	}
	for range maxReplans {
		a.mu.Lock()
		r := Request{User: a.o.User, Stream: a.o.Stream, Provider: a.o.Provider, Scopes: scopes, Spent: a.owes(), Speech: a.heard}
		bought := a.spent
		slice := ahead(a.o.Slice, a.spent == 0, scopes, a.grant.Balances)
		a.low = slice / 3
		// A stream that began on a loan has all of it to pay to what applies: its first
		// lease says that nothing is spent, and the next one what is.
		first := a.got.IsZero() && a.spent > 0
		if first {
			r.Spent = 0
		}
		a.mu.Unlock()
		r.Ceiling = plus(bought, max(slice, need))
		g, receipt, err := a.lease(ctx, r, soon)
		if err != nil {
			return err
		}
		next := a.o.Plan(g.State, g.At)
		a.take(g, r, bought, receipt)
		if slices.Equal(next, scopes) && !first {
			return nil
		}
		scopes = next
	}
	return nil
}

// plan is what applies by the newest grant, at what the store's clock must read
// by now. Before the first grant the store is asked.
func (a *Account) plan(ctx context.Context) ([]Scope, error) {
	a.mu.Lock()
	g, got := a.grant, a.got
	a.mu.Unlock()
	if got.IsZero() {
		u, err := a.usage(ctx)
		if err != nil {
			return nil, err
		}
		g, got = Grant{State: u.State, At: u.At}, time.Now()
	}
	return a.o.Plan(g.State, g.At.Add(time.Since(got))), nil
}

// take makes a grant the newest. bought is what was spent when it was asked for.
func (a *Account) take(g Grant, r Request, bought int64, receipt *Receipt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grant, a.got, a.ceiling, a.scopes, a.receipt = g, time.Now(), g.Ceiling, r.Scopes, nil
	if receipt != nil && g.Ceiling > 0 {
		a.ceiling, a.receipt = 0, receipt
	}
	a.dryAt = -1
	if g.Ceiling < r.Ceiling {
		a.dryAt = bought
	}
}

// result notes how the last try ended and, after a failure, when to try again.
func (a *Account) result(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.failed
	switch {
	case err == nil:
		a.failed, a.backoff, a.broke = nil, 0, false
		if before != nil {
			a.o.Log.Info("ledger answers again", slog.String(logStream, a.o.Stream))
		}
	case errors.Is(err, ErrSettled):
		a.over, a.failed = true, nil
		a.o.Log.Warn("stream was settled by someone else", slog.String(logStream, a.o.Stream))
	default:
		a.failed = err
		a.backoff = min(max(2*a.backoff, firstBackoff), longestBackoff)
		a.retryAt = time.Now().Add(a.backoff)
		if before == nil {
			a.o.Log.Warn("ledger does not answer", slog.String(logStream, a.o.Stream), slog.Any(logError, err))
		}
	}
}
