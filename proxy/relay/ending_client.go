package relay

import (
	"errors"
	"fmt"
)

// clientEvent is called on the client's pump when draining has stopped, and says
// whether the pump is done.
func (s *Stream) clientEvent(err error) (done bool) {
	f := (*fault)(nil)
	switch {
	case errors.Is(err, errClosed):
		return s.clientClosed(s.peer(Client).in.got)
	case errors.Is(err, errLook), isDeadline(err):
		return s.clientLook()
	case errors.As(err, &f):
		return s.clientBroke(f)
	case isTap(err):
		s.tapFailed(err, Client)
		return false
	}
	return s.clientLost(lost(err), false)
}

// clientClosed is the client's Close: the beginning of an end, or its answer.
func (s *Stream) clientClosed(c closing) (done bool) {
	s.mu.Lock()
	client, vendor := s.peer(Client), s.peer(Vendor)
	client.code = c.code
	switch {
	case s.leave(clientLeft):
		s.by, s.held = Client, c
		s.mu.Unlock()
		s.finishVendor()
		return false
	case s.phase == vendorLeft:
		s.mu.Unlock()
		vendor.out.close(c)
		return true
	}
	s.mu.Unlock()
	return s.clientLook()
}

// clientBroke is a violation by the client. It gets its Close and, so that the Close is
// not lost in a reset, a while in which what it sends is thrown away.
func (s *Stream) clientBroke(f *fault) (done bool) {
	client := s.peer(Client)
	s.mu.Lock()
	if !s.leave(clientLeft) {
		s.mu.Unlock()
		return s.clientLook()
	}
	s.by, s.err, s.held = Client, fmt.Errorf("client: %w", f), closing{code: codeAway}
	s.arm(Client, s.c.CloseTimeout)
	s.mu.Unlock()
	client.out.close(closing{f.code, f.text})
	s.finishVendor()
	return false
}

// clientLost is an end without a Close: nobody is there to be written to.
func (s *Stream) clientLost(cause error, silent bool) (done bool) {
	s.mu.Lock()
	client, vendor := s.peer(Client), s.peer(Vendor)
	closed := client.code != 0
	if !closed {
		client.code = codeLost
	}
	switch {
	case s.leave(clientLeft):
		s.by, s.err, s.held = Client, fmt.Errorf("client: %w", cause), closing{code: codeAway}
		s.mu.Unlock()
		client.out.kill()
		s.finishVendor()
	case s.phase == vendorLeft:
		c := s.held.echo()
		s.mu.Unlock()
		vendor.out.close(c)
	case s.phase == ownerEnds:
		s.mu.Unlock()
		if !closed || silent {
			client.out.kill()
		}
		s.seal()
	default:
		s.mu.Unlock() // a FIN behind a Close, or what follows a violation
	}
	return true
}

// clientLook is a poke, or the end of what the client's pump waited for.
func (s *Stream) clientLook() (done bool) {
	s.mu.Lock()
	client, vendor := s.peer(Client), s.peer(Vendor)
	late := s.looked(Client)
	ph, cause, aborted, sealed := s.phase, client.cause, s.aborted, s.sealed
	vendorOver := s.over[Vendor]
	echo := s.held.echo()
	s.mu.Unlock()
	switch {
	case aborted:
		return true
	case ph == open && cause != nil:
		return s.clientLost(cause, true)
	case ph == open && late:
		return s.clientLost(ErrLost, true)
	case ph == clientLeft:
		return late || vendorOver
	case ph == vendorLeft && (late || cause != nil):
		vendor.out.close(echo)
		return true
	case ph == ownerEnds && !sealed:
		return s.trySeal(late || cause != nil)
	case ph == ownerEnds:
		return late || cause != nil || s.clientAnswered()
	}
	return false
}

// clientAnswered says whether the client has had and sent its Close.
func (s *Stream) clientAnswered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parted && s.peer(Client).code != 0
}

// finishVendor is the client's goodbye to the vendor, in the vendor's words or as
// a plain Close.
func (s *Stream) finishVendor() {
	finish, wait, err := s.askGone()
	client, vendor := s.peer(Client), s.peer(Vendor)
	s.mu.Lock()
	if err != nil && !isPanic(s.err) {
		s.err = err
	}
	s.sealed, s.waiting = true, wait
	held := s.held
	s.mu.Unlock()
	s.hurryAll()
	if client.in.inFrame() {
		s.cut(Vendor) // nothing can be said inside a frame
		return
	}
	if len(finish) > 0 || wait {
		client.in.endMessage()
		client.in.say(finish)
	}
	s.mu.Lock()
	if wait {
		s.arm(Vendor, s.c.FinishTimeout)
	} else {
		s.arm(Vendor, s.c.CloseTimeout)
	}
	s.mu.Unlock()
	if !wait {
		vendor.out.close(held)
	}
}

// askGone is ClientGone, whose panic must not keep the vendor from being closed.
func (s *Stream) askGone() (finish [][]byte, wait bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			finish, wait, err = nil, false, panicked(v)
		}
	}()
	finish, wait = s.tap.ClientGone()
	return finish, wait, nil
}

// trySeal seals the vendor's side as soon as the frame at hand has passed.
func (s *Stream) trySeal(late bool) (done bool) {
	if !s.peer(Client).in.inFrame() || late {
		s.seal()
		return s.clientAnswered()
	}
	s.mu.Lock()
	if s.peer(Client).limit.IsZero() {
		s.arm(Client, s.c.CloseTimeout)
	}
	s.mu.Unlock()
	return false
}

// seal tells the vendor that the owner ends the stream. Once.
func (s *Stream) seal() {
	client, vendor := s.peer(Client), s.peer(Vendor)
	s.mu.Lock()
	if s.sealed {
		s.mu.Unlock()
		return
	}
	s.sealed = true
	ask, wait, polite := s.ending.Finish, s.waiting, s.polite
	s.mu.Unlock()
	var finish [][]byte
	if polite {
		finish, _, _ = s.askGone() // a second failure of the Tap is no news
	} else {
		finish = s.askTexts(ask)
	}
	if client.in.inFrame() {
		s.cut(Vendor)
		return
	}
	if len(finish) > 0 || wait {
		client.in.endMessage()
		client.in.say(finish)
	}
	if !wait {
		vendor.out.close(closing{code: codeNormal})
	}
	s.mu.Lock()
	if wait {
		s.arm(Vendor, s.c.FinishTimeout)
	} else {
		s.arm(Vendor, s.c.CloseTimeout)
	}
	if !s.parted {
		s.disarm(Client)
	}
	s.mu.Unlock()
}

// cut ends a side that cannot be told anything.
func (s *Stream) cut(side Side) {
	s.peer(side).out.kill()
	s.mu.Lock()
	s.arm(side, 0)
	s.mu.Unlock()
}
