package ledger_test

import (
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

func TestAKeptReservationSurvivesACrashAndOthersAreCharged(t *testing.T) {
	clock := ledgertest.NewClock(crashClock())
	dir := t.TempDir()
	s := openEmbedded(t, dir, clock.Now, time.UTC)
	dead := s
	t.Cleanup(func() { _ = dead.Close() })
	plan := func(ledger.State, time.Time) []ledger.Scope { return []ledger.Scope{daily(60_000)} }
	reserve := func(id string, ms int64, keep time.Duration) {
		t.Helper()
		r, _, err := ledger.Reserve(t.Context(), s, ledger.Opening{User: "u", Stream: id, Plan: plan}, ms)
		if err != nil {
			t.Fatal(err)
		}
		if keep > 0 {
			if err := r.Keep(t.Context(), ms, keep); err != nil {
				t.Fatal(err)
			}
		}
	}
	reserve("kept", 9000, 24*time.Hour)
	reserve("late", 4000, time.Minute)
	reserve("upload", 2000, 0)
	if err := s.Note(t.Context(), "job", []byte("kept"), 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	clock.Add(time.Hour)
	s = die(t, dir, clock.Now)
	if n := used(t, s, daily(60_000)); n != 15_000 {
		t.Fatalf("%d used after the crash, want all that was reserved", n)
	}
	note, err := s.Noted(t.Context(), "job")
	if err != nil || string(note) != "kept" {
		t.Fatalf("%q, %v", note, err)
	}
	for _, id := range []string{"kept", "late", "upload"} {
		if _, err := ledger.Resume(s, ledger.Opening{User: "u", Stream: id}).Settle(t.Context(), 1000, 0); err != nil {
			t.Fatal(err)
		}
	}
	if n := used(t, s, daily(60_000)); n != 1000+4000+2000 {
		t.Fatalf("%d used, want the price of the one that was kept and the whole of the others", n)
	}
}
