package ledgertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func rolling(t *testing.T, open Open) {
	t.Helper()
	last := func(l time.Duration, limit int64) ledger.Scope {
		return ledger.Scope{Budget: "rolling", Owner: "user:u", Window: ledger.Window{Unit: ledger.Rolling, Length: l}, Limit: limit}
	}
	cases(t, open, map[string]func(d desk){
		"audio falls out of the window by the minute": func(d desk) {
			s := last(10*time.Minute, 60_000)
			for i := range 3 { // at 12:00, 12:01, 12:02
				id := fmt.Sprint("s", i)
				d.lease(id, 5000, 0, 5000, s)
				d.settle(id, int64(1000*(i+1)))
				d.Add(time.Minute)
			}
			if b := d.used(6000, s); !b.Resets.Equal(noon().Add(11 * time.Minute)) {
				d.Fatalf("%+v", b)
			}
			d.Set(noon().Add(11*time.Minute - time.Nanosecond))
			d.used(6000, s)
			d.Set(noon().Add(11 * time.Minute))
			if b := d.used(5000, s); !b.Resets.Equal(noon().Add(12 * time.Minute)) {
				d.Fatalf("%+v", b)
			}
			d.Add(time.Minute)
			d.used(3000, s)
			d.Add(time.Minute)
			if b := d.used(0, s); !b.Resets.IsZero() {
				d.Fatalf("%+v", b)
			}
		},
		"leases in hand count and do not fall out": func(d desk) {
			s := last(time.Minute, 6000)
			d.lease("a", 5000, 0, 5000, s)
			d.Add(time.Hour)
			d.used(5000, s)
			d.lease("b", 5000, 0, 1000, s)
			d.settle("a", 2000)
			d.used(3000, s) // charged now, when the store heard of it
			d.settle("b", 0)
			d.used(2000, s)
		},
		"the window frees a running stream": func(d desk) {
			s := last(time.Minute, 5000)
			d.lease("a", 9000, 0, 5000, s)
			d.lease("a", 9000, 5000, 5000, s)
			d.Add(2 * time.Minute)
			d.lease("a", 9000, 5000, 9000, s)
			d.used(4000, s)
		},
		"two lengths share what was spent": func(d desk) {
			d.lease("a", 5000, 0, 3000, last(time.Hour, 60_000), last(8*24*time.Hour, 3000))
			d.settle("a", 3000)
			d.Add(2 * time.Hour)
			d.used(0, last(time.Hour, 60_000))
			d.used(3000, last(8*24*time.Hour, 3000))
			d.lease("b", 5000, 0, 0, last(time.Hour, 60_000), last(8*24*time.Hour, 3000))
		},
		"usage is kept for eight days": func(d desk) {
			for i := range 9 * 24 {
				id := fmt.Sprint("s", i)
				d.lease(id, 1000, 0, 1000)
				d.settle(id, 1000)
				d.Add(time.Hour)
			}
			d.Add(-time.Hour)
			d.audio(1000, time.Minute)
			d.audio(1000, 59*time.Minute)
			d.audio(2000, time.Hour) // the minute that it begins in counts whole
			d.audio(25_000, 24*time.Hour)
			d.audio(193_000, 8*24*time.Hour)
		},
		"usage leaves leases in hand out": func(d desk) {
			d.lease("a", 5000, 0, 5000)
			d.audio(0, time.Hour)
			d.lease("a", 9000, 4000, 9000)
			d.audio(4000, time.Hour)
		},
		"a clock that goes back does not forget": func(d desk) {
			s := last(time.Hour, 5000)
			d.lease("a", 5000, 0, 5000, s)
			d.settle("a", 5000)
			d.Add(-6 * time.Hour)
			d.used(5000, s)
			d.lease("b", 5000, 0, 0, s)
			d.audio(5000, time.Hour)
		},
	})
}
