package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// die copies the file of a running store, as a crash would leave it, and opens
// the copy.
func die(t *testing.T, dir string, now func() time.Time) *ledger.Embedded {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ledger.db"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openEmbedded(t, dir, now, time.UTC)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestACrashChargesWhatWasGranted(t *testing.T) {
	clock := ledgertest.NewClock(crashClock())
	dir := t.TempDir()
	s := openEmbedded(t, dir, clock.Now, time.UTC)
	dead := s
	t.Cleanup(func() { _ = dead.Close() })
	hourly := ledger.Scope{Budget: "hourly", Owner: "user:u", Window: ledger.Window{Unit: ledger.Rolling, Length: time.Hour}, Limit: 60_000}
	late := ledger.Scope{Budget: "late", Owner: "user:u", Window: ledger.Window{Unit: ledger.Week}, Limit: 1000}
	lease := func(stream string, ceiling, spent int64, scopes ...ledger.Scope) {
		t.Helper()
		if _, err := s.Lease(t.Context(), ledger.Request{User: "u", Stream: stream, Scopes: scopes, Ceiling: ceiling, Spent: spent}); err != nil {
			t.Fatal(err)
		}
	}
	lease("a", 5000, 0, daily(60_000), hourly)
	lease("a", 8000, 3000, daily(60_000), hourly)
	lease("b", 4000, 0)
	lease("b", 6000, 1000, late) // lowered to 2000; up to 4000 may be out already
	lease("c", 5000, 0, daily(60_000))
	if _, err := s.Settle(t.Context(), ledger.Request{User: "u", Stream: "c", Spent: 500}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetState(t.Context(), "u", ledger.State{Data: []byte("kept")}); err != nil {
		t.Fatal(err)
	}
	clock.Add(30 * time.Minute)
	s = die(t, dir, clock.Now)
	q := ledger.Query{User: "u", Scopes: []ledger.Scope{daily(60_000), hourly, late}, Windows: []time.Duration{10 * time.Minute, time.Hour}}
	for range 2 { // a second start changes nothing
		u, err := s.Usage(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if u.Balances[0].Used != 8500 || u.Balances[1].Used != 8000 || u.Balances[2].Used != 3000 || u.Audio[0] != 0 || u.Audio[1] != 12_500 || string(u.State.Data) != "kept" {
			t.Fatalf("%+v", u)
		}
		for _, id := range []string{"a", "b", "c"} {
			if _, err := s.Lease(t.Context(), ledger.Request{User: "u", Stream: id, Ceiling: 1 << 40}); !errors.Is(err, ledger.ErrSettled) {
				t.Fatalf("stream %s: %v", id, err)
			}
			if _, err := s.Settle(t.Context(), ledger.Request{User: "u", Stream: id, Spent: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	clock.Add(31*time.Minute + time.Second)
	u, err := s.Usage(t.Context(), q)
	if err != nil || u.Balances[1].Used != 0 {
		t.Fatalf("%+v, %v: the hour is counted from the last lease", u.Balances[1], err)
	}
}

func TestManyOrphansAreClosed(t *testing.T) {
	dir := t.TempDir()
	s := openEmbedded(t, dir, crashClock, time.UTC)
	dead := s
	t.Cleanup(func() { _ = dead.Close() })
	var wg sync.WaitGroup
	for i := range 2500 {
		wg.Go(func() {
			if _, err := s.Lease(context.Background(), ledger.Request{User: "u", Stream: fmt.Sprint(i), Scopes: []ledger.Scope{daily(1 << 40)}, Ceiling: 1000}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s = die(t, dir, crashClock)
	if n := used(t, s, daily(0)); n != 2_500_000 {
		t.Fatalf("%d used", n)
	}
	for i := range 2500 {
		if _, err := s.Lease(t.Context(), ledger.Request{User: "u", Stream: fmt.Sprint(i), Ceiling: 1}); !errors.Is(err, ledger.ErrSettled) {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
}

func TestADamagedFileIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ledger.db"), make([]byte, 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := ledger.OpenEmbedded(dir, nil, nil); err == nil {
		t.Fatalf("%v opened", s)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := ledger.OpenEmbedded(filepath.Join(file, "x"), nil, nil); err == nil {
		t.Fatalf("%v opened", s)
	}
}
