package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sttgate/sttgate/meter/ledger"
)

// user is u's places.
func user(limit int) ledger.Slot { return ledger.Slot{Owner: "user:u", Limit: limit} }

func all(limit int) ledger.Slot { return ledger.Slot{Owner: "all", Limit: limit} }

// place takes a place and wants it.
func (d desk) place(s ...ledger.Slot) *ledger.Place {
	d.Helper()
	p, err := d.Take(context.Background(), s)
	if err != nil {
		d.Fatalf("place with %v: %v", s, err)
	}
	if p.Dark != nil {
		d.Fatalf("place with %v: the store did not answer: %v", s, p.Dark)
	}
	return p
}

// full wants that an owner has no place left.
func (d desk) full(owner string, s ...ledger.Slot) {
	d.Helper()
	_, err := d.Take(context.Background(), s)
	full, ok := errors.AsType[ledger.FullError](err)
	if !ok || full.Owner != owner {
		d.Fatalf("place with %v: %v, want %s full", s, err, owner)
	}
}

func (d desk) running(want int, owner string) {
	d.Helper()
	n, err := d.Running(context.Background(), owner)
	if err != nil || n != want {
		d.Fatalf("%s runs %d, %v; want %d", owner, n, err, want)
	}
}

func slots(t *testing.T, open Open) {
	t.Helper()
	cases(t, open, map[string]func(d desk){
		"there are as many places as the limit says": func(d desk) {
			first := d.place(user(2))
			d.place(user(2))
			d.full("user:u", user(2))
			d.running(2, "user:u")
			first.Release()
			first.Release() // once is enough
			d.place(user(2))
			d.full("user:u", user(2))
		},
		"owners are strangers to each other": func(d desk) {
			d.place(user(1))
			d.place(ledger.Slot{Owner: "user:v", Limit: 1})
			d.place(ledger.Slot{Owner: "user:{u}:slots", Limit: 1})
			d.running(1, "user:u")
			d.running(0, "user:w")
		},
		"a place is taken with every owner or with none": func(d desk) {
			p := d.place(all(1))
			d.full("all", user(2), all(1))
			d.running(0, "user:u")
			p.Release()
			p = d.place(user(2), all(1))
			d.running(1, "user:u")
			d.running(1, "all")
			d.full("all", user(2), all(1))
			p.Release()
			d.running(0, "user:u")
			d.running(0, "all")
		},
		"no owner, no place": func(d desk) { d.place().Release() },
		"without a limit places are counted": func(d desk) {
			var places []*ledger.Place
			for range 5 {
				places = append(places, d.place(user(0)))
			}
			d.running(5, "user:u")
			d.full("user:u", user(5))
			places[0].Release()
			d.place(user(5))
		},
		"a lowered limit takes nothing away and gives nothing before enough came back": func(d desk) {
			var places []*ledger.Place
			for range 3 {
				places = append(places, d.place(user(3)))
			}
			d.full("user:u", user(1))
			places[0].Release()
			d.full("user:u", user(1))
			d.full("user:u", user(2))
			places[1].Release()
			d.full("user:u", user(1))
			d.place(user(2))
			places[2].Release()
			d.full("user:u", user(1))
			d.place(user(3))
		},
		"whoever has gone gets no place": func(d desk) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if _, err := d.Take(ctx, []ledger.Slot{user(1)}); !errors.Is(err, context.Canceled) {
				d.Fatal(err)
			}
			d.running(0, "user:u")
			d.place(user(1))
		},
		"what cannot be is refused": func(d desk) {
			for _, s := range [][]ledger.Slot{
				{{Owner: ""}}, {{Owner: strings.Repeat("o", 257)}}, {user(-1)}, {user(1), user(2)}, make([]ledger.Slot, 9),
			} {
				if _, err := d.Take(context.Background(), s); !errors.Is(err, ledger.ErrInvalid) {
					d.Errorf("%v: %v", s, err)
				}
			}
			if _, err := d.Running(context.Background(), ""); !errors.Is(err, ledger.ErrInvalid) {
				d.Error(err)
			}
		},
		"who races for seven places gets one of seven": func(d desk) {
			var got atomic.Int64
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					switch _, err := d.Take(context.Background(), []ledger.Slot{user(20), all(7)}); {
					case err == nil:
						got.Add(1)
					case !errors.As(err, &ledger.FullError{}):
						d.Error(err)
					}
				})
			}
			wg.Wait()
			if got.Load() > 7 {
				d.Fatalf("%d got one", got.Load())
			}
			for range 7 - got.Load() { // somebody may have stood in the way of others and come to nothing
				d.place(user(20), all(7))
			}
			d.full("all", user(20), all(7))
			d.running(7, "user:u")
		},
		"takers and leavers never pass the limit, and leave nothing behind": func(d desk) {
			var now, most atomic.Int64
			var wg sync.WaitGroup
			for i := range 8 {
				rng := rand.New(rand.NewPCG(3, uint64(i))) //nolint:gosec // chance, not a secret
				wg.Go(func() {
					for range 40 {
						s := []ledger.Slot{{Owner: fmt.Sprint("user:", rng.IntN(3)), Limit: rng.IntN(4)}, all(5)}
						p, err := d.Take(context.Background(), s)
						if err != nil {
							if !errors.As(err, &ledger.FullError{}) {
								d.Error(err)
							}
							continue
						}
						for n := now.Add(1); ; {
							if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
								break
							}
						}
						now.Add(-1)
						p.Release()
					}
				})
			}
			wg.Wait()
			if most.Load() > 5 {
				d.Errorf("%d ran at once", most.Load())
			}
			for _, owner := range []string{"user:0", "user:1", "user:2", "all"} {
				d.running(0, owner)
			}
		},
	})
}
