package relay

import (
	"sync"
	"time"
)

// stallLeast is what counts as a peer that does not read. A write that is over sooner took
// the system call's own time.
const stallLeast = time.Millisecond

// stall adds up how long a peer has taken nothing while something waited for it. It is touched
// only by writes that may wait.
type stall struct {
	mu    sync.Mutex
	total time.Duration
	since time.Time // of the write that waits; zero: none does
}

func (s *stall) begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = now
}

func (s *stall) end(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += s.running(now)
	s.since = time.Time{}
}

// at is the sum so far, with what is not over yet.
func (s *stall) at(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total + s.running(now)
}

func (s *stall) running(now time.Time) time.Duration {
	if s.since.IsZero() {
		return 0
	}
	if d := now.Sub(s.since); d >= stallLeast {
		return d
	}
	return 0
}

// Stalled is how long writes to a side have waited for it to read, up to now. It may be called from any goroutine, also after
// the end, and never shrinks.
func (s *Stream) Stalled(side Side, now time.Time) time.Duration {
	return s.peer(side).out.stall.at(now)
}
