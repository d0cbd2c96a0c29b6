package relay

import (
	"errors"
	"time"
)

// phase is who ends the stream. The first to leave open wins; each pump then does
// its half of the ending, so that the vendor's outlet has its pump (the client's)
// and the client's outlet the other:
//
//	               client pump                          vendor pump
//	clientLeft     ClientGone, finish texts, Close or   relays the last words, passes the
//	               (wait) the FinishTimeout             vendor's Close, or echoes the client's
//	vendorLeft     waits for the client's answer and    has passed the Close, or 1011; done
//	               passes it, or echoes the vendor's
//	ownerEnds      finish texts, Close or (wait) the    relays the last words, then farewell
//	               FinishTimeout; waits for the answer  and the owner's Close
//
// What a pump waits for is bounded by its peer's limit, a read deadline; a poke is
// a read deadline in the past.
type phase byte

const (
	open phase = iota
	clientLeft
	vendorLeft
	ownerEnds
)

// leave is the way out of open. s.mu is held, as for all of the following.
func (s *Stream) leave(to phase) bool {
	if s.phase != open {
		return false
	}
	s.phase = to
	s.shut()
	return true
}

func (s *Stream) setEnding(e Ending) {
	s.ending = e
	s.waiting = e.Wait
	if e.Wait {
		// A guard, until the vendor has its finish: the client's pump may be busy.
		s.arm(Vendor, s.c.FinishTimeout+s.c.CloseTimeout)
	}
	s.hurryAll()
	s.poke(Client)
	s.poke(Vendor)
}

// hurryAll bounds all writing of an ending: a peer that takes nothing must not hold
// it up for a whole WriteTimeout.
func (s *Stream) hurryAll() {
	for side := range s.peers {
		s.peers[side].w.hurry(s.c.FinishTimeout + 3*s.c.CloseTimeout)
	}
}

// arm bounds what a side's pump waits for.
func (s *Stream) arm(side Side, d time.Duration) {
	p := s.peer(side)
	p.limit = time.Now().Add(d)
	if !p.poked {
		_ = p.conn.SetReadDeadline(p.limit)
	}
}

// disarm lets a side's pump wait for ever.
func (s *Stream) disarm(side Side) {
	p := s.peer(side)
	p.limit = time.Time{}
	if !p.poked {
		_ = p.conn.SetReadDeadline(p.limit)
	}
}

// poke makes a side's pump look at the stream.
func (s *Stream) poke(side Side) {
	p := s.peer(side)
	p.poked = true
	_ = p.conn.SetReadDeadline(time.Unix(1, 0))
}

// looked takes a poke back and says whether the limit has passed.
func (s *Stream) looked(side Side) (late bool) {
	p := s.peer(side)
	if p.poked {
		p.poked = false
		_ = p.conn.SetReadDeadline(p.limit)
	}
	return !p.limit.IsZero() && !time.Now().Before(p.limit)
}

// giveUp tells a side's pump why its peer is to be given up.
func (s *Stream) giveUp(side Side, cause error) {
	if p := s.peer(side); p.cause == nil {
		p.cause = cause
		s.shut() // the pump looks after each read
		s.poke(side)
	}
}

// writeFailed is an outlet's only report. A lost connection is left to its reader,
// which may still find the peer's Close in front of the end; for a while.
func (s *Stream) writeFailed(side Side, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if side == Vendor {
		s.shut() // what is not forwarded must not be asked about, or it is charged
	}
	if isSlow(err) {
		s.giveUp(side, err)
		return
	}
	if p := s.peer(side); p.limit.IsZero() {
		s.arm(side, s.c.CloseTimeout)
	}
}

// pumpDone notes that a side's pump has ended, and lets the other one see it. It says whether
// that one was the last.
func (s *Stream) pumpDone(side Side) (all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over[side] = true
	if side == Vendor {
		// The client's pump may be stuck in a write to the vendor, or may still have to
		// pass an answer, for which it waits one CloseTimeout.
		s.peer(Vendor).w.hurry(2 * s.c.CloseTimeout)
	}
	if !s.over[side.other()] {
		s.poke(side.other())
		return false
	}
	return true
}

// tapFailed ends the stream because its Tap did.
func (s *Stream) tapFailed(err error, side Side) {
	if t, ok := errors.AsType[*tapError](err); ok {
		err = t.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.leave(ownerEnds) {
		if isPanic(err) && s.err == nil {
			s.err = err
		}
		return
	}
	s.by, s.err = side, err
	e := Ending{Code: codeInternal, Reason: "internal error"}
	switch {
	case isPanic(err):
	case side == Client:
		e.Code, e.Reason, s.polite = codePolicy, "message not understood", true
	default:
		e.Reason, s.polite = "upstream message not understood", true
	}
	s.setEnding(e)
}

// tapError marks an error of the Tap on its way out of a pump.
type tapError struct{ err error }

func (e *tapError) Error() string { return e.err.Error() }

func isTap(err error) bool {
	_, ok := errors.AsType[*tapError](err)
	return ok || isPanic(err)
}

func isPanic(err error) bool {
	_, ok := errors.AsType[*PanicError](err)
	return ok
}

func isSlow(err error) bool { return errors.Is(err, ErrSlow) }
