package relay

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// peer is one side of a stream.
type peer struct {
	s    *Stream
	conn net.Conn
	w    wire
	in   pump   // what comes from it
	out  outlet // what goes to it
	by   caller // who its pump runs on, while that is not its own goroutine

	heard atomic.Uint32 // for Tick; see tick.go
	last  time.Time     // Tick's: when it was last heard
	asked time.Time     // Tick's: our last ping

	// Under Stream.mu.
	code  int       // its close code as Result tells it
	limit time.Time // of what its pump waits for
	poked bool      // its pump is to look at the stream
	cause error     // why it is to be given up
}

// caller is a goroutine with other work to do than this pump's.
type caller interface {
	handOver() // the other work, to somebody else; may be called again
}

func (p *peer) init(s *Stream, side Side) {
	other := s.peer(side.other())
	p.s = s
	_ = p.conn.SetDeadline(time.Time{}) // the handshake's
	p.w, p.conn = newWire(s.c, p.conn, p)
	p.out.init(p.w, side == Vendor, func(err error) { s.writeFailed(side, err) })
	p.out.from = other
	p.in = pump{
		from: side, masked: side == Client, tap: s.tap, out: &other.out,
		gate: &s.gate, ours: &s.ours, maxMsg: s.c.MaxMessage, maxTxt: int64(s.c.MaxText), clock: time.Now,
	}
}

// take is called with what was read, by whoever reads.
func (p *peer) take(b []byte, n int) error {
	p.heard.Store(hearing)
	err := p.in.take(b, n)
	p.heard.Store(heard)
	return err
}

// wait is called on the pump, before it waits for something else than its socket.
func (p *peer) wait() {
	if p.by != nil {
		p.by.handOver()
		p.by = nil
	}
}

// serve is the pump on its own goroutine: it drains the peer to the end of the stream, or until
// the engine takes it back. err is why somebody else's draining has stopped.
func (p *peer) serve(err error) {
	for {
		if err == nil {
			err = p.w.drain(p)
		}
		if errors.Is(err, errResting) {
			return
		}
		if p.event(err) {
			break
		}
		err = nil
	}
	if p.s.pumpDone(p.in.from) {
		p.s.finish()
	}
}

// event says whether the pump is done.
func (p *peer) event(err error) (done bool) {
	if p.in.from == Client {
		return p.s.clientEvent(err)
	}
	return p.s.vendorEvent(err)
}
