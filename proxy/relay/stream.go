package relay

import (
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// What Stream.gate says to the pumps.
const (
	gateOpen uint32 = iota
	gateShut        // the stream is ending: the client's data is thrown away
)

// Stream relays WebSocket frames between two sockets whose handshakes are done.
// The methods beside Start and Run are safe for concurrent use.
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
	polite  bool          // the vendor's finish is ClientGone's
	held    closing       // the first Close; the side that sent it gets it back if the other has no answer
	sealed  bool          // the vendor has got what ends its stream
	waiting bool          // for the vendor's last words
	parted  bool          // the client has got its farewell
	paused  chan struct{} // closed when the gate shuts; nil: nobody has asked
	over    [2]bool       // the pump is done
	done    func(Result)
}

// New makes a stream. rest is what was read from the vendor's socket behind its handshake and belongs to its frames.
// The stream owns both connections from here on: its end closes them, so it must be started. A *[HandshakeConn] is
// unwrapped, and its rest taken.
func New(c Config, client, vendor net.Conn, rest []byte, t Tap) *Stream {
	if h, ok := vendor.(*HandshakeConn); ok {
		vendor, rest = h.Conn, append(h.Rest(), rest...)
	}
	s := &Stream{c: c.withDefaults(), tap: t, rest: rest}
	_, _ = rand.Read(s.ours[:]) // never fails
	s.peers[Client].conn, s.peers[Vendor].conn = client, vendor
	for side := range s.peers {
		s.peer(Side(side)).init(s, Side(side))
	}
	return s
}

func (s *Stream) peer(side Side) *peer { return &s.peers[side] }

// Start relays until the end and tells done, once and on a goroutine of its own, how it came. Both sockets are closed then.
// It returns at once and is called once.
func (s *Stream) Start(done func(Result)) {
	s.done = done
	go s.peer(Client).serve(nil)
	go func() { s.peer(Vendor).serve(s.feedRest()) }()
}

// Run is Start on the caller's goroutine.
func (s *Stream) Run() Result {
	done := make(chan Result, 1)
	s.Start(func(r Result) { done <- r })
	return <-done
}

// finish is called when both pumps are done, by the last one.
func (s *Stream) finish() {
	for side := range s.peers {
		p := &s.peers[side]
		p.w.hurry(s.c.CloseTimeout)
		p.out.finish()
	}
	s.mu.Lock()
	for side := range s.peers {
		p := &s.peers[side]
		if isSlow(p.cause) {
			reset(p.conn)
		}
		_ = p.w.close() // the peer may have closed it first: that is no news
	}
	r := Result{
		By: s.by, Owner: s.owner, Err: s.err,
		ClientCode: s.peers[Client].code, VendorCode: s.peers[Vendor].code,
		ClientBytes: s.peers[Client].in.bytes, VendorBytes: s.peers[Vendor].in.bytes,
	}
	s.mu.Unlock()
	s.done(r)
}

// feedRest relays what was read behind the vendor's handshake.
func (s *Stream) feedRest() error {
	b := borrow()
	defer giveBack(b)
	for len(s.rest) > 0 {
		n := copy(b[headroom:], s.rest)
		s.rest = s.rest[n:]
		if err := s.peer(Vendor).take(b[:], n); err != nil {
			return err
		}
	}
	s.rest = nil
	return nil
}

// Waiting is for a Tap: inside Audio, ClientText or VendorText, before it waits for something (a lock that is held
// for moments does not count), it names the side whose message it was asked about. An open stream has no goroutine
// of its own; after this call the Tap has one for as long as it waits. Without it other streams stand still too, for up to 200 ms.
func (s *Stream) Waiting(from Side) { s.peer(from).wait() }

// Send puts a message of ours between two messages (control frames: between two frames) on the way to a side. It never blocks on the
// network for longer than a try: what cannot be written at once is queued (bounded, 64 KiB; ErrSlow beyond) and leaves with the next write. Safe from any goroutine.
// Only Text, Binary, Ping and Pong are sent; a Close is End's.
func (s *Stream) Send(to Side, op Op, payload []byte) error {
	if op != Text && op != Binary && (op != Ping && op != Pong || len(payload) > 125) {
		return errors.New("send: not a message or a short ping")
	}
	return s.peer(to).out.send(op, payload)
}

// Insert is for a Tap, inside ClientText or VendorText of the side it is called with: it writes whole text messages to the other side,
// behind everything of this side that has passed and before the message that the Tap is asked about. Unlike Send it keeps that order
// and drops nothing; it may block as long as the other side takes nothing, which is backpressure.
func (s *Stream) Insert(from Side, texts [][]byte) {
	in := &s.peer(from).in
	in.flush(&in.now)
	in.say(texts)
}

// Enough is for a Tap whose vendor has said its last word: an ending that waits for it goes on at once, and not when the
// vendor closes or FinishTimeout is over. An open stream is left alone.
func (s *Stream) Enough() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != open && s.sealed && s.waiting {
		s.arm(Vendor, 0)
	}
}

// End ends the stream politely; it returns at once. The first End wins; a later one changes nothing,
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
