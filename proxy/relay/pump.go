package relay

import (
	"errors"
	"sync/atomic"
	"time"
)

// What a pump returns from draining its socket, beside the socket's own errors, faults
// and the Tap's errors.
var (
	errClosed = errors.New("close frame") // pump.got has it
	errLook   = errors.New("the stream is ending: look")
	// errResting is no end: the engine has the pump until there is something to do.
	errResting = errors.New("nothing to read")
)

// mode is what happens to the payload of the frame at hand.
type mode byte

const (
	passing mode = iota
	dropping
	gathering // the whole message, for the Tap
	holding   // this frame, for the Tap
	cutting   // into pieces, each of which the Tap sees
)

// pump takes one peer's bytes apart, asks the Tap and hands what passes to the
// other peer's outlet. Only the goroutine that drains the peer uses it.
type pump struct {
	from   Side
	masked bool // the peer's frames must be masked
	tap    Tap
	out    *outlet
	gate   *atomic.Uint32 // not open: the stream is ending
	ours   *[8]byte       // payload of our own pings
	maxMsg int64
	maxTxt int64

	part    [partial]byte // a frame's beginning, kept between two reads
	partLen int

	now  batch // the read at hand
	left int64 // payload bytes of the frame that have not come yet
	mode mode
	fin  bool

	inMsg   bool // a fragmented message is open on the way in
	msgOp   Op
	msgMode mode
	msgLen  int64
	outMsg  bool    // the same on the way out: the other peer has its beginning
	raw     *[]byte // the frames of a message, or the frame, that is being gathered, as they came
	headers int     // bytes of headers in raw
	cut     header  // of the frame that is cut into pieces; its mask is that of the next one

	discard bool // drop data and wait for the Close
	blind   bool // do not even look: the framing is lost, or nothing can matter

	controls controls
	clock    func() time.Time // of the controls
	got      closing          // the peer's Close
	tapErr   error
	bytes    int64 // payload bytes forwarded
}

// batch is one read on its way through a pump: b[start:w] passes, b[i:] is still to
// be looked at. Nothing is moved while w == i, which is always, unless something was cut out.
type batch struct {
	b              []byte
	start, w, i    int
	frameAt, msgAt int // absolute offsets of the last boundaries in b[start:w], 0: none
}

func (t *batch) keep(n int) {
	if t.w != t.i {
		copy(t.b[t.w:], t.b[t.i:t.i+n])
	}
	t.w += n
	t.i += n
}

// take puts what was kept in front of what was read. A panic (the Tap's) is an
// error, and what follows in the stream can no longer be understood.
func (p *pump) take(b []byte, n int) (err error) {
	defer func() {
		if v := recover(); v != nil {
			p.blind = true
			err = panicked(v)
		}
	}()
	at := headroom - p.partLen
	copy(b[at:headroom], p.part[:p.partLen])
	p.partLen = 0
	return p.feed(b[at : headroom+n])
}

// feed relays bytes. b is changed in place.
func (p *pump) feed(b []byte) error {
	if p.blind {
		return errLook // or a peer that never stops would never let its pump look
	}
	p.now = batch{b: b}
	err := p.relay(&p.now)
	p.flush(&p.now)
	p.now = batch{} // the buffer is not ours any more
	p.blind = err != nil
	if p.tapErr != nil { // came first
		err, p.tapErr = &tapError{p.tapErr}, nil
	}
	if err != nil {
		return err
	}
	if p.gate.Load() != gateOpen && !p.inFrame() {
		return errLook
	}
	return nil
}

func (p *pump) relay(t *batch) error {
	for t.i < len(t.b) {
		if p.left > 0 {
			p.body(t)
			continue
		}
		h, err := parse(t.b[t.i:], p.masked)
		if err != nil {
			return err
		}
		if h.size == 0 || (h.op >= Close && len(t.b)-t.i < h.size+int(h.n)) {
			p.partLen = copy(p.part[:], t.b[t.i:])
			return nil
		}
		if h.op >= Close {
			err = p.control(t, h)
		} else {
			err = p.data(t, h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// control handles a control frame that is whole in the batch.
func (p *pump) control(t *batch, h header) error {
	size := h.size + int(h.n)
	payload := t.b[t.i+h.size : t.i+size]
	if h.op == Close {
		var unmasked [125]byte
		msg := unmasked[:copy(unmasked[:], payload)]
		if p.masked {
			xor(msg, h.mask)
		}
		var err error
		if p.got, err = readClosing(msg); err != nil {
			return err
		}
		return errClosed
	}
	if err := p.controls.admit(h.op, p.clock()); err != nil {
		return err
	}
	switch {
	case p.discarding(), h.op == Pong && p.isOurs(payload, h.mask):
		t.i += size
	default:
		t.keep(size)
		t.frameAt = t.w
		if !p.outMsg {
			t.msgAt = t.w
		}
	}
	return nil
}

// isOurs recognises the answer to a ping of our own: the other peer never sent it.
func (p *pump) isOurs(payload []byte, mask [4]byte) bool {
	if len(payload) != len(p.ours) {
		return false
	}
	got := [8]byte(payload)
	if p.masked {
		xor(got[:], mask)
	}
	return got == *p.ours
}

// data handles the header of a text or binary frame, or of a fragment of one.
func (p *pump) data(t *batch, h header) error {
	first := h.op != Continuation
	switch {
	case first && p.inMsg:
		return violation("new message inside a fragmented one")
	case !first && !p.inMsg:
		return violation("continuation of nothing")
	case first:
		p.msgOp, p.msgLen, p.msgMode = h.op, 0, passing
	}
	if h.n > p.maxMsg-p.msgLen {
		return tooBig("message larger than allowed")
	}
	p.msgLen += h.n
	p.inMsg, p.fin = !h.fin, h.fin
	if p.discarding() {
		p.msgMode = dropping
		p.dropGathered()
	} else if p.msgOp == Text {
		if whole, err := p.text(t, h, first); whole || err != nil {
			return err
		}
	} else if p.from == Client {
		return p.audio(t, h, first)
	}
	p.begin(t, h, p.msgMode)
	return nil
}

// audio asks the Tap about a binary frame.
func (p *pump) audio(t *batch, h header, first bool) error {
	if p.msgMode == gathering { // it has asked for the whole
		return p.further(t, h)
	}
	v := p.tap.Audio(h.n, first, h.fin)
	if v >= Show {
		return p.show(t, h, first, v)
	}
	p.judged(t, v)
	p.begin(t, h, p.msgMode)
	return nil
}

// judged treats the message of the frame at hand, whose header stands next in the batch, as the Tap has decided.
func (p *pump) judged(t *batch, v Verdict) {
	if v == Stop {
		p.discard = true
	}
	if v == Pass || p.msgMode == dropping {
		return
	}
	p.msgMode = dropping
	if p.outMsg {
		// The vendor has the beginning: this frame's header becomes the end. A masked
		// header is never shorter than this one.
		t.w += copy(t.b[t.w:], []byte{0x80, 0x80, 0, 0, 0, 0})
		t.frameAt, t.msgAt = t.w, t.w
		p.outMsg = false
	}
}

// begin treats the header at hand.
func (p *pump) begin(t *batch, h header, m mode) {
	p.mode, p.left = m, h.n
	switch p.mode {
	case passing:
		p.outMsg = !h.fin
		t.keep(h.size)
	case gathering, holding:
		*p.raw = append(*p.raw, t.b[t.i:t.i+h.size]...)
		p.headers += h.size
		t.i += h.size
	case dropping, cutting:
		t.i += h.size
	}
	if p.left == 0 {
		p.end(t)
	}
}

// body treats payload as its frame is treated.
func (p *pump) body(t *batch) {
	n := len(t.b) - t.i
	if int64(n) > p.left {
		n = int(p.left)
	}
	p.left -= int64(n)
	switch p.mode {
	case passing:
		t.keep(n)
		p.bytes += int64(n)
	case gathering, holding:
		*p.raw = append(*p.raw, t.b[t.i:t.i+n]...)
		t.i += n
	case cutting:
		p.piece(t, n)
	case dropping:
		t.i += n
	}
	if p.left == 0 {
		p.end(t)
	}
}

// end is the end of a frame.
func (p *pump) end(t *batch) {
	switch {
	case p.mode == passing:
		t.frameAt = t.w
		if p.fin {
			t.msgAt = t.w
		}
	case p.mode == holding, p.mode == gathering && p.fin && p.msgOp == Binary:
		p.shown(t)
	case p.mode == gathering && p.fin:
		p.gathered(t)
	}
}

// flush hands what passes to the outlet, and starts the next stretch behind it.
func (p *pump) flush(t *batch) {
	if t.w > t.start {
		m := mark{inFrame: p.inFrame(), inMsg: p.outMsg || p.inFrame()}
		if t.frameAt > 0 {
			m.frameAt = t.frameAt - t.start
		}
		if t.msgAt > 0 {
			m.msgAt = t.msgAt - t.start
		}
		p.out.write(t.b[t.start:t.w], m)
	}
	t.start, t.w = t.i, t.i
	t.frameAt, t.msgAt = 0, 0
}

// inFrame says whether the other peer has part of a frame.
func (p *pump) inFrame() bool { return p.mode == passing && p.left > 0 }

// discarding says whether data is read and thrown away. The vendor's is not when the
// stream ends: its last words are what an ending waits for.
func (p *pump) discarding() bool {
	return p.discard || p.from == Client && p.gate.Load() != gateOpen
}

// endMessage ends a message that the other peer has only the beginning of. The
// pump must stand at a frame boundary.
func (p *pump) endMessage() {
	if !p.outMsg {
		return
	}
	p.outMsg = false
	f := []byte{0x80, 0}
	if p.out.masked {
		f = []byte{0x80, 0x80, 0, 0, 0, 0}
	}
	p.out.write(f, mark{frameAt: len(f), msgAt: len(f)})
}

// say writes whole text messages of ours.
func (p *pump) say(texts [][]byte) {
	for _, text := range texts {
		f := appendFrame(nil, Text, text, p.out.masked)
		p.out.write(f, mark{frameAt: len(f), msgAt: len(f)})
	}
}
