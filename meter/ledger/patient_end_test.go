package ledger_test

import (
	"testing"
	"time"
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
