package ledgertest

import (
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func scopes(t *testing.T, open Open) {
	t.Helper()
	all := scope("all", ledger.Month, 4000)
	all.Owner = "all"
	shadow := scope("trial", ledger.Day, 1000)
	shadow.Shadow = true
	cases(t, open, map[string]func(d desk){
		"the smallest decides and all are charged the same": func(d desk) {
			g := d.lease("a", 9000, 0, 4000, day(60_000), all)
			if len(g.Balances) != 2 || g.Balances[0].Budget != "daily" || g.Balances[1].Remaining != 0 {
				d.Fatalf("%+v", g.Balances)
			}
			d.used(4000, day(60_000))
			d.used(4000, all)
			d.settle("a", 1500)
			d.used(1500, day(60_000))
			d.used(1500, all)
		},
		"a shadow counts past its limit and refuses nothing": func(d desk) {
			d.lease("a", 5000, 0, 5000, shadow)
			d.lease("a", 9000, 4000, 9000, shadow)
			d.used(9000, shadow)
			d.settle("a", 8000)
			d.used(8000, shadow)
		},
		"the same scope twice is charged once": func(d desk) {
			d.lease("a", 9000, 0, 3000, day(5000), day(3000))
			d.used(3000, day(5000))
			d.settle("a", 3000)
			d.used(3000, day(5000))
		},
		"a budget counts only from when it applies": func(d desk) {
			d.lease("a", 5000, 0, 5000)
			d.lease("a", 9000, 4000, 9000, day(60_000))
			d.used(5000, day(60_000)) // of 9000, 4000 were spent before
			d.settle("a", 6000)
			d.used(2000, day(60_000))
		},
		"a budget that begins takes what is in hand into account": func(d desk) {
			d.lease("a", 5000, 0, 5000)
			d.lease("a", 6000, 1000, 3000, day(2000)) // 4000 were in hand
			d.used(2000, day(2000))
			d.settle("a", 3000)
			d.used(2000, day(2000))
		},
		"a budget without room stops the stream at once": func(d desk) {
			d.lease("x", 2000, 0, 2000, day(2000))
			d.lease("a", 5000, 0, 5000)
			d.lease("a", 6000, 1000, 1000, day(2000))
			d.settle("a", 1000)
			d.used(2000, day(2000))
		},
		"a budget that ends is settled": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.lease("a", 9000, 3000, 9000)
			d.used(3000, day(60_000))
			d.settle("a", 8000)
			d.used(3000, day(60_000))
			d.audio(8000, time.Hour)
		},
		"a budget that ends and begins again misses what was between": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.lease("a", 9000, 3000, 9000)
			d.lease("a", 9000, 7000, 9000, day(60_000))
			d.used(5000, day(60_000))
			d.settle("a", 7500)
			d.used(3500, day(60_000))
		},
		"another unit of the same budget is another balance": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(60_000))
			week := scope("daily", ledger.Week, 60_000)
			d.lease("a", 5000, 2000, 5000, week)
			d.used(2000, day(60_000))
			d.used(3000, week)
		},
		"a shadow that becomes real holds from the next lease": func(d desk) {
			d.lease("a", 5000, 0, 5000, shadow)
			hard := shadow
			hard.Shadow = false
			d.lease("a", 9000, 5000, 5000, hard)
		},
		"names cannot be chosen to share a balance": func(d desk) {
			a, b := day(60_000), day(60_000)
			a.Budget, a.Owner = "x", "yz"
			b.Budget, b.Owner = "xy", "z"
			d.lease("a", 5000, 0, 5000, a)
			d.used(5000, a)
			d.used(0, b)
		},
	})
}
