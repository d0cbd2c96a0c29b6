package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// dark is a store that fails on demand behind one that outlasts it.
type dark struct {
	*ledger.Patient
	b    *broken
	dir  string
	t    *testing.T
	c    ledger.OutageConfig
	lent atomic.Int64
}

func newDark(t *testing.T, c ledger.OutageConfig) *dark {
	t.Helper()
	d := &dark{t: t, c: c, dir: t.TempDir(), b: &broken{Store: ledger.NewMemory(nil, nil)}}
	d.open()
	t.Cleanup(func() { closeStore(t, d.Patient) })
	return d
}

// lasting is a store that survives its gateway.
type lasting struct{ *broken }

func (lasting) Close() error { return nil }

func (d *dark) open() {
	d.t.Helper()
	p, err := ledger.NewPatient(lasting{d.b}, d.dir, d.c, ledger.PatientOptions{Lent: func(ms int64) { d.lent.Add(ms) }})
	if err != nil {
		d.t.Fatal(err)
	}
	d.Patient = p
}

// die is a gateway that is gone without settling anything.
func (d *dark) die() {
	d.t.Helper()
	if err := d.Close(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *dark) stream(id string, scopes ...ledger.Scope) (*ledger.Account, error) {
	a, _, err := ledger.Open(d.t.Context(), d.Patient, ledger.Opening{User: "u", Stream: id, Slice: 1000, Plan: always(scopes...)})
	return a, err
}

// burn spends frames of 20 ms until there are no more, and returns how much.
func burn(t *testing.T, a *ledger.Account, want error) int64 {
	t.Helper()
	before := a.Spent()
	for {
		err := a.Spend(20)
		if errors.Is(err, ledger.ErrPending) {
			err = a.Wait(t.Context())
		}
		if errors.Is(err, want) {
			return a.Spent() - before
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// quiet closes an account whose store is down, or hangs.
func (d *dark) quiet(a *ledger.Account) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		d.t.Fatal(err)
	}
}

// settled waits until the books show what was forwarded.
func (d *dark) settled(want int64, s ledger.Scope) {
	d.t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(time.Minute); ; <-look.C {
		u, err := d.b.Store.Usage(d.t.Context(), ledger.Query{User: "u", Scopes: []ledger.Scope{s}, Windows: []time.Duration{time.Hour}})
		if err != nil {
			d.t.Fatal(err)
		}
		if u.Balances[0].Used == want && u.Audio[0] == want {
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("%d used, %d ms of audio; want %d", u.Balances[0].Used, u.Audio[0], want)
		}
	}
}

// ask asks the store again, when what is under way is over.
func ask(t *testing.T, a *ledger.Account) {
	t.Helper()
	for range 2 {
		if err := a.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.Ask(20)
	}
	if err := a.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func outage(stream, user time.Duration) ledger.OutageConfig {
	return ledger.OutageConfig{Mode: "allow", GracePerStream: stream, GracePerUser: user}
}

func TestAnOutageUnderDenyForwardsTheLeaseInHandAndNoMore(t *testing.T) {
	d := newDark(t, ledger.OutageConfig{Mode: "deny"})
	a, err := d.stream("a", daily(60_000))
	if err != nil {
		t.Fatal(err)
	}
	inHand := a.Last().Ceiling
	d.b.set(errDown, nil, nil)
	if n := burn(t, a, ledger.ErrOutage); n != inHand {
		t.Errorf("%d ms forwarded of a lease of %d", n, inHand)
	}
	if _, err := d.stream("b", daily(60_000)); !errors.Is(err, errDown) {
		t.Error(err)
	}
	d.quiet(a)
	d.b.set(nil, nil, nil)
	d.settled(inHand, daily(0))
	if d.lent.Load() != 0 {
		t.Errorf("%d ms were lent", d.lent.Load())
	}
}

func TestAnOutageUnderAllowForwardsTheGraceAndNoMore(t *testing.T) {
	d := newDark(t, outage(3*time.Second, 8*time.Second))
	a, err := d.stream("a", daily(60_000))
	if err != nil {
		t.Fatal(err)
	}
	inHand := a.Last().Ceiling
	d.b.set(errDown, nil, nil)
	if n := burn(t, a, ledger.ErrOutage); n != inHand+3000 {
		t.Errorf("%d ms forwarded, want the %d in hand and 3000", n, inHand)
	}
	total := a.Spent()
	for i, want := range []int64{3000, 2000} { // the user has 8000 in all
		b, err := d.stream(fmt.Sprint("dark", i), daily(60_000))
		if err != nil {
			t.Fatal(err)
		}
		if n := burn(t, b, ledger.ErrOutage); n != want {
			t.Errorf("stream %d that began in the dark: %d ms, want %d", i, n, want)
		}
		total += b.Spent()
		d.quiet(b)
	}
	if _, err := d.stream("refused", daily(60_000)); !errors.Is(err, errDown) {
		t.Error(err)
	}
	if d.lent.Load() != 8000 {
		t.Errorf("%d ms were lent, want 8000", d.lent.Load())
	}
	d.b.set(nil, nil, nil)
	ask(t, a)
	if err := a.Spend(20); err != nil {
		t.Fatal(err) // it goes on by itself
	}
	total += 20
	closeAccount(t, a)
	d.settled(total, daily(0))
	// The next outage has its grace again.
	d.b.set(errDown, nil, nil)
	b, err := d.stream("next", daily(60_000))
	if err != nil {
		t.Fatal(err)
	}
	if n := burn(t, b, ledger.ErrOutage); n != 3000 {
		t.Errorf("%d ms in the next outage", n)
	}
	d.b.set(nil, nil, nil)
	closeAccount(t, b)
	d.settled(total+3000, daily(0))
}

func TestAStreamThatBeganInTheDarkPaysAllOfItToItsBudget(t *testing.T) {
	d := newDark(t, outage(10*time.Second, time.Minute))
	d.b.set(errDown, nil, nil)
	a, err := d.stream("a", daily(2000))
	if err != nil {
		t.Fatal(err)
	}
	for range 150 {
		for err = a.Spend(20); errors.Is(err, ledger.ErrPending); err = a.Spend(20) {
			if err := a.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d.b.set(nil, nil, nil)
	ask(t, a)
	d.settled(3000, daily(2000))
	if n := burn(t, a, ledger.ErrExhausted); n != 0 {
		t.Errorf("%d ms more from a budget that is spent", n)
	}
	d.b.set(errDown, nil, nil)
	if n := burn(t, a, ledger.ErrExhausted); n != 0 {
		t.Errorf("%d ms of grace for a budget that is known to be spent", n)
	}
	d.b.set(nil, nil, nil)
	closeAccount(t, a)
	d.settled(3000, daily(2000))
}

func TestAGatewayThatDiesInTheDarkIsChargedItsLoans(t *testing.T) {
	d := newDark(t, outage(2500*time.Millisecond, time.Minute))
	d.b.set(errDown, nil, nil)
	a, err := d.stream("a", daily(60_000))
	if err != nil {
		t.Fatal(err)
	}
	if n := burn(t, a, ledger.ErrOutage); n != 2500-2500%20 {
		t.Fatalf("%d ms", n)
	}
	b, err := d.stream("b", daily(60_000))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Spend(100); err != nil {
		t.Fatal(err)
	}
	if err := b.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.die()
	d.open() // still in the dark
	d.die()
	d.b.set(nil, nil, nil)
	d.open()
	d.settled(2500+1000, daily(0)) // at most the last loan too much
	d.die()
	d.open()
	d.settled(3500, daily(0))
}

func TestASecondGatewayOnTheSameJournalIsRefused(t *testing.T) {
	d := newDark(t, ledger.OutageConfig{})
	if _, err := ledger.NewPatient(ledger.NewMemory(nil, nil), d.dir, d.c, ledger.PatientOptions{}); err == nil || !strings.Contains(err.Error(), "ledger.path each") {
		t.Error(err)
	}
}

func TestPatient(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T, now func() time.Time, loc *time.Location) ledger.Store {
		p, err := ledger.NewPatient(ledger.NewMemory(now, loc), t.TempDir(), ledger.OutageConfig{}, ledger.PatientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
}
