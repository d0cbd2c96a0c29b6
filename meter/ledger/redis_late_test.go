package ledger_test

import (
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// TestASettleThatComesWhenItsMarkIsGoneIsChargedOnce takes the marks of streams away, as four hours do, on each of the
// owners that a stream has spent from.
func TestASettleThatComesWhenItsMarkIsGoneIsChargedOnce(t *testing.T) {
	s := serveRedis(t)
	budgets := []ledger.Scope{daily(60_000), everyone(1 << 40)}
	const own, all = "f:{user:u}:", "f:{all}:"
	settle := func(stream string, spent int64, ago time.Duration) {
		t.Helper()
		r := ledger.Request{User: "u", Stream: stream, Scopes: budgets, Spent: spent, Ended: time.Now().Add(-ago)}
		if _, err := s.Settle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(want int64) {
		t.Helper()
		for _, b := range budgets {
			s.used(want, b)
		}
	}
	for _, id := range []string{"a", "b", "c"} {
		s.lease(id, 5000, 0, 5000, budgets...)
	}
	settle("a", 1000, 0)
	s.Do("EXPIRE", own+"settled:a", 100)
	settle("a", 1000, time.Hour)
	if ttl, ok := s.RedisServer.Do("TTL", own+"settled:a").(int64); !ok || ttl < 2*3600 {
		t.Errorf("a mark that was found ends in %d s, want it as long as a new one", ttl)
	}
	s.Do("DEL", own+"settled:a", all+"settled:a")
	settle("a", 1000, 3*time.Hour)
	wants(1000 + 5000 + 5000)
	settle("b", 700, 3*time.Hour) // its record is there
	wants(1000 + 700 + 5000)

	// A settle that stopped between two owners goes on with the other.
	record := s.RedisServer.Do("DUMP", all+"stream:c")
	settle("c", 2000, 0)
	s.Do("DEL", own+"settled:c", all+"settled:c")
	s.Do("HINCRBY", s.keyOf(all+"budget:*"), "s", -2000)
	s.Do("HINCRBY", s.keyOf(all+"budget:*"), "h", 5000)
	s.Do("RESTORE", all+"stream:c", 0, record)
	settle("c", 2000, 3*time.Hour)
	wants(1000 + 700 + 2000)

	settle("lost", 300, time.Minute) // nobody has forgotten what is so young: the server has
	wants(1000 + 700 + 2000 + 300)
}

// keyOf is the one key of a pattern.
func (s *server) keyOf(pattern string) any {
	s.t.Helper()
	keys, ok := s.RedisServer.Do("KEYS", pattern).([]any)
	if !ok || len(keys) != 1 {
		s.t.Fatalf("%s: %v", pattern, keys)
	}
	return keys[0]
}

// TestAStreamThatWasGivenUpIsRememberedForDays lets a stream lapse and asks how long its mark lasts.
func TestAStreamThatWasGivenUpIsRememberedForDays(t *testing.T) {
	s := serveRedis(t)
	s.lease("a", 5000, 0, 5000, daily(60_000))
	s.Do("ZADD", "f:{user:u}:open", 1, "a") // long ago
	s.lease("b", 1000, 0, 1000, daily(60_000))
	if ttl, ok := s.RedisServer.Do("TTL", "f:{user:u}:settled:a").(int64); !ok || ttl < 8*24*3600 {
		t.Errorf("its mark ends in %d s, want 8 days", ttl)
	}
	if _, err := s.Settle(t.Context(), ledger.Request{User: "u", Stream: "a", Spent: 4000, Ended: time.Now().Add(-30 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	s.used(5000+1000, daily(60_000)) // it is charged what it had bought
}
