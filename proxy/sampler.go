package proxy

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"
)

// How many lines of a kind there are in one window: so many, and of those so many of one asker's. A client that comes back in a loop fills no
// disk, and hides nobody else who is refused in the same minute.
const (
	sampleWindow = time.Minute
	mostLines    = 60
	mostOfOne    = 10
)

// sampler writes the lines of requests that came to nothing: as many as a client cares to send. Beyond what a window has room for they are
// counted, and told in one line when the window closes, or the gateway ends: the log is shorter, and its sums are whole. At
// log.level debug each line is written.
//
// Kinds are of closed sets, and a window remembers only those whose lines it has written: memory is bounded whoever knocks.
// Safe for concurrent use.
type sampler struct {
	log *slog.Logger

	mu     sync.Mutex
	open   map[lineKind]*linesOf
	closed bool
}

// lineKind is what is counted apart. Its words are constants, and never from the wire.
type lineKind struct{ line, provider, result string }

// linesOf are those of one kind in its window.
type linesOf struct {
	began   time.Time
	written int
	askers  map[string]int // lines of each who has one
	held    int            // lines that were not written
	closes  *time.Timer
}

func newSampler(log *slog.Logger) *sampler {
	return &sampler{log: log, open: map[lineKind]*linesOf{}}
}

// tell writes a line, or counts it. asker is who is to blame for it: a user, or, where nobody has said who that is, an address.
func (s *sampler) tell(ctx context.Context, lvl slog.Level, k lineKind, asker string, attrs ...slog.Attr) {
	if !s.log.Enabled(ctx, lvl) {
		return
	}
	if s.log.Enabled(ctx, slog.LevelDebug) || s.admit(k, asker) {
		s.log.LogAttrs(ctx, lvl, k.line, attrs...) //nolint:sloglint // a constant of whoever tells
	}
}

// admit says whether there is room for a line. The first of a kind opens its window.
func (s *sampler) admit(k lineKind, asker string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return true // nobody would tell their number any more
	}
	of := s.open[k]
	if of == nil {
		of = &linesOf{began: time.Now(), askers: map[string]int{}}
		of.closes = time.AfterFunc(sampleWindow, func() { s.end(k, of) })
		s.open[k] = of
	}
	if of.written == mostLines || of.askers[asker] == mostOfOne {
		of.held++
		return false
	}
	of.written++
	of.askers[asker]++
	return true
}

// end closes a window.
func (s *sampler) end(k lineKind, of *linesOf) {
	s.mu.Lock()
	mine := s.open[k] == of // else close was faster
	if mine {
		delete(s.open, k)
	}
	s.mu.Unlock()
	if mine {
		s.sum(k, of)
	}
}

// sum tells how many lines were not written.
func (s *sampler) sum(k lineKind, of *linesOf) {
	if of.held > 0 {
		s.log.LogAttrs(context.Background(), slog.LevelInfo, "lines left out", slog.String("line", k.line), slog.String("provider", k.provider),
			slog.String("result", k.result), slog.Int("count", of.held), slog.Int("written", of.written), slog.Time("since", of.began.UTC()))
	}
}

// close closes all windows.
func (s *sampler) close() {
	s.mu.Lock()
	all := s.open
	s.open, s.closed = nil, true
	s.mu.Unlock()
	for k, of := range all {
		of.closes.Stop()
		s.sum(k, of)
	}
}

// asking is who is refused.
func (a arrival) asking() string {
	if a.who.User != "" {
		return "user " + a.who.User
	}
	host, _, err := net.SplitHostPort(a.r.RemoteAddr)
	if err != nil {
		return a.r.RemoteAddr
	}
	return host
}
