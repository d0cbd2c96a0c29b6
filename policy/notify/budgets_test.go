package notify

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// board is the notes of a ledger, for several gateways.
type board struct {
	mu    sync.Mutex
	notes map[string]string
	fails int // so many calls
}

var errBoard = errors.New("store down")

func (b *board) call(fn func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails > 0 {
		b.fails--
		return errBoard
	}
	if b.notes == nil {
		b.notes = map[string]string{}
	}
	fn()
	return nil
}

func (b *board) Note(_ context.Context, key string, value []byte, _ time.Duration) error {
	return b.call(func() { b.notes[key] = string(value) })
}

func (b *board) NoteOnce(_ context.Context, key string, value []byte, _ time.Duration) (first bool, err error) {
	err = b.call(func() {
		old, ok := b.notes[key]
		if first = !ok || old == string(value); first {
			b.notes[key] = string(value)
		}
	})
	return first, err
}

func (b *board) Noted(_ context.Context, key string) (v []byte, err error) {
	err = b.call(func() {
		if s, ok := b.notes[key]; ok {
			v = []byte(s)
		}
	})
	return v, err
}

// told is what a backend was told.
type told struct {
	mu    sync.Mutex
	types []string
	last  Message
}

func (w *told) take(ms ...Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range ms {
		var body struct{ Type string }
		if err := json.Unmarshal(m.Body, &body); err != nil {
			return err
		}
		w.types, w.last = append(w.types, strings.TrimPrefix(body.Type, "budget.")), m
	}
	return nil
}

func (w *told) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.types, " ")
}

const window = 24 * time.Hour

func stood(day int, percent int64) Standing {
	at := time.Date(2026, 1, 31+day, 0, 0, 0, 0, time.UTC)
	return Standing{"anna", "pro", "daily", 1_800_000, 0, 18_000 * percent, max(0, 18_000*(100-percent)), at.Add(window), at.Add(time.Hour)}
}

// raised is the same day with more than the limit.
func raised(granted, percent int64) Standing {
	s := stood(0, percent)
	s.Granted, s.Remaining = granted, max(0, s.Limit+granted-s.Used)
	return s
}

func TestEachLevelIsToldOncePerWindowOverAllGateways(t *testing.T) {
	for _, tc := range []struct {
		name  string
		shown []Standing
		want  string
	}{
		{"nothing below 80", []Standing{stood(0, 0), stood(0, 79)}, ""},
		{"each in turn", []Standing{stood(0, 79), stood(0, 80), stood(0, 94), stood(0, 95), stood(0, 99), stood(0, 100), stood(0, 100)}, "80 95 spent"},
		{"the highest alone after a leap", []Standing{stood(0, 10), stood(0, 97), stood(0, 98)}, "95"},
		{"not again after a lease was given back", []Standing{stood(0, 81), stood(0, 70), stood(0, 82)}, "80"},
		{"back, once", []Standing{stood(0, 100), stood(1, 1), stood(1, 2), stood(2, 1)}, "spent back"},
		{"no back for who was not told that it was spent", []Standing{stood(0, 96), stood(1, 1)}, "95"},
		{"back after days", []Standing{stood(0, 100), stood(5, 1), stood(6, 1)}, "spent back"},
		{"an answer that was overtaken", []Standing{stood(1, 10), stood(0, 100), stood(1, 11)}, ""},
		{"back with a grant, and spent again with it", []Standing{stood(0, 100), raised(600_000, 100), raised(600_000, 120), raised(600_000, 134), raised(600_000, 134)}, "spent back 80 spent"},
		{"nearly spent is told once, whatever is granted", []Standing{stood(0, 80), stood(0, 96), stood(0, 100), raised(1000, 100), raised(1000, 101)}, "80 95 spent back spent"},
		{"no back for a grant to who was not told that it was spent", []Standing{stood(0, 96), raised(600_000, 97)}, "95"},
		{"a grant that is taken back tells nothing", []Standing{stood(0, 100), raised(600_000, 100), stood(0, 100), stood(1, 3)}, "spent back"},
		{"a grant to who has spent nothing yet moves the levels", []Standing{raised(1_800_000, 100), raised(1_800_000, 160)}, "80"},
		{"an answer from before the grant", []Standing{stood(0, 100), raised(600_000, 100), stood(0, 100), raised(600_000, 100)}, "spent back"},
		{"no limit, no window", []Standing{{User: "a", Budget: "b"}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var notes board
				var w told
				log := slog.New(slog.DiscardHandler)
				one, two := NewBudgets(notices(t), &notes, w.take, log), NewBudgets(notices(t), &notes, w.take, log)
				for _, s := range tc.shown {
					one.Seen(s)
					two.Seen(s)
					synctest.Wait()
				}
				one.Close()
				two.Close()
				again := NewBudgets(notices(t), &notes, w.take, log) // after a restart
				again.Seen(tc.shown[len(tc.shown)-1])
				synctest.Wait()
				again.Close()
				if w.all() != tc.want {
					t.Errorf("told %q, want %q", w.all(), tc.want)
				}
			})
		})
	}
}

func TestAStoreThatFailsDelaysABudgetMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes := board{fails: 2}
		var w told
		b := NewBudgets(notices(t), &notes, w.take, slog.New(slog.DiscardHandler))
		b.Seen(stood(0, 85)) // the look at the notes fails, and the first try of the claim
		synctest.Wait()
		b.Seen(stood(0, 85))
		<-time.After(2 * time.Second)
		b.Seen(stood(0, 100))
		synctest.Wait()
		b.Close()
		if w.all() != "80 spent" {
			t.Errorf("told %q", w.all())
		}
	})
}

func TestThePayloadOfABudgetIsAsDocumented(t *testing.T) {
	m, err := notices(t).budget("told:1", "budget_80", stood(0, 81))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/budget.json", m.Body)
}

func TestTimesAreSaidAsPeopleDo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "less than a minute", 59 * time.Second: "less than a minute", 61 * time.Second: "1 min", 59*time.Minute + 59*time.Second: "59 min",
		time.Hour: "1 h", 90 * time.Minute: "1 h 30 min", 30 * time.Hour: "30 h",
	} {
		if got := Span(d).String(); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
