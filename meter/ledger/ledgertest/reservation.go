package ledgertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// opening is a reservation's of the suite's user.
func opening(stream string, scopes ...ledger.Scope) ledger.Opening {
	return ledger.Opening{User: "u", Stream: stream, Plan: func(ledger.State, time.Time) []ledger.Scope { return scopes }}
}

// reserve takes ms and wants a ceiling.
func (d desk) reserve(stream string, ms, want int64, scopes ...ledger.Scope) *ledger.Reservation {
	d.Helper()
	r, g, err := ledger.Reserve(context.Background(), d.Store, opening(stream, scopes...), ms)
	if err != nil {
		d.Fatalf("reservation of %s: %v", stream, err)
	}
	if g.Ceiling != want {
		d.Fatalf("reservation of %s: %d granted of %d, want %d", stream, g.Ceiling, ms, want)
	}
	return r
}

func (d desk) grow(r *ledger.Reservation, ms, want int64) {
	d.Helper()
	g, err := r.Grow(context.Background(), ms)
	if err != nil || g.Ceiling != want {
		d.Fatalf("grown to %d of %d, %v; want %d", g.Ceiling, ms, err, want)
	}
}

func (d desk) keep(r *ledger.Reservation, ms int64, long time.Duration) {
	d.Helper()
	if err := r.Keep(context.Background(), ms, long); err != nil {
		d.Fatal(err)
	}
}

func (d desk) pay(r *ledger.Reservation, ms int64) ledger.Usage {
	d.Helper()
	u, err := r.Settle(context.Background(), ms, 0)
	if err != nil {
		d.Fatal(err)
	}
	return u
}

func reservations(t *testing.T, open Open) {
	t.Helper()
	rolling := ledger.Scope{Budget: "hourly", Owner: "user:u", Window: ledger.Window{Unit: ledger.Rolling, Length: time.Hour}, Limit: 60_000}
	cases(t, open, map[string]func(d desk){
		"nothing is charged before the end, and any figure then": func(d desk) {
			for name, ms := range map[string]int64{"nothing": 0, "less": 2500, "all": 9000, "more than was granted": 9500} {
				before := d.balance(day(60_000)).Used
				r := d.reserve(name, 1000, 1000, day(60_000))
				d.grow(r, 9000, 9000)
				d.audio(before, time.Hour)
				d.used(before+9000, day(60_000))
				if u := d.pay(r, ms); u.Balances[0].Used != before+ms {
					d.Fatalf("%s: %+v, want %d more than %d", name, u.Balances[0], ms, before)
				}
				d.used(before+ms, day(60_000))
				d.audio(before+ms, time.Hour)
			}
		},
		"every call may be repeated": func(d desk) {
			r := d.reserve("a", 4000, 4000, day(60_000))
			d.reserve("a", 4000, 4000, day(60_000))
			d.grow(r, 7000, 7000)
			d.grow(r, 7000, 7000)
			d.grow(r, 100, 7000)
			d.keep(r, 7000, time.Hour)
			d.keep(r, 7000, time.Hour)
			d.used(7000, day(60_000))
			d.pay(r, 6000)
			d.pay(r, 1)
			d.pay(ledger.Resume(d.Store, opening("a")), 5000)
			d.used(6000, day(60_000))
		},
		"what is not there is not granted": func(d desk) {
			d.reserve("a", 5000, 5000, day(6000))
			b := d.reserve("b", 5000, 1000, day(6000))
			d.grow(b, 1500, 1000)
			d.pay(b, 0)
			d.used(5000, day(6000))
		},
		"a kept one is settled by whoever comes, once": func(d desk) {
			r := d.reserve("a", 9000, 9000, day(60_000), rolling)
			d.keep(r, 8000, 24*time.Hour)
			d.used(8000, day(60_000))
			d.used(8000, rolling)
			d.Add(23 * time.Hour)
			d.pay(ledger.Resume(d.Store, opening("a")), 3000)
			d.Add(12 * time.Hour)
			d.pay(ledger.Resume(d.Store, opening("a")), 5000) // a read long after the end, and after the keep
			d.used(0, day(60_000))
			d.audio(3000, 48*time.Hour)
		},
		"one that nobody settles is charged what was kept": func(d desk) {
			r := d.reserve("a", 9000, 9000, day(60_000), rolling)
			d.keep(r, 8000, 30*time.Minute)
			d.Add(30*time.Minute - time.Second)
			d.settle("other", 0)
			d.audio(0, time.Hour)
			d.Add(time.Second)
			d.settle("another", 0)
			d.audio(8000, time.Hour)
			d.used(8000, day(60_000))
			d.used(8000, rolling)
			d.pay(ledger.Resume(d.Store, opening("a")), 100)
			d.used(8000, day(60_000))
			d.Add(time.Hour)
			d.used(0, rolling)
		},
		"a settle that comes too late itself changes nothing": func(d desk) {
			d.keep(d.reserve("a", 5000, 5000, day(60_000)), 5000, time.Minute)
			d.Add(time.Hour)
			d.pay(ledger.Resume(d.Store, opening("a")), 100)
			d.used(5000, day(60_000))
			d.audio(5000, 2*time.Hour)
		},
		"many lapse, a few with each settle": func(d desk) {
			for _, id := range []string{"a", "b", "c", "d", "e", "f", "g"} {
				d.keep(d.reserve(id, 1000, 1000, day(60_000)), 1000, time.Minute)
			}
			d.Add(time.Hour)
			for _, id := range []string{"x", "y"} {
				d.settle(id, 0)
			}
			d.audio(7000, 2*time.Hour)
		},
		"a kept one is not granted again after its end": func(d desk) {
			r := d.reserve("a", 5000, 5000, day(60_000))
			d.keep(r, 5000, 24*time.Hour)
			d.pay(r, 1000)
			d.Add(24 * time.Hour)
			if _, err := r.Grow(context.Background(), 5000); !errors.Is(err, ledger.ErrSettled) {
				d.Fatal(err)
			}
		},
		"a budget that begins meanwhile is asked for the whole": func(d desk) {
			scopes := []ledger.Scope{}
			o := opening("a")
			o.Plan = func(ledger.State, time.Time) []ledger.Scope { return scopes }
			r, _, err := ledger.Reserve(context.Background(), d.Store, o, 5000)
			if err != nil {
				d.Fatal(err)
			}
			scopes = []ledger.Scope{day(3000)}
			d.grow(r, 6000, 3000)
			d.pay(r, 0)
			d.used(0, day(3000))
		},
		"too long a keep is refused": func(d desk) {
			r := d.reserve("a", 5000, 5000, day(60_000))
			if err := r.Keep(context.Background(), 5000, 7*24*time.Hour+1); !errors.Is(err, ledger.ErrInvalid) {
				d.Fatal(err)
			}
		},
	})
}

// balance reads a budget.
func (d desk) balance(s ledger.Scope) ledger.Balance {
	d.Helper()
	u, err := d.Usage(context.Background(), ledger.Query{User: "u", Scopes: []ledger.Scope{s}})
	if err != nil {
		d.Fatal(err)
	}
	return u.Balances[0]
}
