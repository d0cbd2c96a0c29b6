package ledger_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// losing is a store that settles and is not heard.
type losing struct{ lasting }

func (l losing) Settle(ctx context.Context, q ledger.Request) (ledger.Usage, error) {
	if _, err := l.lasting.Settle(ctx, q); err != nil {
		return ledger.Usage{}, err
	}
	return ledger.Usage{}, errDown
}

// TestAnEndWhoseAnswerWasLostIsChargedOnceHoweverLongTheGatewayIsDead has three streams in the journal of a gateway that
// comes back after days: one that had a lease, one that began in the dark and was settled by its own process, and one that the
// next process settled.
func TestAnEndWhoseAnswerWasLostIsChargedOnceHoweverLongTheGatewayIsDead(t *testing.T) {
	clock := ledgertest.NewClock(time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC))
	d := &dark{t: t, c: outage(time.Minute, time.Hour), dir: t.TempDir(), b: &broken{Store: ledger.NewMemory(clock.Now, nil)}}
	open := func(s ledger.Store) {
		t.Helper()
		p, err := ledger.NewPatient(s, d.dir, d.c, ledger.PatientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		d.Patient = p
	}
	speak := func(id string) *ledger.Account {
		t.Helper()
		a, err := d.stream(id, daily(60_000))
		if err != nil {
			t.Fatal(err)
		}
		if err := spend(t, a, 20, 300); err != nil {
			t.Fatal(err)
		}
		return a
	}
	open(losing{lasting{d.b}})
	leased := speak("leased")
	d.b.set(errDown, nil, nil)
	dark, orphan := speak("dark"), speak("orphan")
	d.b.set(nil, nil, nil)
	d.quiet(leased)
	d.quiet(dark)
	if n := d.Owed(); n != 2 {
		t.Errorf("%d streams wait to be settled, want the two whose answers were lost", n)
	}
	d.die()
	want := orphan.Last().Ceiling + 600 // the loan of the third is in the journal
	open(losing{lasting{d.b}})
	d.settled(want, daily(0))
	d.die()
	for _, dead := range []time.Duration{5 * time.Hour, 3 * 24 * time.Hour} {
		clock.Add(dead)
		for i := range 200 { // old records go with the writes
			if _, err := d.b.Settle(t.Context(), ledger.Request{User: "other", Stream: fmt.Sprint(dead, i)}); err != nil {
				t.Fatal(err)
			}
		}
		open(losing{lasting{d.b}})
		d.die() // after a try
	}
	open(lasting{d.b})
	defer closeStore(t, d.Patient)
	d.nothingOwed()
	u, err := d.Usage(t.Context(), ledger.Query{User: "u", Windows: []time.Duration{8 * 24 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	if u.Audio[0] != want {
		t.Errorf("%d ms are charged, want %d", u.Audio[0], want)
	}
}

// nothingOwed waits until the journal is empty.
func (d *dark) nothingOwed() {
	d.t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(time.Minute); d.Owed() > 0; <-look.C {
		if time.Now().After(end) {
			d.t.Fatalf("%d streams wait to be settled", d.Owed())
		}
	}
}

// TestAnEndThatTheServerRefusesIsToldOnceAndHoldsUpNoOther damages one stream's record on a real server.
func TestAnEndThatTheServerRefusesIsToldOnceAndHoldsUpNoOther(t *testing.T) {
	s := ledgertest.StartRedis(t)
	store := func() *ledger.Redis { return openRedis(t, s.URL(), "p:", nil, ledger.RedisOptions{}) }
	d := &dark{t: t, c: ledger.OutageConfig{Mode: "deny"}, dir: t.TempDir()}
	var told atomic.Int64
	open := func() {
		t.Helper()
		p, err := ledger.NewPatient(store(), d.dir, d.c, ledger.PatientOptions{Refused: func() { told.Add(1) }})
		if err != nil {
			t.Fatal(err)
		}
		d.Patient = p
	}
	open()
	var all []*ledger.Account
	for i := range 4 {
		a, err := d.stream(fmt.Sprint(i), daily(60_000))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Spend(100); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	good := s.Do("DUMP", "p:{user:u}:stream:2")
	s.Do("SET", "p:{user:u}:stream:2", "no record")
	for _, a := range all {
		closeAccount(t, a)
	}
	waits := func(what string, right func() bool) {
		t.Helper()
		look := time.NewTicker(5 * time.Millisecond)
		defer look.Stop()
		for end := time.Now().Add(time.Minute); !right(); <-look.C {
			if time.Now().After(end) {
				t.Fatalf("%s: %d are owed, %d were told", what, d.Owed(), told.Load())
			}
		}
	}
	n := 0
	waits("a refusal", func() bool {
		n++
		other, err := d.stream(fmt.Sprint("other", n), daily(60_000)) // the server takes others
		if err != nil {
			t.Fatal(err)
		}
		closeAccount(t, other)
		return d.Owed() == 1 && told.Load() == 1
	})
	s.Do("RESTORE", "p:{user:u}:stream:2", 0, good, "REPLACE")
	d.die()
	open()
	defer closeStore(t, d.Patient)
	waits("the end", func() bool { return d.Owed() == 0 })
	if n := used(t, d.Patient, daily(0)); n != 400 || told.Load() != 1 {
		t.Errorf("%d ms are charged, want 400; it was told %d times", n, told.Load())
	}
}
