package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func TestAccountInAnOutage(t *testing.T) {
	bubble("spends what it has, backs off, and comes back", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(1 << 40)), Slice: 15_000})
		b.set(errDown, nil, nil)
		if err := spend(t, a, 100, 99_999); !errors.Is(err, ledger.ErrOutage) || a.Spent() != 3000 {
			t.Fatal(err, a.Spent())
		}
		calls := b.leases.Load()
		for range 60 * 50 { // a minute of frames
			if err := a.Spend(20); !errors.Is(err, ledger.ErrOutage) && !errors.Is(err, ledger.ErrPending) {
				t.Fatal(err)
			}
			synctest.Wait()
			pass(20 * time.Millisecond)
		}
		// 0.25, 0.5, 1, 2, 4, then every 5 s: about 15 in a minute.
		if n := b.leases.Load() - calls; n < 10 || n > 20 {
			t.Fatalf("%d tries in a minute", n)
		}
		b.set(nil, nil, nil)
		a.Ask(20)
		if err := spend(t, a, 20, 2000); err != nil {
			t.Fatal(err)
		}
		closeAccount(t, a)
		if n := used(t, b, daily(0)); n != 5000 {
			t.Fatalf("%d used", n)
		}
	})
	bubble("comes back by itself while frames arrive", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(1 << 40)), Slice: 15_000})
		b.set(errDown, nil, nil)
		if err := spend(t, a, 100, 99_999); !errors.Is(err, ledger.ErrOutage) {
			t.Fatal(err)
		}
		b.set(nil, nil, nil)
		pass(10 * time.Second)
		if err := a.Spend(100); !errors.Is(err, ledger.ErrOutage) {
			t.Fatal(err) // this one starts the refill
		}
		if err := a.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := a.Spend(100); err != nil {
			t.Fatal(err)
		}
		closeAccount(t, a)
	})
	bubble("an answer that was lost is not charged twice", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(1 << 40)), Slice: 15_000})
		b.set(nil, errDown, nil)
		if err := spend(t, a, 100, 99_999); !errors.Is(err, ledger.ErrOutage) || a.Spent() != 3000 {
			t.Fatal(err, a.Spent())
		}
		b.set(nil, nil, nil)
		closeAccount(t, a)
		if n := used(t, b, daily(0)); n != 3000 {
			t.Fatalf("%d used", n)
		}
	})
	bubble("a store that hangs is left after the timeout", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(1 << 40)), Slice: 15_000, Timeout: time.Second})
		b.set(nil, nil, make(chan struct{}))
		began := time.Now()
		if err := spend(t, a, 100, 99_999); !errors.Is(err, ledger.ErrOutage) || time.Since(began) != time.Second {
			t.Fatal(err, time.Since(began))
		}
		b.set(nil, nil, nil)
		closeAccount(t, a)
	})
	bubble("opening fails and closing still makes sure", t, func(t *testing.T) {
		b := &broken{Store: ledger.NewMemory(time.Now, nil), after: errDown}
		a, g, err := ledger.Open(t.Context(), b, ledger.Opening{User: "u", Stream: "a", Plan: always(daily(60_000))})
		if !errors.Is(err, errDown) || g.Ceiling != 0 {
			t.Fatalf("%+v, %v", g, err)
		}
		if n := used(t, b, daily(0)); n != 1000 {
			t.Fatalf("%d used: the lease was to be carried out", n)
		}
		b.set(nil, nil, nil)
		closeAccount(t, a)
		if n := used(t, b, daily(0)); n != 0 {
			t.Fatalf("%d stay charged", n)
		}
	})
	bubble("an account that could not be opened is usable when the store is back", t, func(t *testing.T) {
		b := &broken{Store: ledger.NewMemory(time.Now, nil), fail: errDown}
		a, _, err := ledger.Open(t.Context(), b, ledger.Opening{User: "u", Stream: "a", Plan: func(_ ledger.State, at time.Time) []ledger.Scope {
			if time.Since(at).Abs() > time.Minute {
				t.Errorf("planned for %v", at)
			}
			return []ledger.Scope{daily(60_000)}
		}})
		if !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		if err := a.Spend(20); !errors.Is(err, ledger.ErrOutage) {
			t.Fatal(err)
		}
		b.set(nil, nil, nil)
		a.Ask(20)
		if err := spend(t, a, 20, 100); err != nil {
			t.Fatal(err)
		}
		closeAccount(t, a)
	})
}

func TestAccountSettlesOnce(t *testing.T) {
	bubble("whoever closes, and after the refill", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(60_000)), Slice: 15_000})
		hang := make(chan struct{})
		b.set(nil, nil, hang)
		for range 25 {
			if err := a.Spend(100); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := a.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if b.settles.Load() != 0 || b.leases.Load() != 2 {
			t.Fatalf("%d settles, %d leases while the refill is under way", b.settles.Load(), b.leases.Load())
		}
		if err := a.Spend(100); !errors.Is(err, ledger.ErrExhausted) {
			t.Fatalf("spent after close: %v", err)
		}
		a.Ask(100)
		b.set(nil, nil, nil)
		close(hang)
		wg.Wait()
		if b.settles.Load() != 1 || b.leases.Load() != 2 || used(t, b, daily(0)) != 2500 {
			t.Fatalf("%d settles, %d leases, %d used", b.settles.Load(), b.leases.Load(), used(t, b, daily(0)))
		}
	})
	bubble("also when the store answers late", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(60_000))})
		if err := a.Spend(100); err != nil {
			t.Fatal(err)
		}
		b.set(errDown, nil, nil)
		go func() {
			pass(500 * time.Millisecond)
			b.set(nil, nil, nil)
		}()
		closeAccount(t, a)
		if n := used(t, b, daily(0)); n != 100 {
			t.Fatalf("%d used", n)
		}
	})
	bubble("and says when the settle is lost", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(60_000))})
		b.set(errDown, nil, nil)
		first := a.Close(t.Context())
		calls := b.settles.Load()
		if !errors.Is(first, errDown) || calls < 2 || calls > 10 {
			t.Fatalf("%v after %d tries", first, calls)
		}
		if err := a.Close(t.Context()); !errors.Is(err, errDown) || b.settles.Load() != calls {
			t.Fatalf("%v, %d more tries", err, b.settles.Load()-calls)
		}
	})
	bubble("within the context", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(60_000))})
		b.set(nil, nil, make(chan struct{}))
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := a.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 700*time.Millisecond {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
	})
	bubble("a stream that was settled by someone else spends nothing more", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(60_000)), Slice: 15_000})
		if _, err := b.Store.Settle(t.Context(), ledger.Request{User: "u", Stream: "a"}); err != nil {
			t.Fatal(err)
		}
		a.Ask(0)
		if err := a.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := a.Spend(20); !errors.Is(err, ledger.ErrExhausted) || !errors.Is(err, ledger.ErrSettled) {
			t.Fatal(err)
		}
		closeAccount(t, a)
	})
}

func TestAnOpeningThatIsWrongIsRefused(t *testing.T) {
	m := ledger.NewMemory(nil, nil)
	for _, o := range []ledger.Opening{
		{Stream: "a", Plan: always()}, {User: "u", Plan: always()}, {User: "u", Stream: "a"},
	} {
		a, _, err := ledger.Open(t.Context(), m, o)
		if !errors.Is(err, ledger.ErrInvalid) {
			t.Errorf("%+v: %v", o, err)
		}
		if err := a.Spend(1); !errors.Is(err, ledger.ErrExhausted) {
			t.Error(err)
		}
		closeAccount(t, a)
	}
	a, _, err := ledger.Open(t.Context(), m, ledger.Opening{User: "u", Stream: "a", Plan: always()})
	if err != nil {
		t.Fatal(err)
	}
	for _, ms := range []int64{-1, 1 << 62} {
		if err := a.Spend(ms); !errors.Is(err, ledger.ErrInvalid) {
			t.Errorf("spend %d: %v", ms, err)
		}
	}
	closeAccount(t, a)
}

func TestEveryCallIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []string
		b := &broken{Store: ledger.NewMemory(time.Now, nil)}
		a, _, err := ledger.Open(t.Context(), b, ledger.Opening{
			User: "u", Stream: "a", Plan: always(daily(100)),
			Observe: func(op, result, class string, took time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, fmt.Sprint(op, " ", result, class, " ", took))
			},
			Leased: func(g ledger.Grant) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, fmt.Sprint("left ", g.Balances[0].Remaining))
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := spend(t, a, 100, 200); !errors.Is(err, ledger.ErrExhausted) {
			t.Fatal(err)
		}
		b.set(errDown, nil, nil)
		a.Ask(1)
		if err := a.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.set(nil, nil, nil)
		closeAccount(t, a)
		want := []string{"lease granted 0s", "left 0", "lease exhausted 0s", "left 0", "lease errorother 0s", "settle granted 0s"}
		if !slices.Equal(seen, want) {
			t.Fatalf("%q", seen)
		}
	})
}

func TestSpendingAllocatesNothing(t *testing.T) {
	a, _, err := ledger.Open(t.Context(), ledger.NewMemory(nil, nil), ledger.Opening{User: "u", Stream: "a", Plan: always(), Slice: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { _ = a.Spend(20) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
	closeAccount(t, a)
}
