package relay

import "time"

// Pause is for a Tap that holds a message back for a while, inside Audio, Payload, ClientText or VendorText of the side it
// is called with: nothing more is read from that side meanwhile, which is backpressure, and no other stream waits for it. It
// returns after d, or as soon as the stream ends; false: what the client sends is not wanted any more.
func (s *Stream) Pause(from Side, d time.Duration) (open bool) {
	if d <= 0 {
		return s.gate.Load() == gateOpen
	}
	over := s.shutting()
	s.Waiting(from)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-over:
	}
	return s.gate.Load() == gateOpen
}

// shut closes the gate, and wakes who has paused. s.mu is held.
func (s *Stream) shut() {
	s.gate.Store(gateShut)
	if s.paused != nil {
		close(s.paused)
		s.paused = nil
	}
}

// shutting is closed when the gate is. A stream that never pauses has no channel.
func (s *Stream) shutting() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate.Load() != gateOpen {
		over := make(chan struct{})
		close(over)
		return over
	}
	if s.paused == nil {
		s.paused = make(chan struct{})
	}
	return s.paused
}
