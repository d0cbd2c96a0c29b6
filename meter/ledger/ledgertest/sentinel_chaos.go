package ledgertest

import (
	"fmt"
	"strings"
	"time"
)

// Watchful makes the Sentinels replace a primary that is silent for d, instead of 30 s, and put right within seconds
// who follows whom.
func (s *Sentinels) Watchful(d time.Duration) {
	for _, w := range s.watch {
		w.Do("SENTINEL", "SET", master, "down-after-milliseconds", d.Milliseconds(), "failover-timeout", 2*d.Milliseconds())
		w.Do("SENTINEL", "DEBUG", "publish-period", "500")
	}
}

// TakenOver waits until no Sentinel names a server that is silent, or for as long as they may need. They may find nobody to
// replace it with, and then the way out is that it comes back.
func (s *Sentinels) TakenOver(silent *RedisServer) {
	within(redisHang/3, func() bool { return s.named(silent) == 0 })
}

// Whole waits until all Sentinels name one primary, and the other server follows it: whatever they have
// done meanwhile by themselves.
func (s *Sentinels) Whole() {
	s.t.Helper()
	s.insist("Sentinels that agree on a primary with a replica", s.agree)
}

// Order has the Sentinels fail over, unless they find for long that they cannot.
func (s *Sentinels) Order() {
	within(redisHang/3, func() bool {
		_, err := s.watch[0].ask("SENTINEL", "FAILOVER", master)
		return err == nil
	})
}

// insist waits for a state of the whole.
func (s *Sentinels) insist(what string, right func() bool) {
	s.t.Helper()
	if !within(2*redisHang, right) {
		s.t.Errorf("there are no %s", what)
	}
}

// within waits for a state, for so long.
func within(most time.Duration, right func() bool) bool {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(most); !right(); <-look.C {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// agree looks who is what.
func (s *Sentinels) agree() bool {
	for _, pair := range [][2]*RedisServer{{s.Primary, s.Replica}, {s.Replica, s.Primary}} {
		said, err := pair[0].ask("INFO", "replication")
		if s.named(pair[0]) == len(s.watch) && err == nil && strings.Contains(fmt.Sprint(said), "role:master") && strings.Contains(fmt.Sprint(said), "state=online") {
			s.Primary, s.Replica = pair[0], pair[1]
			return true
		}
	}
	return false
}
