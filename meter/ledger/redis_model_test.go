package ledger_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
	"pgregory.net/rapid"
)

// TestRedisKeepsTheSameBooksAsMemory gives both the same requests, in any order, late and twice,
// while budgets come and go, clocks jump and days, weeks and months change, and wants the same answers. It stays
// within a day: who says nothing for longer is given up on Redis, which memory need not do.
func TestRedisKeepsTheSameBooksAsMemory(t *testing.T) {
	for name, open := range map[string]func(t *rapid.T, s *ledgertest.RedisServer, prefix string, loc *time.Location) *ledger.Redis{
		"native": func(t *rapid.T, s *ledgertest.RedisServer, prefix string, loc *time.Location) *ledger.Redis {
			return openRedisRapid(t, redisConfig(s.URL(), prefix), loc)
		},
		"fair_use": func(t *rapid.T, s *ledgertest.RedisServer, prefix string, loc *time.Location) *ledger.Redis {
			s.Do("FLUSHALL") // a backend's keys have no prefix
			c := redisConfig(s.URL(), prefix)
			c.Layout = ledger.LayoutFairUse
			return openRedisRapid(t, c, loc)
		},
	} {
		t.Run(name, func(t *testing.T) { sameBooks(t, open) })
	}
}

func sameBooks(t *testing.T, open func(t *rapid.T, s *ledgertest.RedisServer, prefix string, loc *time.Location) *ledger.Redis) {
	t.Helper()
	s := ledgertest.StartRedis(t)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		clock := ledgertest.NewClock(rapid.SampledFrom([]time.Time{
			time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC), // the 25th has 25 hours, and is a Sunday
			time.Date(2026, 10, 25, 15, 0, 0, 0, time.UTC),
			time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC),
		}).Draw(t, "begin"))
		m := ledger.NewMemory(clock.Now, berlin)
		r := open(t, s, fmt.Sprintf("m%d:", round), berlin)
		defer func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}()
		r.HoldClock(clock.Now)
		own := func(name string, w ledger.Window, limit int64) ledger.Scope {
			return ledger.Scope{Budget: name, Owner: "user:u", Window: w, Limit: limit}
		}
		budgets := []ledger.Scope{
			own("day", ledger.Window{Unit: ledger.Day}, 9000),
			own("week", ledger.Window{Unit: ledger.Week}, 20_000),
			own("month:x", ledger.Window{Unit: ledger.Month}, 1<<60),
			own("rolling", ledger.Window{Unit: ledger.Rolling, Length: 3 * time.Hour}, 12_000),
			own("rolling", ledger.Window{Unit: ledger.Rolling, Length: time.Hour}, 8000),
		}
		shadow := own("shadow", ledger.Window{Unit: ledger.Day}, 1)
		shadow.Shadow = true
		budgets = append(budgets, shadow)
		ms := rapid.Int64Range(0, 12_000)
		var sent []ledger.Request // within the hour: for so long both know what is settled
		sentAt, passed := []time.Duration{}, time.Duration(0)
		lives := map[string]int{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			step := time.Duration(rapid.SampledFrom([]int64{0, 1, 1, 20, 90, 300, -5, -40}).Draw(t, "minutes")) * time.Minute
			if passed+step > 24*time.Hour {
				step = 0
			}
			clock.Add(step)
			for passed += max(step, 0); len(sent) > 0 && passed-sentAt[0] > time.Hour; {
				sent, sentAt = sent[1:], sentAt[1:]
			}
			stream := rapid.SampledFrom([]string{"a", "b", "c{}"}).Draw(t, "stream")
			q := ledger.Request{
				User: "u", Stream: fmt.Sprint(stream, lives[stream]),
				Ceiling: ms.Draw(t, "ceiling"), Spent: ms.Draw(t, "spent"), Speech: rapid.SampledFrom([]int64{0, 0, 1, 700, 4000, 9000}).Draw(t, "speech"),
			}
			for i, b := range budgets {
				if rapid.Bool().Draw(t, fmt.Sprint("budget", i)) {
					q.Scopes = append(q.Scopes, b)
				}
			}
			if len(sent) > 0 && rapid.IntRange(0, 2).Draw(t, "old") == 0 {
				q = rapid.SampledFrom(sent).Draw(t, "which")
				stream = strings.TrimRight(q.Stream, "0123456789")
			}
			sent, sentAt = append(sent, q), append(sentAt, passed)
			if rapid.IntRange(0, 6).Draw(t, "settle") == 0 {
				lives[stream]++
				want, werr := m.Settle(t.Context(), q)
				got, gerr := r.Settle(t.Context(), q)
				same(t, "settle", got, want, gerr, werr)
			} else {
				want, werr := m.Lease(t.Context(), q)
				got, gerr := r.Lease(t.Context(), q)
				same(t, "lease", got, want, gerr, werr)
			}
			if rapid.IntRange(0, 4).Draw(t, "grant") == 0 {
				sameGift(t, m, r, budgets)
			}
			all := ledger.Query{User: "u", Scopes: budgets, Windows: []time.Duration{time.Minute, time.Hour, 8 * 24 * time.Hour}}
			want, werr := m.Usage(t.Context(), all)
			got, gerr := r.Usage(t.Context(), all)
			same(t, "usage", got, want, gerr, werr)
		}
	})
}

// sameGift grants, perhaps again, and takes back. What one refuses the other does, too.
func sameGift(t *rapid.T, m *ledger.Memory, r *ledger.Redis, budgets []ledger.Scope) {
	g := ledger.Gift{
		ID: rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "{g}"}).Draw(t, "gift"), Scope: rapid.SampledFrom(budgets).Draw(t, "of"),
		MS: rapid.SampledFrom([]int64{1, 800, 5000, -700, -100_000, ledger.MaxGift}).Draw(t, "more"),
	}
	want, werr := m.Grant(t.Context(), g)
	got, gerr := r.Grant(t.Context(), g)
	for _, is := range []error{ledger.ErrInvalid, ledger.ErrOtherGift} {
		if errors.Is(werr, is) && errors.Is(gerr, is) {
			return
		}
	}
	same(t, "grant", got, want, gerr, werr)
}

func openRedisRapid(t *rapid.T, c ledger.RedisConfig, loc *time.Location) *ledger.Redis {
	r, err := ledger.OpenRedis(c, loc, ledger.RedisOptions{FairUse: ledger.FairUse{Budget: "day", Words: true}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// same compares answers, apart from the clock's pointer to its zone.
func same[T any](t *rapid.T, what string, got, want T, gerr, werr error) {
	if errors.Is(gerr, ledger.ErrSettled) && errors.Is(werr, ledger.ErrSettled) {
		return
	}
	if gerr != nil || werr != nil {
		t.Fatalf("%s: redis says %v, memory %v", what, gerr, werr)
	}
	if g, w := fmt.Sprintf("%+v", plain(got)), fmt.Sprintf("%+v", plain(want)); g != w {
		t.Fatalf("%s: redis says\n%s\nmemory\n%s", what, g, w)
	}
}

// plain writes times as seconds, whatever their zones.
func plain(v any) any {
	switch x := v.(type) {
	case ledger.Grant:
		return []any{x.Ceiling, plain(x.Balances), x.State.Version, x.At.Unix()}
	case ledger.Usage:
		return []any{append([]int64{}, x.Audio...), append([]int64{}, x.Speech...), plain(x.Balances), x.State.Version, x.At.Unix()}
	case ledger.Given:
		return []any{x.MS, x.Before, x.After, x.Repeated, plain([]ledger.Balance{x.Balance}), x.At.Unix()}
	case []ledger.Balance:
		var out []any
		for _, b := range x {
			resets := b.Resets.Unix()
			b.Resets = time.Time{}
			out = append(out, b, resets)
		}
		return out
	}
	return reflect.ValueOf(v).Interface()
}
