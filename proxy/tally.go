package proxy

import (
	"cmp"
	"sync"
	"time"
)

// tally is what Events was told of a stream. The ticker and the end both tell.
type tally struct {
	mu   sync.Mutex
	seq  int
	from time.Time // where the next stretch begins
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
	if !c.over && now.Sub(c.from) >= s.tap.gate.events.Interval {
		s.told(now, nil)
	}
}

// last tells of what came since the last part, and of the whole.
func (s *Stream) last(result, method string, unsettled bool) {
	c := s.tally
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	s.told(time.Now(), func(e *Used) {
		whole := c.last
		e.Final, e.Result, e.Method, e.Unsettled, e.Total = true, result, method, unsettled, &whole
		if d, ok := s.tap.session.Reported(); ok {
			whole.Vendors, e.Vendors, e.Reported = d.Milliseconds(), d.Milliseconds(), true
		}
	})
}

// told tells of what came up to now. It is called with the tally's lock held; finish completes an end.
func (s *Stream) told(now time.Time, finish func(*Used)) {
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
	c.seq++
	e := Used{
		Stream: s.ID, Request: s.request, Seq: c.seq, User: s.User, Plan: t.sub.plan, Provider: s.Provider, Variant: t.route.Variant, Mode: s.Mode,
		From: c.from, To: now, Figures: whole.minus(c.last), Heard: true, Basis: cmp.Or(t.purse.basis, ChargeAudio),
		Stage: t.gate.effects(t.gate.rules.Load(), t.sub, last.State, last.At).Stage, Balances: paidFrom(last.Balances),
	}
	e.Model, e.Asked = heardBy(t.swap()), t.swap().Asked
	c.from, c.last = now, whole
	if finish != nil {
		finish(&e)
	}
	t.gate.events.Used(e)
}
