package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func lease(t *testing.T, open Open) {
	t.Helper()
	cases(t, open, map[string]func(d desk){
		"a replay changes nothing": func(d desk) {
			for range 3 {
				g := d.lease("a", 5000, 0, 5000, day(60_000))
				if b := g.Balances[0]; b.Used != 5000 || b.Remaining != 55_000 {
					d.Fatalf("%+v", b)
				}
			}
			d.used(5000, day(60_000))
		},
		"a ceiling is never lowered by asking for less": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.lease("a", 3000, 0, 5000, day(60_000))
			d.lease("a", 0, 2000, 5000, day(60_000))
			d.used(5000, day(60_000))
		},
		"an overtaken request changes nothing": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.lease("a", 8000, 3000, 8000, day(60_000))
			d.lease("a", 50_000, 1000, 8000, day(60_000))
			d.lease("a", 50_000, 2999, 8000)
			d.used(8000, day(60_000))
			d.audio(3000, time.Hour)
		},
		"the rest is granted when less is left than asked": func(d desk) {
			d.lease("a", 5000, 0, 3000, day(3000))
			d.lease("b", 5000, 0, 0, day(3000))
			d.used(3000, day(3000))
		},
		"a limit of nothing grants nothing": func(d desk) { d.lease("a", 5000, 0, 0, day(0)) },
		"without budgets everything is granted and counted": func(d desk) {
			d.lease("a", 5000, 0, 5000)
			d.lease("a", 9000, 4000, 9000)
			d.settle("a", 4500)
			d.audio(4500, time.Hour)
		},
		"settling charges what was spent and gives the rest back": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			u := d.settle("a", 1234, day(60_000))
			if b := u.Balances[0]; b.Used != 1234 || b.Remaining != 58_766 {
				d.Fatalf("%+v", b)
			}
			d.used(1234, day(60_000))
			d.audio(1234, time.Minute)
		},
		"a second settle changes nothing": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.settle("a", 1000, day(60_000))
			d.settle("a", 1000, day(60_000))
			d.settle("a", 4000, day(60_000))
			d.used(1000, day(60_000))
			d.audio(1000, time.Hour)
		},
		"a settle that is told again when nobody remembers the first changes nothing": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.lease("b", 5000, 0, 5000, day(60_000))
			ended := d.Now()
			d.settleLate("a", 1000, ended, day(60_000))
			d.Add(5 * time.Hour)
			for i := range 200 { // old records go with the writes
				d.settle(fmt.Sprint(i), 0)
			}
			d.settleLate("a", 1000, ended, day(60_000))
			d.used(6000, day(60_000))
			d.settleLate("b", 700, ended, day(60_000))  // this one is held
			d.settleLate("c", 40, d.Now(), day(60_000)) // and this one was lost a moment ago
			d.used(1740, day(60_000))
		},
		"a settle with an older figure keeps what was reported": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.lease("a", 9000, 4000, 9000, day(60_000))
			d.settle("a", 100)
			d.used(4000, day(60_000))
		},
		"a lease after the settle does not open the stream again": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.settle("a", 1000)
			d.Add(time.Hour)
			_, err := d.Lease(context.Background(), ledger.Request{User: "u", Stream: "a", Scopes: []ledger.Scope{day(60_000)}, Ceiling: 5000})
			if !errors.Is(err, ledger.ErrSettled) {
				d.Fatalf("%v", err)
			}
			d.used(1000, day(60_000))
		},
		"a settle that overtakes its lease is final": func(d desk) {
			d.settle("a", 0, day(60_000))
			if _, err := d.Lease(context.Background(), ledger.Request{User: "u", Stream: "a", Ceiling: 5000}); !errors.Is(err, ledger.ErrSettled) {
				d.Fatalf("%v", err)
			}
			d.used(0, day(60_000))
		},
		"a stream that never leased is charged what it spent": func(d desk) {
			d.settle("a", 700, day(60_000))
			d.used(700, day(60_000))
			d.audio(700, time.Hour)
		},
		"what was forwarded beyond the lease is charged": func(d desk) {
			d.lease("a", 5000, 0, 1000, day(1000))
			d.lease("a", 5000, 1500, 1500, day(1000))
			d.used(1500, day(1000))
			d.settle("a", 1600)
			d.used(1600, day(1000))
			d.audio(1600, time.Hour)
		},
		"a limit takes effect with the next lease": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.lease("a", 9000, 4000, 5000, day(2000)) // lowered below what is used
			d.lease("a", 9000, 5000, 7000, day(7000)) // raised
			d.used(7000, day(7000))
		},
		"what one stream gives back another can have": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(6000))
			d.lease("b", 5000, 0, 1000, day(6000))
			d.settle("a", 2000)
			d.lease("b", 5000, 1000, 4000, day(6000))
			d.used(6000, day(6000))
		},
		"the largest numbers do not wrap": func(d desk) {
			g, err := d.Lease(context.Background(), ledger.Request{User: "u", Stream: "a", Scopes: []ledger.Scope{day(math.MaxInt64)}, Ceiling: math.MaxInt64})
			if err != nil || g.Ceiling <= 0 || g.Balances[0].Remaining <= 0 {
				d.Fatalf("%+v, %v", g, err)
			}
			u := d.settle("a", math.MaxInt64, day(math.MaxInt64))
			if u.Balances[0].Used <= 0 || u.Balances[0].Remaining <= 0 {
				d.Fatalf("%+v", u)
			}
		},
		"streams of another user keep their own usage": func(d desk) {
			other := day(60_000)
			other.Owner = "user:v"
			d.lease("a", 5000, 0, 5000, day(60_000))
			if _, err := d.Lease(context.Background(), ledger.Request{User: "v", Stream: "b", Scopes: []ledger.Scope{other}, Ceiling: 7000, Spent: 0}); err != nil {
				d.Fatal(err)
			}
			if _, err := d.Settle(context.Background(), ledger.Request{User: "v", Stream: "b", Spent: 6000}); err != nil {
				d.Fatal(err)
			}
			d.used(5000, day(60_000))
			d.used(6000, other)
			d.audio(0, time.Hour)
		},
	})
}
