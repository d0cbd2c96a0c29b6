package ledger_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// alone is a store whose answers nobody else has, for a while.
type alone struct {
	lasting
	yes *atomic.Bool
}

func (s alone) Lease(ctx context.Context, r ledger.Request) (ledger.Grant, error) {
	g, err := s.lasting.Lease(ctx, r)
	g.Lone = s.yes.Load()
	return g, err
}

// TestALeaseThatOneServerHasIsOnTheDiskBeforeItIsSpent lets that server lose everything, and the gateway die.
func TestALeaseThatOneServerHasIsOnTheDiskBeforeItIsSpent(t *testing.T) {
	var yes atomic.Bool
	open := func(d *dark) {
		t.Helper()
		p, err := ledger.NewPatient(alone{lasting{d.b}, &yes}, d.dir, d.c, ledger.PatientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		d.Patient = p
	}
	for name, c := range map[string]struct {
		then func(d *dark, a *ledger.Account)
		want func(a *ledger.Account) int64
	}{
		"killed": {
			func(*dark, *ledger.Account) {},
			func(a *ledger.Account) int64 { return a.Last().Ceiling },
		},
		"killed when all have it": {
			func(_ *dark, a *ledger.Account) {
				yes.Store(false)
				ask(t, a)
			},
			func(*ledger.Account) int64 { return 0 }, // nothing was lost then, and nothing is remembered
		},
		"ended": {
			func(_ *dark, a *ledger.Account) { closeAccount(t, a) },
			func(*ledger.Account) int64 { return 0 },
		},
		"killed in the dark": {
			func(d *dark, a *ledger.Account) {
				d.b.set(errDown, nil, nil)
				burn(t, a, ledger.ErrOutage)
			},
			func(a *ledger.Account) int64 { return a.Spent() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			yes.Store(true)
			d := &dark{t: t, c: outage(2*time.Second, time.Hour), dir: t.TempDir(), b: &broken{Store: ledger.NewMemory(nil, nil)}}
			open(d)
			a, err := d.stream("a", daily(60_000))
			if err != nil {
				t.Fatal(err)
			}
			if err := spend(t, a, 20, 3000); err != nil {
				t.Fatal(err)
			}
			if err := a.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.then(d, a)
			d.die()
			d.b = &broken{Store: ledger.NewMemory(nil, nil)}
			open(d)
			defer closeStore(t, d.Patient)
			d.nothingOwed()
			d.settled(c.want(a), daily(0))
		})
	}
}
