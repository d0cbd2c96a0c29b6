package relay

import (
	"errors"
	"fmt"
)

// vendorEvent is called on the vendor's pump when draining has stopped, and says
// whether the pump is done.
func (s *Stream) vendorEvent(err error) (done bool) {
	f := (*fault)(nil)
	switch {
	case errors.Is(err, errClosed):
		return s.vendorClosed(s.peer(Vendor).in.got)
	case errors.Is(err, errLook), isDeadline(err):
		return s.vendorLook()
	case errors.As(err, &f):
		return s.vendorBroke(f)
	case isTap(err):
		s.tapFailed(err, Vendor)
		return false
	}
	return s.vendorLost(lost(err))
}

// vendorClosed is the vendor's Close: the beginning of an end, or the answer.
func (s *Stream) vendorClosed(c closing) (done bool) {
	client, vendor := s.peer(Client), s.peer(Vendor)
	s.mu.Lock()
	vendor.code = c.code
	first := s.leave(vendorLeft)
	if first {
		s.by, s.held = Vendor, c
	}
	ph, answer := s.phase, c
	if ph == clientLeft && !s.waiting {
		answer = s.held // both closed at once: the vendor gets the client's, whoever of us is first
	}
	s.mu.Unlock()
	switch {
	case first:
		client.out.close(c)
		s.awaitClient()
	case ph == clientLeft:
		client.out.close(c)
		vendor.out.close(answer)
	case ph == ownerEnds:
		vendor.out.close(c)
		s.farewell()
	}
	return true
}

// vendorLost is an end without a Close.
func (s *Stream) vendorLost(cause error) (done bool) {
	vendor := s.peer(Vendor)
	s.mu.Lock()
	if vendor.code == 0 {
		vendor.code = codeLost
	}
	first := s.leave(vendorLeft)
	if first {
		s.by, s.err = Vendor, fmt.Errorf("vendor: %w", cause)
	}
	if s.phase == clientLeft && s.waiting && s.err == nil {
		s.err = fmt.Errorf("vendor, before its last words: %w", cause)
	}
	ph, echo := s.phase, s.held.echo()
	s.mu.Unlock()
	vendor.out.kill()
	switch {
	case first:
		s.mourn(cause)
	case ph == clientLeft:
		s.closeClient(echo)
	case ph == ownerEnds:
		s.farewell()
	}
	return true
}

// mourn tells the client that the vendor is lost, in the owner's words if it has any.
func (s *Stream) mourn(cause error) {
	c := closing{codeInternal, lostReason(cause)}
	if m, ok := s.tap.(Mourner); ok {
		texts := s.askTexts(func() (texts [][]byte) {
			texts, c.code, c.reason = m.VendorGone()
			return texts
		})
		if in := &s.peer(Vendor).in; !in.outMsg && !in.inFrame() {
			in.say(texts)
		}
	}
	s.closeClient(c)
}

func lostReason(cause error) string {
	switch {
	case errors.Is(cause, ErrSlow):
		return "upstream too slow"
	case errors.Is(cause, ErrIdle):
		return "upstream silent"
	case errors.Is(cause, ErrProtocol), errors.Is(cause, ErrTooBig):
		return "upstream protocol error"
	}
	return "upstream lost"
}

// vendorBroke is a violation by the vendor.
func (s *Stream) vendorBroke(f *fault) (done bool) {
	s.mu.Lock()
	if !s.leave(vendorLeft) {
		s.mu.Unlock()
		return s.vendorLost(f)
	}
	s.by, s.err = Vendor, fmt.Errorf("vendor: %w", f)
	s.arm(Vendor, s.c.CloseTimeout)
	s.mu.Unlock()
	s.peer(Vendor).out.close(closing{f.code, f.text})
	s.mourn(f)
	return false
}

// vendorLook is a poke, or the end of what the vendor's pump waited for.
func (s *Stream) vendorLook() (done bool) {
	s.mu.Lock()
	late := s.looked(Vendor)
	ph, cause, aborted, parted := s.phase, s.peer(Vendor).cause, s.aborted, s.parted
	clientOver := s.over[Client]
	s.mu.Unlock()
	switch {
	case aborted:
		return true
	case ph == open && cause != nil:
		return s.vendorLost(cause)
	case ph == open && late:
		return s.vendorLost(ErrLost)
	case cause != nil:
		return s.vendorLost(cause)
	case ph == clientLeft && late:
		return s.vendorLate()
	case ph == vendorLeft:
		return late || clientOver
	case ph == ownerEnds && parted:
		return late
	case ph == ownerEnds:
		return s.tryFarewell(late)
	}
	return false
}

// vendorLate is the end of the wait for the vendor's last words, and then of the
// wait for its answer to the Close.
func (s *Stream) vendorLate() (done bool) {
	vendor := s.peer(Vendor)
	told := vendor.out.isClosed()
	s.mu.Lock()
	echo := s.held.echo()
	if !told {
		s.arm(Vendor, s.c.CloseTimeout)
	}
	held := s.held
	s.mu.Unlock()
	if !told {
		vendor.out.close(held)
	}
	s.closeClient(echo)
	return told
}

// tryFarewell ends the client's side when the vendor's last words have come, or
// need not come, or are too late.
func (s *Stream) tryFarewell(late bool) (done bool) {
	in := &s.peer(Vendor).in
	s.mu.Lock()
	ready := late || !s.waiting && (in.blind || !in.outMsg && !in.inFrame())
	switch {
	case ready:
		s.arm(Vendor, s.c.CloseTimeout)
	case !s.waiting && s.peer(Vendor).limit.IsZero():
		s.arm(Vendor, s.c.CloseTimeout) // for the end of the message at hand
	}
	s.mu.Unlock()
	if !ready {
		return false
	}
	if late {
		s.peer(Vendor).out.close(closing{code: codeNormal})
	}
	s.farewell()
	return false
}

// farewell is the owner's goodbye to the client. Once, on the vendor's pump.
func (s *Stream) farewell() {
	s.mu.Lock()
	e, again := s.ending, s.parted
	s.parted = true
	s.mu.Unlock()
	if again {
		return
	}
	in := &s.peer(Vendor).in
	if !in.outMsg && !in.inFrame() {
		in.say(s.askTexts(e.Farewell))
	}
	s.closeClient(closing{e.Code, e.Reason})
}

// askTexts asks the owner for messages of an ending. A panic must not keep a peer from being closed.
func (s *Stream) askTexts(ask func() [][]byte) (texts [][]byte) {
	if ask == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			texts = nil
			s.mu.Lock()
			s.err = panicked(v)
			s.mu.Unlock()
		}
	}()
	return ask()
}

// closeClient sends the client its Close, or cuts it if the vendor's pump will
// never end the frame that it has part of.
func (s *Stream) closeClient(c closing) {
	if !s.peer(Client).out.close(c) {
		s.cut(Client)
		return
	}
	s.awaitClient()
}

// awaitClient bounds the wait for the client's answer; one that has closed before needs none.
func (s *Stream) awaitClient() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arm(Client, s.c.CloseTimeout)
	if s.peer(Client).code != 0 {
		s.poke(Client)
	}
}
