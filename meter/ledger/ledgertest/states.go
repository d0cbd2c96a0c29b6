package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func states(t *testing.T, open Open) {
	t.Helper()
	ctx := context.Background()
	cases(t, open, map[string]func(d desk){
		"a user without a record has the zero state": func(d desk) {
			if s, err := d.State(ctx, "u"); err != nil || s.Version != 0 || len(s.Data) != 0 {
				d.Fatalf("%+v, %v", s, err)
			}
		},
		"a record is replaced only by who has read it": func(d desk) {
			one, err := d.SetState(ctx, "u", ledger.State{Data: []byte("one")})
			if err != nil || one.Version == 0 {
				d.Fatalf("%+v, %v", one, err)
			}
			if _, err := d.SetState(ctx, "u", ledger.State{Data: []byte("again")}); !errors.Is(err, ledger.ErrConflict) {
				d.Fatal(err)
			}
			two, err := d.SetState(ctx, "u", ledger.State{Version: one.Version, Data: []byte("two")})
			if err != nil || two.Version <= one.Version {
				d.Fatalf("%+v, %v", two, err)
			}
			if _, err := d.SetState(ctx, "u", one); !errors.Is(err, ledger.ErrConflict) {
				d.Fatal(err)
			}
			if s, err := d.State(ctx, "u"); err != nil || string(s.Data) != "two" || s.Version != two.Version {
				d.Fatalf("%+v, %v", s, err)
			}
			if s, err := d.State(ctx, "v"); err != nil || s.Version != 0 {
				d.Fatalf("%+v, %v", s, err)
			}
		},
		"of racing writers one wins each round": func(d desk) {
			for round := range 5 {
				cur, err := d.State(ctx, "u")
				if err != nil {
					d.Fatal(err)
				}
				var wg sync.WaitGroup
				won := make(chan ledger.State, 8)
				for range cap(won) {
					wg.Go(func() {
						s, err := d.SetState(ctx, "u", cur)
						if err == nil {
							won <- s
						} else if !errors.Is(err, ledger.ErrConflict) {
							d.Error(err)
						}
					})
				}
				wg.Wait()
				if len(won) != 1 {
					d.Fatalf("round %d: %d writers won", round, len(won))
				}
			}
		},
		"users with a record are listed page by page": func(d desk) {
			want := map[string]string{}
			for i := range 25 {
				id := strings.Repeat("x", i%4) + fmt.Sprint("user:", i)
				want[id] = fmt.Sprint("record ", i)
				if _, err := d.SetState(ctx, id, ledger.State{Data: []byte(want[id])}); err != nil {
					d.Fatal(err)
				}
			}
			d.lease("a", 5000, 0, 5000) // of a user without a record
			for _, limit := range []int{1, 5, 7, 25, 1000} {
				got, cursor := map[string]string{}, ""
				for pages := 0; pages == 0 || cursor != ""; pages++ {
					users, next, err := d.Users(ctx, cursor, limit)
					if err != nil || len(users) > limit || pages > 25 {
						d.Fatalf("page %d of %d: %d users, %v", pages, limit, len(users), err)
					}
					for _, u := range users {
						if _, twice := got[u.User]; twice || u.Version != 1 {
							d.Fatalf("%s: twice, or version %d", u.User, u.Version)
						}
						got[u.User] = string(u.Data)
					}
					cursor = next
				}
				if !maps.Equal(got, want) {
					d.Fatalf("pages of %d: %d users, want %d", limit, len(got), len(want))
				}
			}
		},
		"grants and usage carry the state": func(d desk) {
			set, err := d.SetState(ctx, "u", ledger.State{Data: []byte("restrict")})
			if err != nil {
				d.Fatal(err)
			}
			g := d.lease("a", 5000, 0, 5000)
			u := d.settle("a", 0)
			q, err := d.Usage(ctx, ledger.Query{User: "u"})
			if err != nil {
				d.Fatal(err)
			}
			for _, s := range []ledger.State{g.State, u.State, q.State} {
				if s.Version != set.Version || string(s.Data) != "restrict" {
					d.Fatalf("%+v", s)
				}
			}
			if !g.At.Equal(d.Now()) || !u.At.Equal(d.Now()) || !q.At.Equal(d.Now()) {
				d.Fatalf("%v, %v, %v", g.At, u.At, q.At)
			}
		},
		"data is the store's own copy": func(d desk) {
			data := []byte("mine")
			if _, err := d.SetState(ctx, "u", ledger.State{Data: data}); err != nil {
				d.Fatal(err)
			}
			data[0] = 'X'
			s, err := d.State(ctx, "u")
			if err != nil || string(s.Data) != "mine" {
				d.Fatalf("%q, %v", s.Data, err)
			}
			s.Data[0] = 'Y'
			if s, err = d.State(ctx, "u"); err != nil || string(s.Data) != "mine" {
				d.Fatalf("%q, %v", s.Data, err)
			}
		},
		"data has a bound": func(d desk) {
			if _, err := d.SetState(ctx, "u", ledger.State{Data: bytes.Repeat([]byte{0}, 64<<10)}); err != nil {
				d.Fatal(err)
			}
			if _, err := d.SetState(ctx, "v", ledger.State{Data: bytes.Repeat([]byte{0}, 64<<10+1)}); !errors.Is(err, ledger.ErrInvalid) {
				d.Fatal(err)
			}
		},
	})
}

func refused(t *testing.T, open Open) {
	t.Helper()
	ctx := context.Background()
	good := func() ledger.Request {
		return ledger.Request{User: "u", Stream: "a", Scopes: []ledger.Scope{day(60_000)}, Ceiling: 5000}
	}
	rollingOf := func(l time.Duration) func(r *ledger.Request) {
		return func(r *ledger.Request) { r.Scopes[0].Window = ledger.Window{Unit: ledger.Rolling, Length: l} }
	}
	for name, spoil := range map[string]func(r *ledger.Request){
		"no user":            func(r *ledger.Request) { r.User = "" },
		"user too long":      func(r *ledger.Request) { r.User = strings.Repeat("u", 129) },
		"no stream":          func(r *ledger.Request) { r.Stream = "" },
		"negative ceiling":   func(r *ledger.Request) { r.Ceiling = -1 },
		"negative spent":     func(r *ledger.Request) { r.Spent = -1 },
		"negative limit":     func(r *ledger.Request) { r.Scopes[0].Limit = -1 },
		"no budget":          func(r *ledger.Request) { r.Scopes[0].Budget = "" },
		"no unit":            func(r *ledger.Request) { r.Scopes[0].Window.Unit = "" },
		"unknown unit":       func(r *ledger.Request) { r.Scopes[0].Window.Unit = "year" },
		"rolling of nothing": rollingOf(0),
		"rolling backwards":  rollingOf(-time.Hour),
		"rolling too short":  rollingOf(59 * time.Second),
		"rolling uneven":     rollingOf(90 * time.Second),
		"rolling too long":   rollingOf(8*24*time.Hour + time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, open, noon(), time.UTC)
			r := good()
			spoil(&r)
			if _, err := d.Lease(ctx, r); !errors.Is(err, ledger.ErrInvalid) {
				t.Errorf("lease: %v", err)
			}
			if _, err := d.Settle(ctx, r); !errors.Is(err, ledger.ErrInvalid) {
				t.Errorf("settle: %v", err)
			}
			d.used(0, day(60_000))
		})
	}
	t.Run("another's stream", func(t *testing.T) {
		d := newDesk(t, open, noon(), time.UTC)
		d.lease("a", 5000, 0, 5000, day(60_000))
		r := good()
		r.User, r.Spent = "v", 5000
		if _, err := d.Lease(ctx, r); !errors.Is(err, ledger.ErrInvalid) {
			t.Errorf("lease: %v", err)
		}
		if _, err := d.Settle(ctx, r); !errors.Is(err, ledger.ErrInvalid) {
			t.Errorf("settle: %v", err)
		}
		d.used(5000, day(60_000))
		d.audio(0, time.Hour)
	})
	t.Run("bad queries", func(t *testing.T) {
		d := newDesk(t, open, noon(), time.UTC)
		for _, q := range []ledger.Query{
			{},
			{User: "u", Windows: []time.Duration{0}},
			{User: "u", Windows: []time.Duration{8*24*time.Hour + 1}},
			{User: "u", Scopes: []ledger.Scope{{Budget: "b", Window: ledger.Window{Unit: "x"}}}},
		} {
			if _, err := d.Usage(ctx, q); !errors.Is(err, ledger.ErrInvalid) {
				t.Errorf("%+v: %v", q, err)
			}
		}
	})
	t.Run("a context that is over", func(t *testing.T) {
		d := newDesk(t, open, noon(), time.UTC)
		done, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := d.Usage(done, ledger.Query{User: "u"}); !errors.Is(err, context.Canceled) {
			t.Errorf("usage: %v", err)
		}
		if err := d.Ping(done); !errors.Is(err, context.Canceled) {
			t.Errorf("ping: %v", err)
		}
		if err := d.Ping(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("everything after close", func(t *testing.T) {
		d := newDesk(t, open, noon(), time.UTC)
		for range 2 {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		_, lease := d.Lease(ctx, good())
		_, settle := d.Settle(ctx, good())
		_, usage := d.Usage(ctx, ledger.Query{User: "u"})
		_, state := d.State(ctx, "u")
		_, set := d.SetState(ctx, "u", ledger.State{})
		for i, err := range []error{lease, settle, usage, state, set, d.Ping(ctx)} {
			if !errors.Is(err, ledger.ErrClosed) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}
