package relay

import "time"

// What peer.heard says. The pump sets it, Tick takes it back: a time per read would cost a clock call per read.
const (
	silent  uint32 = iota
	hearing        // the pump is at work on what has come, which may take long
	heard          // something has come since the last Tick
)

// Tick is called by the owner about once a second for all its streams (one timer for all instead of one each): pings and silence are judged there. It never blocks.
func (s *Stream) Tick(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != open {
		return // an ending has limits of its own
	}
	for side := range s.peers {
		p := &s.peers[side]
		if p.heard.Load() != silent || p.last.IsZero() {
			p.heard.CompareAndSwap(heard, silent)
			p.last = now
		}
		quiet := now.Sub(p.last)
		switch {
		case quiet >= s.c.IdleTimeout:
			s.giveUp(Side(side), ErrIdle)
		case quiet >= s.c.PingEvery && now.Sub(p.asked) >= s.c.PingEvery:
			p.asked = now
			_ = p.out.send(Ping, s.ours[:]) // a peer that cannot be asked is found by its silence
		}
	}
}
