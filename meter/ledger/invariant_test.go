package ledger

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestNothingIsLostOrInventedBetweenBudgets lets honest streams run while budgets
// come and go, days change and clocks jump, and wants the books to be even.
func TestNothingIsLostOrInventedBetweenBudgets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 5, 22, 0, 0, 0, time.UTC)
		m := NewMemory(func() time.Time { return now }, nil)
		always := Scope{Budget: "always", Owner: "o", Window: Window{Unit: Month}, Limit: 1 << 40}
		others := []Scope{
			{Budget: "day", Owner: "o", Window: Window{Unit: Day}, Limit: 9000},
			{Budget: "week", Owner: "o", Window: Window{Unit: Week}, Limit: 20_000},
			{Budget: "rolling", Owner: "o", Window: Window{Unit: Rolling, Length: 3 * time.Hour}, Limit: 12_000},
			{Budget: "shadow", Owner: "o", Window: Window{Unit: Day}, Limit: 1, Shadow: true},
		}
		type client struct{ spent, ceiling int64 }
		clients, jumped := [3]client{}, false
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			jump := rapid.SampledFrom([]int64{0, 1, 1, 30, 90, -5}).Draw(t, "minutes")
			now, jumped = now.Add(time.Duration(jump)*time.Minute), jumped || jump < 0
			i := rapid.IntRange(0, len(clients)-1).Draw(t, "stream")
			c := &clients[i]
			c.spent += rapid.Int64Range(0, max(c.ceiling-c.spent, 0)).Draw(t, "spend")
			r := Request{User: "u", Stream: fmt.Sprint(i), Scopes: []Scope{always}, Spent: c.spent, Ceiling: c.spent + 4000}
			for _, s := range others {
				if rapid.Bool().Draw(t, s.Budget) {
					r.Scopes = append(r.Scopes, s)
				}
			}
			g, err := m.Lease(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if g.Ceiling < c.spent || g.Ceiling > max(r.Ceiling, c.ceiling) {
				t.Fatalf("%+v: ceiling %d after %d", r, g.Ceiling, c.ceiling)
			}
			for _, b := range g.Balances {
				if b.Window.Unit == Rolling && jumped {
					continue // what had left the window before the clock went back is in it again
				}
				if !b.Shadow && b.Used > b.Limit {
					t.Fatalf("%s: %d used of %d by streams that kept to their grants", b.Budget, b.Used, b.Limit)
				}
			}
			if rapid.IntRange(0, 3).Draw(t, "lost") > 0 {
				c.ceiling = g.Ceiling
			} else {
				c.ceiling = min(c.ceiling, g.Ceiling) // an answer that is lost must not be spent beyond
			}
		}
		total := int64(0)
		for i, c := range clients {
			total += c.spent
			if _, err := m.Settle(t.Context(), Request{User: "u", Stream: fmt.Sprint(i), Spent: c.spent}); err != nil {
				t.Fatal(err)
			}
		}
		u, err := m.Usage(t.Context(), Query{User: "u", Scopes: []Scope{always}, Windows: []time.Duration{keepUsage}})
		if err != nil {
			t.Fatal(err)
		}
		if u.Balances[0].Used != total || u.Audio[0] != total {
			t.Fatalf("%d forwarded, %d charged, %d of audio", total, u.Balances[0].Used, u.Audio[0])
		}
		for _, k := range m.table.keys {
			switch k[0] {
			case keyStream:
				t.Fatalf("stream %q is left", k)
			case keyBalance:
				if x, err := decodeBalance(m.table.values[k]); err != nil || x.Hand != 0 || x.Spent < 0 {
					t.Fatalf("%q: %+v, %v", k, x, err)
				}
			}
		}
	})
}
