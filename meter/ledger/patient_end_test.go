package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func TestALoanAndTheLeaseInHandAreOneSlice(t *testing.T) {
	d := newDark(t, outage(time.Minute, time.Hour))
	a, err := d.stream("a", daily(60_000)) // a slice of 1000
	if err != nil {
		t.Fatal(err)
	}
	d.b.set(errDown, nil, nil)
	inHand := a.Last().Ceiling / 4
	spent := a.Last().Ceiling - inHand
	if err := a.Spend(spent); err != nil { // less than a third is left: it asks, and borrows
		t.Fatal(err)
	}
	if err := a.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := d.lent.Load(); n != 1000-inHand {
		t.Errorf("%d ms were lent with %d in hand, want %d", n, inHand, 1000-inHand)
	}
	d.die() // without a settle
	d.b.set(nil, nil, nil)
	d.open()
	d.settled(spent+1000, daily(0)) // a slice too much
}

// TestAStreamThatEndsInTheDarkIsInTheJournalAfterOneTry: while it is not there, a process that dies leaves a
// whole lease charged, and a client that is refused waits.
func TestAStreamThatEndsInTheDarkIsInTheJournalAfterOneTry(t *testing.T) {
	d := newDark(t, ledger.OutageConfig{Mode: "deny"})
	tries := map[string]int{}
	open := func(id string) (*ledger.Account, error) {
		a, _, err := ledger.Open(t.Context(), d.Patient, ledger.Opening{
			User: "u", Stream: id, Slice: 1000, Plan: always(daily(60_000)),
			Observe: func(op, _, _ string, _ time.Duration) {
				if op == "settle" {
					tries[id]++
				}
			},
		})
		return a, err
	}
	a, err := open("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Spend(100); err != nil {
		t.Fatal(err)
	}
	d.b.set(errDown, nil, nil)
	refused, err := open("refused")
	if !errors.Is(err, errDown) {
		t.Fatalf("a store that is down opens a stream: %v", err)
	}
	closeAccount(t, refused)
	closeAccount(t, a)
	if tries["a"] != 1 || tries["refused"] != 0 {
		t.Errorf("%v tries to settle; want one of what was leased, none of what was not", tries)
	}
	d.die() // it is in the journal
	d.b.set(nil, nil, nil)
	d.open()
	d.settled(100, daily(0))
}

// refusing is a store that takes everybody's settle but one's.
type refusing struct {
	lasting
	stream string
}

func (r refusing) Settle(ctx context.Context, q ledger.Request) (ledger.Usage, error) {
	if q.Stream == r.stream {
		return ledger.Usage{}, errDown
	}
	return r.lasting.Settle(ctx, q)
}

func TestAStreamThatCannotBeSettledHoldsUpNoOther(t *testing.T) {
	d := newDark(t, ledger.OutageConfig{Mode: "deny"})
	const streams = 20
	var all []*ledger.Account
	for i := range streams {
		a, err := d.stream(fmt.Sprint(i), daily(60_000))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Spend(100); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	d.b.set(errDown, nil, nil)
	for _, a := range all {
		d.quiet(a)
	}
	d.die()
	d.b.set(nil, nil, nil)
	p, err := ledger.NewPatient(refusing{lasting{d.b}, "7"}, d.dir, d.c, ledger.PatientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, p) // after a last try
	u, err := d.b.Store.Usage(t.Context(), ledger.Query{User: "u", Windows: []time.Duration{time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(streams-1) * 100; u.Audio[0] != want {
		t.Errorf("%d ms are settled while one stream cannot be, want %d", u.Audio[0], want)
	}
	d.open()
	d.settled(streams*100, daily(0))
}
