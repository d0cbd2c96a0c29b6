package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// give grants, and wants what is done and what is granted then.
func (d desk) give(ms, done, after int64, id string, s ledger.Scope) ledger.Given {
	d.Helper()
	return d.gift(ms, done, after, id, s, false)
}

// again repeats a grant, and wants what was told then.
func (d desk) again(ms, done, after int64, id string, s ledger.Scope) {
	d.Helper()
	d.gift(ms, done, after, id, s, true)
}

func (d desk) gift(ms, done, after int64, id string, s ledger.Scope, repeated bool) ledger.Given {
	d.Helper()
	g, err := d.Grant(context.Background(), ledger.Gift{ID: id, Scope: s, MS: ms})
	if err != nil || g.MS != done || g.After != after || g.Before != after-done || g.Repeated != repeated || !g.At.Equal(d.Now()) {
		d.Fatalf("grant %s of %d: %+v, %v; want %d, then %d", id, ms, g, err, done, after)
	}
	if b := g.Balance; !repeated && (b.Granted != after || b.Budget != s.Budget || b.Remaining != max(s.Limit+after-b.Used, 0)) {
		d.Fatalf("grant %s: %+v", id, b)
	}
	return g
}

// refuse wants a grant to be an error that says something, and nothing to change.
func (d desk) refuse(ms int64, id string, s ledger.Scope, is error, says string) {
	d.Helper()
	q := ledger.Query{User: "u", Scopes: []ledger.Scope{s}}
	before, err := d.Usage(context.Background(), q)
	if err != nil {
		d.Fatal(err)
	}
	g, err := d.Grant(context.Background(), ledger.Gift{ID: id, Scope: s, MS: ms})
	if !errors.Is(err, is) || !strings.Contains(err.Error(), says) || g.Repeated || g.MS != 0 {
		d.Fatalf("grant %q of %d: %+v, %v; want %v: %s", id, ms, g, err, is, says)
	}
	if after, err := d.Usage(context.Background(), q); err != nil || after.Balances[0] != before.Balances[0] {
		d.Fatalf("%+v, %v; it was %+v", after.Balances[0], err, before.Balances[0])
	}
}

// granted wants what a budget shows.
func (d desk) granted(want int64, s ledger.Scope) {
	d.Helper()
	u, err := d.Usage(context.Background(), ledger.Query{User: "u", Scopes: []ledger.Scope{s}})
	if err != nil || u.Balances[0].Granted != want || u.Balances[0].Remaining != max(s.Limit+want-u.Balances[0].Used, 0) {
		d.Fatalf("%+v, %v; want %d granted", u, err, want)
	}
}

func lastHour(limit int64) ledger.Scope {
	return ledger.Scope{Budget: "hourly", Owner: "user:u", Window: ledger.Window{Unit: ledger.Rolling, Length: time.Hour}, Limit: limit}
}

func grants(t *testing.T, open Open) {
	t.Helper()
	t.Run("a calendar window", func(t *testing.T) { calendarGrants(t, open) })
	t.Run("a rolling window", func(t *testing.T) { rollingGrants(t, open) })
	t.Run("ids", func(t *testing.T) { grantIDs(t, open) })
	t.Run("bounds", func(t *testing.T) { grantBounds(t, open) })
}

func calendarGrants(t *testing.T, open Open) {
	t.Helper()
	cases(t, open, map[string]func(d desk){
		"a spent stream goes on with its next lease, and what is used stays true": func(d desk) {
			d.lease("a", 5000, 0, 5000, day(5000))
			d.lease("a", 9000, 5000, 5000, day(5000))
			d.give(3000, 3000, 3000, "x", day(5000))
			g := d.lease("a", 9000, 5000, 8000, day(5000))
			if b := g.Balances[0]; b.Limit != 5000 || b.Granted != 3000 || b.Used != 8000 || b.Remaining != 0 {
				d.Fatalf("%+v", b)
			}
			d.lease("b", 1000, 0, 0, day(5000))
			d.settle("a", 6000)
			d.used(6000, day(5000))
			d.lease("b", 9000, 0, 2000, day(5000))
		},
		"it ends with its window": func(d desk) {
			d.give(3000, 3000, 3000, "x", day(0))
			d.Set(time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC))
			d.lease("a", 9000, 0, 3000, day(0))
			d.Add(2 * time.Second)
			d.granted(0, day(0))
			d.lease("a", 9000, 1000, 1000, day(0))
		},
		"it is for one budget of one owner": func(d desk) {
			d.give(3000, 3000, 3000, "x", day(5000))
			other := day(5000)
			other.Owner = "user:v"
			d.granted(0, other)
			d.granted(0, scope("weekly", ledger.Week, 5000))
			d.granted(0, scope("daily", ledger.Week, 5000))
			d.give(1, 1, 1, "x", other) // an id is its owner's
			d.lease("a", 9000, 0, 7000, day(5000), scope("weekly", ledger.Week, 7000))
		},
		"another limit does not take it away": func(d desk) {
			d.give(3000, 3000, 3000, "x", day(5000))
			d.lease("a", 90_000, 0, 4000, day(1000))
			d.lease("a", 90_000, 0, 13_000, day(10_000))
		},
		"what is taken back is not below nothing, and what is used stays": func(d desk) {
			d.give(3000, 3000, 3000, "x", day(5000))
			d.give(4000, 4000, 7000, "y", day(5000))
			d.give(-2000, -2000, 5000, "z", day(5000))
			d.lease("a", 8000, 0, 8000, day(5000))
			d.give(-9000, -5000, 0, "back", day(5000))
			d.used(8000, day(5000))
			d.lease("a", 9000, 8000, 8000, day(5000))
			d.refuse(-1, "more", day(5000), ledger.ErrInvalid, "nothing is granted")
		},
		"a shadow counts it, and refuses nobody": func(d desk) {
			s := day(5000)
			s.Shadow = true
			if b := d.give(1000, 1000, 1000, "x", s).Balance; !b.Shadow || b.Remaining != 6000 {
				d.Fatalf("%+v", b)
			}
			d.lease("a", 9000, 0, 9000, s)
		},
		"a clock that goes back over midnight does not leave the day that it is for": func(d desk) {
			d.Set(time.Date(2026, 11, 24, 0, 0, 1, 0, time.UTC))
			d.give(1000, 1000, 1000, "x", day(0))
			d.Add(-2 * time.Second)
			d.lease("a", 9000, 0, 1000, day(0))
		},
		"everybody's budget can have more, too": func(d desk) {
			all := day(1000)
			all.Owner = "all"
			d.give(500, 500, 500, "x", all)
			d.lease("a", 9000, 0, 1500, day(9000), all)
		},
	})
}

func rollingGrants(t *testing.T, open Open) {
	t.Helper()
	cases(t, open, map[string]func(d desk){
		"it leaves the window with its minute, as what is spent does": func(d desk) {
			s := lastHour(1000)
			d.lease("a", 9000, 0, 1000, s)
			d.settle("a", 1000)
			d.Add(30 * time.Minute)
			d.give(500, 500, 500, "x", s)
			d.Add(time.Minute)
			d.give(70, 70, 570, "y", s)
			d.lease("b", 9000, 0, 570, s)
			d.settle("b", 500)
			d.Set(noon().Add(91*time.Minute - time.Nanosecond))
			d.granted(570, s)
			d.Set(noon().Add(91 * time.Minute))
			d.granted(70, s)
			d.lease("c", 9000, 0, 570, s) // 500 are used, of 1070
			d.settle("c", 0)
			d.Add(time.Minute)
			d.granted(0, s)
			d.used(0, s)
		},
		"the newest is taken back first": func(d desk) {
			s := lastHour(0)
			d.give(500, 500, 500, "x", s)
			d.Add(time.Minute)
			d.give(70, 70, 570, "y", s)
			d.give(-100, -100, 470, "z", s)
			d.Set(noon().Add(61 * time.Minute))
			d.granted(0, s)
			d.give(5, 5, 5, "w", s)
			d.give(-9, -5, 0, "v", s)
		},
		"it is there while nothing is spent": func(d desk) {
			s := lastHour(1000)
			d.give(500, 500, 500, "x", s)
			d.lease("a", 9000, 0, 1500, s)
			d.settle("a", 0)
			d.granted(500, s)
			d.lease("b", 9000, 0, 1500, s)
		},
		"two lengths each count what lies in them": func(d desk) {
			long := lastHour(1000)
			long.Window.Length = 8 * 24 * time.Hour
			d.give(500, 500, 500, "x", long)
			d.Add(2 * time.Hour)
			d.granted(0, lastHour(1000))
			d.give(20, 20, 20, "y", lastHour(1000))
			d.granted(520, long)
			d.refuse(-1, "z", scope("hourly", ledger.Day, 0), ledger.ErrInvalid, "nothing is granted")
			d.Add(8*24*time.Hour - 2*time.Hour)
			d.granted(520, long)
			d.Add(2 * time.Minute)
			d.granted(20, long)
		},
	})
}

func grantIDs(t *testing.T, open Open) {
	t.Helper()
	cases(t, open, map[string]func(d desk){
		"who asks again is told what was done, also in the next window": func(d desk) {
			d.give(3000, 3000, 3000, "x", day(0))
			d.give(500, 500, 3500, "y", day(0))
			d.again(3000, 3000, 3000, "x", day(0))
			d.give(-9999, -3500, 0, "z", day(0))
			d.again(-9999, -3500, 0, "z", day(0))
			d.Add(24 * time.Hour)
			d.again(3000, 3000, 3000, "x", day(0))
			d.granted(0, day(0))
			d.Add(8 * 24 * time.Hour) // minus what has passed since noon
			d.Add(-time.Hour)
			d.again(3000, 3000, 3000, "x", day(0))
		},
		"an id stands for one grant": func(d desk) {
			d.give(3000, 3000, 3000, "x", day(0))
			d.refuse(3001, "x", day(0), ledger.ErrOtherGift, "another grant")
			d.refuse(3000, "x", scope("weekly", ledger.Week, 0), ledger.ErrOtherGift, "another grant")
			d.refuse(3000, "x", scope("daily", ledger.Week, 0), ledger.ErrOtherGift, "another grant")
		},
		"one that was refused may come again": func(d desk) {
			d.refuse(-5, "x", day(0), ledger.ErrInvalid, "nothing")
			d.give(5, 5, 5, "x", day(0))
		},
		"an id may be anything": func(d desk) {
			odd := day(0)
			odd.Owner, odd.Budget = "user:a{b}:c%", "b:x%\xff"
			for i, id := range []string{"a:b", "{c}", "%41", "A", "\xff", strings.Repeat("x", 128)} {
				d.give(1, 1, int64(i+1), id, odd)
				d.again(1, 1, int64(i+1), id, odd)
			}
		},
		"of those that ask at the same time one is the first": func(d desk) {
			var all sync.WaitGroup
			first := make(chan bool, 16)
			for i := range 16 {
				all.Go(func() {
					g, err := d.Grant(context.Background(), ledger.Gift{ID: fmt.Sprint(i % 2), Scope: day(0), MS: 1000})
					if err != nil {
						d.Error(err)
					}
					if !g.Repeated {
						first <- true
					}
				})
			}
			all.Wait()
			if d.granted(2000, day(0)); len(first) != 2 {
				d.Fatalf("%d were the first", len(first))
			}
		},
	})
}

func grantBounds(t *testing.T, open Open) {
	t.Helper()
	cases(t, open, map[string]func(d desk){
		"what is no grant": func(d desk) {
			d.refuse(0, "x", day(0), ledger.ErrInvalid, "0 ms")
			d.refuse(ledger.MaxGift+1, "x", day(0), ledger.ErrInvalid, "ms")
			d.refuse(-ledger.MaxGift-1, "x", day(0), ledger.ErrInvalid, "ms")
			d.refuse(1, "", day(0), ledger.ErrInvalid, "id")
			d.refuse(1, strings.Repeat("x", 129), day(0), ledger.ErrInvalid, "id")
			if _, err := d.Grant(context.Background(), ledger.Gift{ID: "x", MS: 1}); !errors.Is(err, ledger.ErrInvalid) {
				d.Fatal(err)
			}
			d.give(1, 1, 1, "x", day(0))
		},
		"all of them together have one": func(d desk) {
			d.give(ledger.MaxGift, ledger.MaxGift, ledger.MaxGift, "x", day(0))
			d.refuse(1, "y", day(0), ledger.ErrInvalid, "in all")
			d.give(-1, -1, ledger.MaxGift-1, "y", day(0))
			d.give(1, 1, ledger.MaxGift, "z", day(0))
		},
		"so have the minutes of a rolling window": func(d desk) {
			s := lastHour(0)
			s.Window.Length = 8 * 24 * time.Hour
			for i := range int64(128) {
				d.give(2, 2, 2*i+2, fmt.Sprint(i), s)
				d.Add(time.Minute)
			}
			d.refuse(1, "more", s, ledger.ErrInvalid, "128 times")
			d.give(-4, -4, 252, "two less", s)
			d.give(1, 1, 253, "more", s)
		},
		"a context that is over": func(d desk) {
			done, cancel := context.WithCancel(context.Background())
			cancel()
			if _, err := d.Grant(done, ledger.Gift{ID: "x", Scope: day(0), MS: 1}); !errors.Is(err, context.Canceled) {
				d.Fatal(err)
			}
			d.granted(0, day(0))
		},
		"after close": func(d desk) {
			if err := d.Close(); err != nil {
				d.Fatal(err)
			}
			if _, err := d.Grant(context.Background(), ledger.Gift{ID: "x", Scope: day(0), MS: 1}); !errors.Is(err, ledger.ErrClosed) {
				d.Fatal(err)
			}
		},
	})
}
