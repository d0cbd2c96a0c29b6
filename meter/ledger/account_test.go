package ledger_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// broken is a store whose calls fail or hang on demand, and are counted.
type broken struct {
	ledger.Store
	leases, settles atomic.Int64
	mu              sync.Mutex
	fail            error         // what calls answer
	hang            chan struct{} // calls wait for it, or for their context
	after           error         // what calls answer although they were carried out
}

func (b *broken) set(fail, after error, hang chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail, b.after, b.hang = fail, after, hang
}

func (b *broken) pass(ctx context.Context) (after, err error) {
	b.mu.Lock()
	fail, after, hang := b.fail, b.after, b.hang
	b.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return after, fail
}

func (b *broken) Lease(ctx context.Context, r ledger.Request) (ledger.Grant, error) {
	b.leases.Add(1)
	after, err := b.pass(ctx)
	if err != nil {
		return ledger.Grant{}, err
	}
	g, err := b.Store.Lease(ctx, r)
	if after != nil {
		return ledger.Grant{}, after
	}
	return g, err
}

func (b *broken) Settle(ctx context.Context, r ledger.Request) (ledger.Usage, error) {
	b.settles.Add(1)
	after, err := b.pass(ctx)
	if err != nil {
		return ledger.Usage{}, err
	}
	u, err := b.Store.Settle(ctx, r)
	return u, errors.Join(err, after)
}

func (b *broken) Usage(ctx context.Context, q ledger.Query) (ledger.Usage, error) {
	if _, err := b.pass(ctx); err != nil {
		return ledger.Usage{}, err
	}
	return b.Store.Usage(ctx, q)
}

var errDown = errors.New("store is down")

func daily(limit int64) ledger.Scope {
	return ledger.Scope{Budget: "daily", Owner: "user:u", Window: ledger.Window{Unit: ledger.Day}, Limit: limit}
}

func always(scopes ...ledger.Scope) func(ledger.State, time.Time) []ledger.Scope {
	return func(ledger.State, time.Time) []ledger.Scope { return scopes }
}

// purse opens an account on a memory store under the clock of the bubble.
func purse(t *testing.T, o ledger.Opening) (*ledger.Account, *broken) {
	t.Helper()
	b := &broken{Store: ledger.NewMemory(time.Now, time.UTC)}
	o.User, o.Stream = "u", "a"
	a, _, err := ledger.Open(t.Context(), b, o)
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func pass(d time.Duration) { <-time.After(d) }

// spend buys in frames, waiting where it must, until it has total or cannot go on.
func spend(t *testing.T, a *ledger.Account, frame, total int64) error {
	t.Helper()
	for done := int64(0); done < total; {
		switch err := a.Spend(frame); {
		case errors.Is(err, ledger.ErrPending):
			if err := a.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		case err != nil:
			return err
		default:
			done += frame
		}
	}
	return nil
}

func used(t *testing.T, s ledger.Store, sc ledger.Scope) int64 {
	t.Helper()
	u, err := s.Usage(context.Background(), ledger.Query{User: "u", Scopes: []ledger.Scope{sc}})
	if err != nil {
		t.Fatal(err)
	}
	return u.Balances[0].Used
}

func closeAccount(t *testing.T, a *ledger.Account) {
	t.Helper()
	if err := a.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func bubble(name string, t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func TestAccountBuysAhead(t *testing.T) {
	bubble("a refill starts when a third is left, and none while idle", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(60_000)), Slice: 15_000})
		for range 19 {
			if err := a.Spend(100); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := b.leases.Load(); n != 1 {
			t.Fatalf("%d leases with more than a third left", n)
		}
		if err := a.Spend(100); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		pass(time.Hour)
		if n := b.leases.Load(); n != 2 || a.Last().Ceiling != 2000+7100 { // an eighth of what is left
			t.Fatalf("%d leases, ceiling %d", n, a.Last().Ceiling)
		}
		closeAccount(t, a)
		if n := used(t, b, daily(60_000)); n != 2000 {
			t.Fatalf("%d used", n)
		}
	})
	bubble("a frame larger than a slice is bought whole", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(60_000)), Slice: 100})
		if err := a.Spend(7000); !errors.Is(err, ledger.ErrPending) {
			t.Fatal(err)
		}
		if err := spend(t, a, 7000, 7000); err != nil {
			t.Fatal(err)
		}
		closeAccount(t, a)
		if n := used(t, b, daily(60_000)); n != 7000 {
			t.Fatalf("%d used", n)
		}
	})
	bubble("spending never waits for the store", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(60_000)), Slice: 15_000})
		hang := make(chan struct{})
		b.set(nil, nil, hang)
		began := time.Now()
		for range 30 {
			if err := a.Spend(100); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Spend(100); !errors.Is(err, ledger.ErrPending) {
			t.Fatal(err)
		}
		if time.Since(began) != 0 || b.leases.Load() > 2 {
			t.Fatalf("%v, %d leases", time.Since(began), b.leases.Load())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		close(hang)
		if err := spend(t, a, 100, 100); err != nil {
			t.Fatal(err)
		}
		closeAccount(t, a)
	})
	bubble("a stream of 25 hours pays each day", t, func(t *testing.T) {
		// The bubble's clock starts at midnight UTC.
		month := ledger.Scope{Budget: "monthly", Owner: "user:u", Window: ledger.Window{Unit: ledger.Month}, Limit: 1 << 40}
		a, b := purse(t, ledger.Opening{Plan: always(daily(24*3600_000+10_000), month)})
		for range 25 * 3600 {
			if err := spend(t, a, 1000, 1000); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		closeAccount(t, a)
		today := used(t, b, daily(0))
		if today < 3600_000-5000 || today > 3600_000+5000 {
			t.Errorf("%d ms on the second day", today)
		}
		if n := used(t, b, month); n != 25*3600_000 {
			t.Errorf("%d ms in the month", n)
		}
	})
}

func TestAccountStopsWhenTheBudgetIsSpent(t *testing.T) {
	bubble("exactly at the limit, and cheaply from then on", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(12_350)), Slice: 5000})
		if err := spend(t, a, 100, 99_999); !errors.Is(err, ledger.ErrExhausted) {
			t.Fatal(err)
		}
		if a.Spent() != 12_300 {
			t.Fatalf("%d spent", a.Spent())
		}
		calls := b.leases.Load()
		for range 1000 {
			if err := a.Spend(100); !errors.Is(err, ledger.ErrExhausted) {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := b.leases.Load(); n != calls {
			t.Fatalf("%d leases asked in vain", n-calls)
		}
		if err := a.Spend(50); err != nil {
			t.Fatalf("what is left cannot be spent: %v", err)
		}
		closeAccount(t, a)
		if n := used(t, b, daily(0)); n != 12_350 {
			t.Fatalf("%d used", n)
		}
	})
	bubble("a grant that fell short is spent without asking for more", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(900)), Slice: 5000})
		for range 9 {
			if err := a.Spend(100); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if n := b.leases.Load(); n != 1 {
			t.Fatalf("%d leases", n)
		}
		closeAccount(t, a)
	})
	bubble("and goes on when asking finds more", t, func(t *testing.T) {
		a, _ := purse(t, ledger.Opening{Plan: always(daily(1000)), Slice: 5000})
		if err := spend(t, a, 100, 2000); !errors.Is(err, ledger.ErrExhausted) || a.Spent() != 1000 {
			t.Fatal(err, a.Spent())
		}
		pass(24 * time.Hour)
		if err := a.Spend(100); !errors.Is(err, ledger.ErrExhausted) {
			t.Fatalf("without asking: %v", err)
		}
		a.Ask(100)
		if err := spend(t, a, 100, 1000); err != nil {
			t.Fatal(err)
		}
		closeAccount(t, a)
	})
	bubble("nothing granted is no error at opening", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(0))})
		if a.Last().Ceiling != 0 || len(a.Last().Balances) != 1 {
			t.Fatalf("%+v", a.Last())
		}
		if err := spend(t, a, 20, 20); !errors.Is(err, ledger.ErrExhausted) {
			t.Fatal(err)
		}
		closeAccount(t, a)
		if b.settles.Load() != 1 {
			t.Fatalf("%d settles", b.settles.Load())
		}
	})
	bubble("what another stream gave back is found at the end of a short lease", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(6000)), Slice: 5000})
		other, _, err := ledger.Open(t.Context(), b, ledger.Opening{User: "u", Stream: "b", Plan: always(daily(6000)), Slice: 5000})
		if err != nil || other.Last().Ceiling != 1000 {
			t.Fatal(err, other.Last().Ceiling)
		}
		closeAccount(t, a)
		if err := spend(t, other, 100, 6000); err != nil {
			t.Fatal(err)
		}
		closeAccount(t, other)
	})
}

// byState plans the scope when the user has a record.
func byState(scopes ...ledger.Scope) func(ledger.State, time.Time) []ledger.Scope {
	return func(s ledger.State, _ time.Time) []ledger.Scope {
		if s.Version == 0 {
			return nil
		}
		return scopes
	}
}

func TestAChangedStateReachesARunningStream(t *testing.T) {
	bubble("within one lease", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: byState(daily(2000)), Slice: 3000})
		if err := spend(t, a, 100, 10_000); err != nil {
			t.Fatal(err)
		}
		if _, err := b.SetState(t.Context(), "u", ledger.State{Data: []byte("restrict")}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		at := a.Spent()
		if err := spend(t, a, 100, 99_999); !errors.Is(err, ledger.ErrExhausted) {
			t.Fatal(err)
		}
		if n := a.Spent() - at; n < 2000 || n > 2000+3000 {
			t.Fatalf("%d ms went on, want the budget and at most a slice", n)
		}
		closeAccount(t, a)
		if n := used(t, b, daily(0)); n != 2000 {
			t.Fatalf("%d used", n)
		}
	})
	bubble("at once when the new budget is empty", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: byState(daily(0)), Slice: 3000})
		if err := spend(t, a, 100, 1000); err != nil {
			t.Fatal(err)
		}
		if _, err := b.SetState(t.Context(), "u", ledger.State{}); err != nil {
			t.Fatal(err)
		}
		a.Ask(0)
		if err := a.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := spend(t, a, 100, 100); !errors.Is(err, ledger.ErrExhausted) || a.Spent() != 1000 {
			t.Fatal(err, a.Spent())
		}
		closeAccount(t, a)
	})
	bubble("before the first slice", t, func(t *testing.T) {
		b := ledger.NewMemory(time.Now, nil)
		if _, err := b.SetState(t.Context(), "u", ledger.State{}); err != nil {
			t.Fatal(err)
		}
		a, g, err := ledger.Open(t.Context(), b, ledger.Opening{User: "u", Stream: "a", Plan: byState(daily(700))})
		if err != nil || g.Ceiling != 700 || len(g.Balances) != 1 {
			t.Fatalf("%+v, %v", g, err)
		}
		closeAccount(t, a)
	})
	bubble("a plan that never settles costs three leases", t, func(t *testing.T) {
		n := int64(0)
		a, b := purse(t, ledger.Opening{Plan: func(ledger.State, time.Time) []ledger.Scope {
			n++
			return []ledger.Scope{daily(50_000 + n)}
		}})
		if b.leases.Load() != 3 || a.Last().Ceiling != 1000 {
			t.Fatalf("%d leases, ceiling %d", b.leases.Load(), a.Last().Ceiling)
		}
		closeAccount(t, a)
	})
}
