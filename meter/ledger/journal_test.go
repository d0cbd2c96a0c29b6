package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

func someDay(limit int64) Scope {
	return Scope{Budget: "daily", Owner: "user:u", Window: Window{Unit: Day}, Limit: limit}
}

// patient opens a store that writes nothing before somebody waits for it.
func patient(t *testing.T, dir string) *Embedded {
	t.Helper()
	e, err := OpenEmbedded(dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	e.j.idle = time.Hour
	t.Cleanup(func() { _ = e.Close() }) // the test has closed it, or does not care
	return e
}

// crashed is the store as a process that starts now would find it after a crash.
func crashed(t *testing.T, e *Embedded) *Embedded {
	t.Helper()
	dir := t.TempDir()
	if err := e.db.View(func(tx *bolt.Tx) error { return tx.CopyFile(filepath.Join(dir, fileName), 0o600) }); err != nil {
		t.Fatal(err)
	}
	return patient(t, dir)
}

// usedOf is what a day's budget and the user's audio show.
func usedOf(t *testing.T, e *Embedded) (used, audio int64) {
	t.Helper()
	u, err := e.Usage(t.Context(), Query{User: "u", Scopes: []Scope{someDay(1 << 40)}, Windows: []time.Duration{time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	return u.Balances[0].Used, u.Audio[0]
}

func openPurse(t *testing.T, e *Embedded, id string, scopes ...Scope) *Account {
	t.Helper()
	a, g, err := Open(t.Context(), e, Opening{User: "u", Stream: id, Slice: 5000, Plan: func(State, time.Time) []Scope { return scopes }})
	if err != nil || g.Ceiling == 0 {
		t.Fatalf("open: %+v, %v", g, err)
	}
	return a
}

// pay spends, and waits where it is told to.
func pay(t *testing.T, a *Account, ms int64) {
	t.Helper()
	err := a.Spend(ms)
	for errors.Is(err, ErrPending) {
		if err := a.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = a.Spend(ms)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsSpentBeforeTheDiskHasTheLease(t *testing.T) {
	for name, scopes := range map[string][]Scope{"under a budget": {someDay(1 << 40)}, "without one": nil} {
		t.Run(name, func(t *testing.T) {
			e := patient(t, t.TempDir())
			a := openPurse(t, e, "a", scopes...)
			if used, audio := usedOf(t, crashed(t, e)); used != 0 || audio != 0 {
				t.Fatalf("%d used, %d of audio of a stream that has spent nothing", used, audio)
			}
			if err := a.Spend(20); !errors.Is(err, ErrPending) {
				t.Fatalf("spend from a lease that would not survive a crash: %v", err)
			}
			if err := a.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := a.Spend(20); err != nil {
				t.Fatal(err)
			}
			used, audio := usedOf(t, crashed(t, e))
			if most := a.Last().Ceiling; audio != most || len(scopes) > 0 && used != most {
				t.Fatalf("%d used and %d of audio after a crash, granted were %d", used, audio, most)
			}
			if err := a.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestASettleThatACrashForgetsLeavesTheLeaseCharged(t *testing.T) {
	e := patient(t, t.TempDir())
	a := openPurse(t, e, "a", someDay(1<<40))
	pay(t, a, 300)
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if used, audio := usedOf(t, e); used != 300 || audio != 300 {
		t.Fatalf("%d used, %d of audio: a settle is seen at once", used, audio)
	}
	if used, audio := usedOf(t, crashed(t, e)); used != a.Last().Ceiling || audio != used {
		t.Fatalf("%d used, %d of audio after a crash, granted were %d", used, audio, a.Last().Ceiling)
	}
	// Whoever is given what came back takes the settle to the disk with its own lease.
	b := openPurse(t, e, "b", someDay(1<<40))
	pay(t, b, 20)
	if used, _ := usedOf(t, crashed(t, e)); used != 300+b.Last().Ceiling {
		t.Fatalf("%d used after a crash, want 300 and %d", used, b.Last().Ceiling)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestASettleWaitsWhereACrashWouldForgetAudio(t *testing.T) {
	e := patient(t, t.TempDir())
	charge := func(stream string, spent, want int64) {
		t.Helper()
		if _, err := e.Settle(t.Context(), Request{User: "u", Stream: stream, Scopes: []Scope{someDay(1 << 40)}, Spent: spent}); err != nil {
			t.Fatal(err)
		}
		if used, _ := usedOf(t, crashed(t, e)); used != want {
			t.Fatalf("%d used after a crash, want %d", used, want)
		}
	}
	charge("never leased", 700, 700)
	if _, err := e.Lease(t.Context(), Request{User: "u", Stream: "a", Scopes: []Scope{someDay(1 << 40)}, Ceiling: 1000}); err != nil {
		t.Fatal(err)
	}
	charge("a", 1500, 2200) // beyond its lease
	charge("a", 1500, 2200)
}

func TestCloseWritesWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	e := patient(t, dir)
	a := openPurse(t, e, "a", someDay(1<<40))
	pay(t, a, 300)
	if err := errors.Join(a.Close(t.Context()), e.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	if used, audio := usedOf(t, patient(t, dir)); used != 300 || audio != 300 {
		t.Fatalf("%d used, %d of audio", used, audio)
	}
	if _, err := e.Usage(t.Context(), Query{User: "u"}); !errors.Is(err, ErrClosed) {
		t.Fatalf("read of a closed store: %v", err)
	}
}

func TestWhatNobodyWaitsForIsWrittenSoon(t *testing.T) {
	e, err := OpenEmbedded(t.TempDir(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	saved, save := make(chan struct{}, 1), e.j.save
	e.j.save = func(l layer) error {
		defer signal(saved)
		return save(l)
	}
	if _, err := e.Settle(t.Context(), Request{User: "u", Stream: "a"}); err != nil {
		t.Fatal(err)
	}
	<-saved
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestADiskThatFailsIsToldAndForgetsNothing(t *testing.T) {
	dir := t.TempDir()
	e := patient(t, dir)
	var full atomic.Bool
	save, errFull := e.j.save, errors.New("no space left")
	e.j.save = func(l layer) error {
		if full.Load() {
			return errFull
		}
		return save(l)
	}
	a := openPurse(t, e, "a", someDay(1<<40))
	pay(t, a, 300)
	b := openPurse(t, e, "b", someDay(1<<40))
	full.Store(true)
	if err := a.Close(t.Context()); err != nil { // it does not wait for the disk
		t.Fatal(err)
	}
	if err := b.Spend(20); !errors.Is(err, ErrPending) || b.Wait(t.Context()) != nil || !errors.Is(b.Spend(20), ErrOutage) {
		t.Fatalf("a promise that the disk does not take was good: %v", err)
	}
	for name, call := range map[string]func() error{
		"ping":  func() error { return e.Ping(t.Context()) },
		"lease": func() error { _, err := e.Lease(t.Context(), Request{User: "u", Stream: "c", Ceiling: 1}); return err },
		"lease soon": func() error {
			_, _, err := e.LeaseSoon(t.Context(), Request{User: "u", Stream: "c", Ceiling: 1})
			return err
		},
		"settle": func() error { _, err := e.Settle(t.Context(), Request{User: "u", Stream: "c"}); return err },
		"state":  func() error { _, err := e.SetState(t.Context(), "u", State{Data: []byte("x")}); return err },
	} {
		if err := call(); !errors.Is(err, errFull) {
			t.Errorf("%s while the disk is full: %v", name, err)
		}
	}
	if st, err := e.State(t.Context(), "u"); err != nil || st.Version != 0 {
		t.Errorf("%+v, %v: a change that was refused holds", st, err)
	}
	full.Store(false)
	if err := errors.Join(e.Ping(t.Context()), b.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if used, _ := usedOf(t, crashed(t, e)); used != 300+b.Last().Ceiling {
		t.Errorf("%d used after the disk is back, want 300 and a lease", used)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if used, _ := usedOf(t, patient(t, dir)); used != 300 {
		t.Errorf("%d used after the disk is back and both are settled, want 300", used)
	}
}

func TestALastWriteThatFailsIsToldByClose(t *testing.T) {
	e := patient(t, t.TempDir())
	errFull := errors.New("no space left")
	e.j.save = func(layer) error { return errFull }
	if _, err := e.Settle(t.Context(), Request{User: "u", Stream: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); !errors.Is(err, errFull) {
		t.Fatalf("close: %v", err)
	}
}

// TestACrashAtAnyMomentChargesWhatWasForwarded lets streams come, spend and go, and
// looks at what a crash would leave at moments that nobody has chosen.
func TestACrashAtAnyMomentChargesWhatWasForwarded(t *testing.T) {
	e, err := OpenEmbedded(t.TempDir(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const users, slice, moments = 8, 500, 40
	var (
		forwarded atomic.Int64 // by Spend calls that have returned
		begun     atomic.Int64 // streams
		stop      atomic.Bool
		all       sync.WaitGroup
	)
	for i := range users {
		all.Go(func() {
			for n := 0; !stop.Load(); n++ {
				begun.Add(1)
				a, _, err := Open(context.Background(), e, Opening{
					User: "u", Stream: fmt.Sprint(i, "-", n), Slice: slice,
					Plan: func(State, time.Time) []Scope { return []Scope{someDay(1 << 40)} },
				})
				for range n % 30 {
					for err == nil || errors.Is(err, ErrPending) {
						if err = a.Spend(20); err == nil {
							forwarded.Add(20)
							break
						}
						if errors.Is(err, ErrPending) && a.Wait(context.Background()) != nil {
							break
						}
					}
				}
				if err := errors.Join(err, a.Close(context.Background())); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range moments {
		before := forwarded.Load()
		c := crashed(t, e)
		after, streams := forwarded.Load(), begun.Load()
		used, audio := usedOf(t, c)
		if used < before || audio != used {
			t.Errorf("%d used and %d of audio after a crash, %d were forwarded", used, audio, before)
		}
		if used > after+streams*slice {
			t.Errorf("%d used after a crash, %d were forwarded by %d streams", used, after, streams)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	all.Wait()
	if used, audio := usedOf(t, e); used != forwarded.Load() || audio != used {
		t.Errorf("%d used and %d of audio, %d were forwarded", used, audio, forwarded.Load())
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestScansSeeEveryLayerOnce(t *testing.T) {
	e := patient(t, t.TempDir())
	old, mid, fresh := layer{}, layer{}, layer{}
	for _, k := range []string{"a1", "a2", "a3", "b1"} {
		old.set([]byte(k), []byte("old"))
	}
	if err := e.j.save(old); err != nil {
		t.Fatal(err)
	}
	mid.set([]byte("a2"), []byte("mid"))
	mid.set([]byte("a3"), nil)
	mid.set([]byte("a4"), []byte("mid"))
	mid.set([]byte("a5"), []byte("mid"))
	fresh.set([]byte("a3"), []byte("new"))
	fresh.set([]byte("a4"), nil)
	err := e.db.View(func(tx *bolt.Tx) error {
		s := &stack{layers: []layer{fresh, mid}, disk: boltTable{tx.Bucket([]byte(root))}}
		got := map[string]string{}
		if err := s.scan([]byte("a1"), []byte("b"), func(k, v []byte) error {
			if _, twice := got[string(k)]; twice {
				t.Errorf("%s comes twice", k)
			}
			got[string(k)] = string(v)
			return nil
		}); err != nil {
			return err
		}
		if want := "map[a1:old a2:mid a3:new a5:mid]"; fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
		for k, want := range map[string]string{"a1": "old", "a2": "mid", "a3": "new", "a4": "", "a5": "mid"} {
			if v := s.get([]byte(k)); string(v) != want {
				t.Errorf("%s: %q, want %q", k, v, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
