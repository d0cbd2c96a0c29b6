package proxy

import (
	"cmp"
	"sync"
	"time"
)

// tally is what Events was told of a stream. The ticker and the end both tell.
type tally struct {
	mu   sync.Mutex
	seq  int       // of the last part
	from time.Time // where the next begins
	last Figures   // of all that was told
	over bool
}

// count begins to tell of a stream.
func (s *Stream) count() {
	if s.tap.gate.events.Used != nil {
		s.tally = &tally{from: s.Started}
	}
}

// part tells of a running stream when it is time.
func (s *Stream) part(now time.Time) {
	c := s.tally
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || now.Sub(c.from) < s.tap.gate.events.Interval {
		return
	}
	if e, whole := s.since(now); s.tap.gate.events.Used(e) {
		c.from, c.last, c.seq = now, whole, e.Seq
	}
}

// last tells of what came since the last part, and of the whole.
func (s *Stream) last(result, method string, unsettled bool) {
	c := s.tally
	if c == nil {
		return
	}
	c.mu.Lock()
	c.over = true
	e, whole := s.since(time.Now())
	c.mu.Unlock()
	e.Final, e.Result, e.Method, e.Unsettled, e.Total = true, result, method, unsettled, &whole
	if d, ok := s.tap.session.Reported(); ok {
		whole.Vendors, e.Vendors, e.Reported = d.Milliseconds(), d.Milliseconds(), true
	}
	s.tap.gate.events.Used(e) // not under the lock: the ticker would wait for it
}

// since is what came since the last part, and the whole up to now. It is called with the tally's lock held.
func (s *Stream) since(now time.Time) (Used, Figures) {
	t, c := s.tap, s.tally
	p, last := s.Progress(), t.purse.account.Last()
	// Neither goes back: what was told was told, and of audio that nothing here can measure the vendor's word may be less.
	audio := max(p.Forwarded.Milliseconds(), c.last.Audio)
	speech := max(min(t.speech(), audio), c.last.Speech)
	whole := Figures{
		Audio:      audio,
		Speech:     speech,
		Dropped:    p.Dropped.Milliseconds(),
		Connection: now.Sub(s.Started).Milliseconds(),
		Charged:    t.purse.account.Charged(),
	}
	e := Used{
		Stream: s.ID, Request: s.request, Seq: c.seq + 1, User: s.User, Plan: t.sub.plan, Provider: s.Provider, Variant: t.route.Variant, Mode: s.Mode,
		From: c.from, To: now, Figures: whole.minus(c.last), Heard: true, Basis: cmp.Or(t.purse.basis, ChargeAudio),
		Stage: t.gate.effects(t.gate.rules.Load(), t.sub, last.State, last.At).Stage, Balances: paidFrom(last.Balances),
	}
	e.Model, e.Asked = heardBy(t.swap()), t.swap().Asked
	return e, whole
}
