package notify_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
	"github.com/sttgate/sttgate/policy/notify"
)

// noticeBoard is a ledger, as a gateway's Budgets use it.
type noticeBoard struct{ ledger.Store }

func (b noticeBoard) Due(ctx context.Context, limit int, hold time.Duration) (out []notify.Reminder, err error) {
	all, err := b.Store.Due(ctx, limit, hold)
	for _, r := range all {
		out = append(out, notify.Reminder(r))
	}
	return out, err
}

func (b noticeBoard) Forget(ctx context.Context, r notify.Reminder) error {
	return b.Store.Forget(ctx, ledger.Reminder(r))
}

// backend is who is told.
type backend struct {
	mu   sync.Mutex
	told []string
	ids  []string
}

func (b *backend) take(ms ...notify.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range ms {
		var body struct {
			Type string
			Data struct{ User, Budget string }
		}
		if err := json.Unmarshal(m.Body, &body); err != nil {
			return err
		}
		b.told = append(b.told, body.Data.User+" "+body.Data.Budget+" "+strings.TrimPrefix(body.Type, "budget."))
		b.ids = append(b.ids, m.ID)
	}
	return nil
}

// has waits for so many messages, and wants them in whatever order.
func (b *backend) has(t *testing.T, want ...string) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(time.Minute); ; <-look.C {
		b.mu.Lock()
		got := slices.Clone(b.told)
		b.mu.Unlock()
		if len(got) < len(want) && time.Now().Before(end) {
			continue
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("told %q, want %q", got, want)
		}
		return
	}
}

// budgetScope is a user's budget of two minutes: a day's, or one that rolls.
func budgetScope(user, budget string) ledger.Scope {
	s := ledger.Scope{Budget: budget, Owner: "user:" + user, Window: ledger.Window{Unit: ledger.Day}, Limit: 120_000}
	if budget == "hourly" {
		s.Window = ledger.Window{Unit: ledger.Rolling, Length: time.Hour}
	}
	return s
}

func standingOf(t *testing.T, s ledger.Store, user, budget string) notify.Standing {
	t.Helper()
	u, err := s.Usage(t.Context(), ledger.Query{User: user, Scopes: []ledger.Scope{budgetScope(user, budget)}})
	if err != nil {
		t.Fatal(err)
	}
	b := u.Balances[0]
	return notify.Standing{User: user, Budget: budget, Limit: b.Limit, Granted: b.Granted, Used: b.Used, Remaining: b.Remaining, Resets: b.Resets, At: u.At, Rolling: b.Window.Length}
}

// TestWhoSpendsABudgetAndDoesNotComeBackIsToldOnceThatItIsBack is on every store, with a clock that is moved by hand: two gateways where the
// store can be shared, the one that told of the end having died; and a third one later.
func TestWhoSpendsABudgetAndDoesNotComeBackIsToldOnceThatItIsBack(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, now func() time.Time) []ledger.Store{
		"memory": func(_ *testing.T, now func() time.Time) []ledger.Store {
			m := ledger.NewMemory(now, time.UTC)
			return []ledger.Store{m, m}
		},
		"embedded": func(t *testing.T, now func() time.Time) []ledger.Store {
			s, err := ledger.OpenEmbedded(t.TempDir(), time.UTC, now)
			if err != nil {
				t.Fatal(err)
			}
			return []ledger.Store{s, s} // a gateway, and the one after its restart
		},
		"redis": func(t *testing.T, now func() time.Time) (out []ledger.Store) {
			server := ledgertest.StartRedis(t)
			for range 2 {
				s, err := ledger.OpenRedis(ledger.RedisConfig{URL: secret.New(server.URL()), Timeout: 5 * time.Second}, time.UTC, ledger.RedisOptions{Clock: now})
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, s)
			}
			return out
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := ledgertest.NewClock(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
			stores := open(t, clock.Now)
			t.Cleanup(func() {
				for _, s := range stores {
					_ = s.Close()
				}
			})
			var told backend
			rounds := make(chan struct{}, 1)
			gateway := func(s ledger.Store) *notify.Budgets {
				words, err := notify.NewNotices(notify.Texts{})
				if err != nil {
					t.Fatal(err)
				}
				return notify.NewBudgets(notify.BudgetsOptions{
					Notices: func() notify.Notices { return words }, Notes: listened{noticeBoard{s}, rounds}, Tell: told.take, Round: time.Millisecond, Log: slog.New(slog.DiscardHandler),
					Ask: func(_ context.Context, user, _, budget string) (notify.Answer, error) {
						return notify.Answer{Standing: standingOf(t, s, user, budget), Known: true}, nil
					},
				})
			}
			quiet := func() { // rounds that find nothing
				for range 10 {
					<-rounds
				}
			}
			first, second := gateway(stores[0]), gateway(stores[1])
			spend := func(b *notify.Budgets, s ledger.Store, user, budget, stream string) {
				r := ledger.Request{User: user, Stream: stream, Scopes: []ledger.Scope{budgetScope(user, budget)}, Ceiling: 120_000}
				if _, err := s.Lease(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				r.Spent = 120_000
				if _, err := s.Settle(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				b.Seen(standingOf(t, s, user, budget))
			}
			spend(first, stores[0], "ann", "daily", "1")
			spend(second, stores[1], "bob", "hourly", "2")
			want := []string{"ann daily spent", "bob hourly spent"}
			told.has(t, want...)
			first.Close()
			if name != "redis" { // there is another one on the store
				second.Close()
				second = gateway(stores[1])
			}
			clock.Add(time.Hour) // bob's minute is still in
			quiet()
			told.has(t, want...)
			clock.Add(time.Minute)
			want = append(want, "bob hourly back")
			told.has(t, want...)
			clock.Set(time.Date(2026, 11, 23, 23, 59, 59, 999_000_000, time.UTC))
			quiet()
			told.has(t, want...)
			clock.Add(time.Millisecond)
			want = append(want, "ann daily back")
			told.has(t, want...)
			third := gateway(stores[0])
			third.Seen(standingOf(t, stores[0], "ann", "daily"))
			clock.Add(72 * time.Hour)
			quiet()
			spend(third, stores[0], "ann", "daily", "3")
			want = append(want, "ann daily spent")
			told.has(t, want...)
			// More for today, from an operator at either gateway.
			if _, err := stores[1].Grant(t.Context(), ledger.Gift{ID: "x", Scope: budgetScope("ann", "daily"), MS: 60_000}); err != nil {
				t.Fatal(err)
			}
			if err := second.Recall(t.Context(), "ann", "daily", clock.Now()); err != nil {
				t.Fatal(err)
			}
			want = append(want, "ann daily back")
			told.has(t, want...)
			clock.Add(72 * time.Hour)
			quiet()
			second.Close()
			third.Close()
			told.has(t, want...)
			slices.Sort(told.ids)
			if len(slices.Compact(told.ids)) != len(want) {
				t.Errorf("two messages have one id: %q", told.ids)
			}
		})
	}
}

// listened tells of rounds that find nothing.
type listened struct {
	noticeBoard

	idle chan struct{}
}

func (l listened) Due(ctx context.Context, limit int, hold time.Duration) ([]notify.Reminder, error) {
	out, err := l.noticeBoard.Due(ctx, limit, hold)
	if len(out) == 0 {
		select {
		case l.idle <- struct{}{}:
		default:
		}
	}
	return out, err
}
