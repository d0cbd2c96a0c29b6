package ledger_test

import (
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

func TestSessionsAreForgottenEightDaysAfterTheLast(t *testing.T) {
	clock := ledgertest.NewClock(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	s := ledger.NewMemory(clock.Now, time.UTC)
	defer closeStore(t, s)
	add := func(id string) {
		t.Helper()
		if err := s.AddSession(t.Context(), "u", id, []byte(id)); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(want int) {
		t.Helper()
		if all, err := s.Sessions(t.Context(), "u", 10); err != nil || len(all) != want {
			t.Fatalf("%d sessions, %v; want %d", len(all), err, want)
		}
	}
	add("1")
	clock.Add(7 * 24 * time.Hour)
	add("2")
	clock.Add(7 * 24 * time.Hour)
	if _, err := s.NoteOnce(t.Context(), "k", nil, time.Hour); err != nil { // writes sweep
		t.Fatal(err)
	}
	kept(2)
	clock.Add(24 * time.Hour)
	kept(0)
	add("3")
	kept(1)
}
