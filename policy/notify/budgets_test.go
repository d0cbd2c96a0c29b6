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

// board is the notes and the reminders of a ledger, for several gateways. Its clock is the bubble's.
type board struct {
	mu    sync.Mutex
	notes map[string]dueAt // until when
	due   map[string]dueAt
	fails int // so many calls
}

func (b *board) noted(key string) (string, bool) {
	n, ok := b.notes[key]
	return n.value, ok && time.Now().Before(n.at)
}

type dueAt struct {
	value string
	at    time.Time
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
		b.notes, b.due = map[string]dueAt{}, map[string]dueAt{}
	}
	fn()
	return nil
}

func (b *board) Note(_ context.Context, key string, value []byte, ttl time.Duration) error {
	return b.call(func() { b.notes[key] = dueAt{string(value), time.Now().Add(ttl)} })
}

func (b *board) NoteOnce(_ context.Context, key string, value []byte, ttl time.Duration) (first bool, err error) {
	err = b.call(func() {
		old, ok := b.noted(key)
		if first = !ok || old == string(value); !ok {
			b.notes[key] = dueAt{string(value), time.Now().Add(ttl)}
		}
	})
	return first, err
}

func (b *board) Noted(_ context.Context, key string) (v []byte, err error) {
	err = b.call(func() {
		if s, ok := b.noted(key); ok {
			v = []byte(s)
		}
	})
	return v, err
}

func (b *board) Remind(_ context.Context, key string, value []byte, at time.Time) error {
	return b.call(func() { b.due[key] = dueAt{string(value), at} })
}

func (b *board) Due(_ context.Context, limit int, hold time.Duration) (out []Reminder, err error) {
	err = b.call(func() {
		for k, d := range b.due {
			if !time.Now().Before(d.at) && len(out) < limit {
				out = append(out, Reminder{k, []byte(d.value)})
				b.due[k] = dueAt{d.value, time.Now().Add(hold)}
			}
		}
	})
	return out, err
}

func (b *board) Forget(_ context.Context, r Reminder) error {
	return b.call(func() {
		if b.due[r.Key].value == string(r.Value) {
			delete(b.due, r.Key)
		}
	})
}

// owed is how many messages were begun and are not told.
func (b *board) owed() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k := range b.due {
		if strings.HasPrefix(k, owedKey) {
			n++
		}
	}
	return n
}

// listener is what a backend was told.
type listener struct {
	mu     sync.Mutex
	types  []string
	ids    []string
	last   Message
	refuse error
}

func (w *listener) take(ms ...Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return w.refuse
	}
	for _, m := range ms {
		var body struct{ Type string }
		if err := json.Unmarshal(m.Body, &body); err != nil {
			return err
		}
		w.types, w.ids, w.last = append(w.types, strings.TrimPrefix(body.Type, "budget.")), append(w.ids, m.ID), m
	}
	return nil
}

func (w *listener) dies(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = err
}

func (w *listener) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.types, " ")
}

// rig is what gateways share, and how the budget stands when it is asked for.
type rig struct {
	board
	listener

	stands func() Answer
}

func (r *rig) gateway(t *testing.T) *Budgets {
	t.Helper()
	return NewBudgets(BudgetsOptions{
		Notices: func() Notices { return notices(t) }, Notes: &r.board, Tell: r.take, Log: slog.New(slog.DiscardHandler),
		Ask: func(context.Context, string, string, string) (Answer, error) { return r.stands(), nil },
	})
}

const window = 24 * time.Hour

// stood is a day's budget an hour after midnight. In a bubble of synctest the clock stands at midnight of day 0.
func stood(day int, percent int64) Standing {
	at := time.Date(2000, 1, 1+day, 0, 0, 0, 0, time.UTC)
	return Standing{
		User: "anna", Plan: "pro", Budget: "daily", Limit: 1_800_000, Used: 18_000 * percent, Remaining: max(0, 18_000*(100-percent)),
		Resets: at.Add(window), At: at.Add(time.Hour),
	}
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
				var r rig
				one, two := r.gateway(t), r.gateway(t)
				var last Standing
				r.stands = func() Answer { return Answer{Standing: last, Known: true} }
				for _, s := range tc.shown {
					last = s
					one.Seen(s)
					two.Seen(s)
					synctest.Wait()
				}
				one.Close()
				two.Close()
				again := r.gateway(t) // after a restart
				again.Seen(last)
				synctest.Wait()
				again.Close()
				if r.all() != tc.want || r.owed() != 0 {
					t.Errorf("told %q, want %q; owed %d", r.all(), tc.want, r.owed())
				}
			})
		})
	}
}

func TestAStoreThatFailsDelaysABudgetMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rig{board: board{fails: 2}}
		b := r.gateway(t)
		b.Seen(stood(0, 85)) // the look at the notes fails, and the first try of the claim
		synctest.Wait()
		b.Seen(stood(0, 85))
		<-time.After(2 * time.Second)
		b.Seen(stood(0, 100))
		synctest.Wait()
		b.Close()
		if r.all() != "80 spent" {
			t.Errorf("told %q", r.all())
		}
	})
}

func TestThePayloadOfABudgetIsAsDocumented(t *testing.T) {
	s := stood(0, 81)
	s.At = time.Date(2026, 1, 31, 1, 0, 0, 0, time.UTC)
	s.Resets = s.At.Add(23 * time.Hour)
	m, err := notices(t).budget("told:1", "budget_80", s)
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
