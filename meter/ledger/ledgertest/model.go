package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"pgregory.net/rapid"
)

// account is what the model knows of a stream: one budget, held from base on.
type account struct {
	base, spent, ceiling, speech int64
	settled                      bool
}

// total is what all streams have from the budget.
func total(m map[string]*account) (used, forwarded, speech int64) {
	for _, a := range m {
		used += max(a.ceiling, a.spent) - a.base
		forwarded += a.spent
		speech += a.speech
	}
	return used, forwarded, speech
}

// expect is the model: what a lease must grant.
func expect(m map[string]*account, r ledger.Request, limit int64) int64 {
	a, known := m[r.Stream]
	if !known {
		a = &account{base: r.Spent, spent: r.Spent, ceiling: r.Spent}
		m[r.Stream] = a
	}
	if r.Spent < a.spent {
		return a.ceiling
	}
	a.spent, a.speech = r.Spent, max(a.speech, r.Speech)
	a.ceiling = max(a.ceiling, a.spent)
	used, _, _ := total(m)
	a.ceiling += min(max(r.Ceiling-a.ceiling, 0), max(limit-used, 0))
	return a.ceiling
}

// model sends requests that are duplicated, late, or unanswered as far as the
// sender knows, and wants what the model says after each.
func model(t *testing.T, open Open) {
	t.Helper()
	d := newDesk(t, open, noon(), time.UTC)
	ctx, round := context.Background(), 0
	rapid.Check(t, func(t *rapid.T) {
		round++ // rounds share the store and nothing else
		user := fmt.Sprint("u", round)
		m, sent := map[string]*account{}, []ledger.Request{}
		granted, given := int64(0), map[string]bool{}
		ms := rapid.Int64Range(0, 12_000)
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			s := scope("daily", ledger.Day, rapid.SampledFrom([]int64{0, 7000, 20_000, 1 << 40}).Draw(t, "limit"))
			s.Owner = "user:" + user
			r := ledger.Request{
				User: user, Stream: user + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "stream"),
				Scopes: []ledger.Scope{s}, Ceiling: ms.Draw(t, "ceiling"), Spent: ms.Draw(t, "spent"), Speech: ms.Draw(t, "speech"),
			}
			if rapid.IntRange(0, 4).Draw(t, "grant") == 0 { // each id stands for one grant, and counts once
				id := rapid.SampledFrom([]string{"800", "5000", "60000"}).Draw(t, "id")
				more, _ := strconv.ParseInt(id, 10, 64)
				g, err := d.Grant(ctx, ledger.Gift{ID: id, Scope: s, MS: more})
				if !given[id] {
					granted += more
				}
				if err != nil || g.Balance.Granted != granted || g.Repeated != given[id] {
					t.Fatalf("grant: %+v, %v; the model says %d", g, err, granted)
				}
				given[id] = true
			}
			if len(sent) > 0 && rapid.IntRange(0, 2).Draw(t, "old") == 0 {
				r = rapid.SampledFrom(sent).Draw(t, "which") // a retry, or one that was held up
			}
			sent = append(sent, r)
			a, known := m[r.Stream]
			if rapid.IntRange(0, 5).Draw(t, "settle") == 0 {
				if !known {
					m[r.Stream] = &account{spent: r.Spent, ceiling: r.Spent, speech: r.Speech, settled: true}
				} else if !a.settled {
					a.spent, a.speech = max(a.spent, r.Spent), max(a.speech, r.Speech)
					a.ceiling, a.settled = a.spent, true
				}
				if _, err := d.Settle(ctx, r); err != nil {
					t.Fatal(err)
				}
			} else {
				g, err := d.Lease(ctx, r)
				if known && a.settled {
					if !errors.Is(err, ledger.ErrSettled) {
						t.Fatalf("lease of a settled stream: %v", err)
					}
				} else if want := expect(m, r, r.Scopes[0].Limit+granted); err != nil || g.Ceiling != want {
					t.Fatalf("%+v: ceiling %d, %v; the model says %d", r, g.Ceiling, err, want)
				}
			}
			u, err := d.Usage(ctx, ledger.Query{User: user, Scopes: r.Scopes, Windows: []time.Duration{time.Hour}})
			if err != nil {
				t.Fatal(err)
			}
			if used, forwarded, speech := total(m); u.Balances[0].Used != used || u.Audio[0] != forwarded || u.Speech[0] != speech {
				t.Fatalf("after %+v: %+v; the model says used %d, forwarded %d, speech %d", r, u, used, forwarded, speech)
			}
		}
	})
}
