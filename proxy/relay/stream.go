package relay

import (
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// What Stream.gate says to the pumps.
const (
	gateOpen uint32 = iota
	gateShut        // the stream is ending: the client's data is thrown away
)

// peer is one side of a stream.
type peer struct {
	conn net.Conn
	w    wire
	in   pump   // what comes from it
	out  outlet // what goes to it

	heard atomic.Uint32 // for Tick; see tick.go
	last  time.Time     // Tick's: when it was last heard
	asked time.Time     // Tick's: our last ping

	// Under Stream.mu.
	code  int       // its close code as Result tells it
	limit time.Time // of what its pump waits for
	poked bool      // its pump is to look at the stream
	cause error     // why it is to be given up
}

// Stream relays WebSocket frames between two sockets whose handshakes are done.
// The methods beside Run are safe for concurrent use.
type Stream struct {
	c     Config
	tap   Tap
	rest  []byte
	peers [2]peer
	ours  [8]byte
	gate  atomic.Uint32

	mu      sync.Mutex
	phase   phase
	aborted bool
	by      Side
	owner   bool
	err     error
	ending  Ending
	polite  bool    // the vendor's finish is ClientGone's
	held    closing // the first Close; the side that sent it gets it back if the other has no answer
	sealed  bool    // the vendor has got what ends its stream
	waiting bool    // for the vendor's last words
	parted  bool    // the client has got its farewell
	over    [2]bool // the pump is done
}

// New makes a stream. rest is what was read from the vendor's socket behind its handshake and belongs to its frames.
// The stream owns both connections from here on: Run closes them. A *[HandshakeConn] is
// unwrapped, and its rest taken.
func New(c Config, client, vendor net.Conn, rest []byte, t Tap) *Stream {
	if h, ok := vendor.(*HandshakeConn); ok {
		vendor, rest = h.Conn, append(h.Rest(), rest...)
	}
	s := &Stream{c: c.withDefaults(), tap: t, rest: rest}
	_, _ = rand.Read(s.ours[:]) // never fails
	s.peers[Client].conn, s.peers[Vendor].conn = client, vendor
	for side := range s.peers {
		side := Side(side)
		p := s.peer(side)
		_ = p.conn.SetDeadline(time.Time{}) // the handshake's
		p.w = newWire(s.c, p.conn)
		p.out.init(p.w, side == Vendor, func(err error) { s.writeFailed(side, err) })
		p.in = pump{
			from: side, masked: side == Client, tap: t, out: &s.peer(side.other()).out,
			gate: &s.gate, ours: &s.ours, maxMsg: s.c.MaxMessage, maxTxt: int64(s.c.MaxText),
		}
	}
	return s
}

func (s *Stream) peer(side Side) *peer { return &s.peers[side] }

// Run relays until the end and returns how it came. Both sockets are closed and both goroutines are done when it returns.
// It is called once.
func (s *Stream) Run() Result {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.pump(Vendor, s.vendorEvent)
	}()
	s.pump(Client, s.clientEvent)
	<-done
	for side := range s.peers {
		p := &s.peers[side]
		p.w.hurry(s.c.CloseTimeout)
		p.out.finish()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for side := range s.peers {
		p := &s.peers[side]
		if isSlow(p.cause) {
			reset(p.conn)
		}
		_ = p.w.close() // the peer may have closed it first: that is no news
	}
	return Result{
		By: s.by, Owner: s.owner, Err: s.err,
		ClientCode: s.peers[Client].code, VendorCode: s.peers[Vendor].code,
		ClientBytes: s.peers[Client].in.bytes, VendorBytes: s.peers[Vendor].in.bytes,
	}
}

// pump drains a side until the end; event says whether it has come.
func (s *Stream) pump(side Side, event func(error) bool) {
	p := s.peer(side)
	take := func(b *buffer, n int) error {
		p.heard.Store(hearing)
		err := p.in.take(b, n)
		p.heard.Store(heard)
		return err
	}
	var err error
	if side == Vendor {
		err = s.feedRest(take)
	}
	for {
		if err == nil {
			err = p.w.drain(take)
		}
		if event(err) {
			break
		}
		err = nil
	}
	s.pumpDone(side)
}

// feedRest relays what was read behind the vendor's handshake.
func (s *Stream) feedRest(take func(*buffer, int) error) error {
	b := borrow()
	defer giveBack(b)
	for len(s.rest) > 0 {
		n := copy(b[headroom:], s.rest)
		s.rest = s.rest[n:]
		if err := take(b, n); err != nil {
			return err
		}
	}
	s.rest = nil
	return nil
}

// Send puts a message of ours between two messages (control frames: between two frames) on the way to a side. It never blocks on the
// network for longer than a try: what cannot be written at once is queued (bounded, 64 KiB; ErrSlow beyond) and leaves with the next write. Safe from any goroutine.
// Only Text, Binary, Ping and Pong are sent; a Close is End's.
func (s *Stream) Send(to Side, op Op, payload []byte) error {
	if op != Text && op != Binary && (op != Ping && op != Pong || len(payload) > 125) {
		return errors.New("send: not a message or a short ping")
	}
	return s.peer(to).out.send(op, payload)
}

// End ends the stream politely; it returns at once and Run returns when it is done. The first End wins; a later one changes nothing,
// nor does one after a peer has ended the stream.
func (s *Stream) End(e Ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.leave(ownerEnds) {
		return
	}
	s.owner = true
	s.setEnding(e)
}

// Abort closes both sockets now.
func (s *Stream) Abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = true
	if s.leave(ownerEnds) {
		s.owner = true
	}
	for side := range s.peers {
		s.peers[side].w.hurry(0)
		s.poke(Side(side))
	}
}
