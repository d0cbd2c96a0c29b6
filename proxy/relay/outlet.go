package relay

import (
	"fmt"
	"net"
	"sync"
)

// maxQueue bounds what waits for a boundary.
const maxQueue = 64 << 10

// mark says where a batch of relayed bytes stands.
type mark struct {
	frameAt int  // offset behind the last whole frame in the batch, 0 if none ends in it
	msgAt   int  // the same for the last whole message
	inFrame bool // the batch ends inside a frame
	inMsg   bool // the batch ends inside a message
}

// outlet is the one way to a peer: only its holder (busy) writes to the socket.
//
//	pump ── write ──► [ batch ] ──────────────┐
//	Send ── send ───► [ ctrl  ] frame boundary ├─► one writer ─► wire
//	                  [ data  ] message boundary│
//	ending ─ close ─► [ last  ] frame boundary ─┘  then nothing more
//
// All methods are safe for concurrent use; write is for the pump of the other
// peer, the only one that leaves the outlet inside a frame.
type outlet struct {
	w      wire
	masked bool
	failed func(error) // told once, without the lock
	from   *peer       // whose pump writes here
	stall  stall       // of the writes that wait

	mu             sync.Mutex
	free           sync.Cond // busy became false
	busy           bool
	pumping        bool // the holder is the pump; the holder's own
	inFrame, inMsg bool
	ctrl, data     []byte // encoded frames that wait
	last           []byte // the Close that waits
	closed         bool   // a Close was taken: nothing follows it
	dead           bool   // the peer cannot be written to
}

func (o *outlet) init(w wire, masked bool, failed func(error)) {
	o.w, o.masked, o.failed = w, masked, failed
	o.free.L = &o.mu
}

// write sends a batch of relayed bytes, and around it what waits for a boundary.
// It blocks as long as the peer takes nothing. After a Close, or to a dead peer, the batch is discarded.
func (o *outlet) write(p []byte, m mark) {
	o.mu.Lock()
	if o.busy {
		o.from.wait()
	}
	o.hold()
	o.pumping = true
	if o.waiting() {
		p, m = o.around(p, m)
	}
	var err error
	if !o.dead && !o.closed && len(p) > 0 {
		err = o.put(p)
		o.inFrame, o.inMsg = m.inFrame, m.inMsg
	}
	o.release(err)
}

// around writes the head of a batch up to its last boundary and what waits there,
// and returns the rest.
func (o *outlet) around(p []byte, m mark) ([]byte, mark) {
	if q := o.due(); len(q) > 0 {
		if o.put(q) != nil {
			return nil, mark{}
		}
	}
	at := 0
	switch {
	case o.last != nil || len(o.ctrl) > 0:
		at = m.frameAt
	case len(o.data) > 0:
		at = m.msgAt
	}
	if at == 0 || at == len(p) || o.closed || o.dead {
		return p, m
	}
	if o.put(p[:at]) != nil {
		return nil, mark{}
	}
	o.inFrame, o.inMsg = false, at != m.msgAt
	if q := o.due(); len(q) > 0 && o.put(q) != nil {
		return nil, mark{}
	}
	return p[at:], mark{0, 0, m.inFrame, m.inMsg}
}

// send queues an encoded message and writes it if that needs no waiting.
func (o *outlet) send(op Op, payload []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead || o.closed || o.last != nil {
		return fmt.Errorf("peer is closed: %w", net.ErrClosed)
	}
	if len(o.ctrl)+len(o.data)+len(payload) > maxQueue {
		return fmt.Errorf("queue full: %w", ErrSlow)
	}
	if op >= Close {
		o.ctrl = appendFrame(o.ctrl, op, payload, o.masked)
	} else {
		o.data = appendFrame(o.data, op, payload, o.masked)
	}
	o.kick()
	return nil
}

// close queues the Close of this direction, unless there is one already. It is
// false when the outlet stands inside a frame that nobody is writing: if the caller is
// the pump that should, the peer can only be cut.
func (o *outlet) close(c closing) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead || o.closed || o.last != nil {
		return true
	}
	o.last = appendClosing(nil, c, o.masked)
	stuck := !o.busy && o.inFrame
	o.kick()
	return !stuck
}

// kill discards everything from now on: there is nobody to read it.
func (o *outlet) kill() {
	o.mu.Lock()
	o.dead = true
	o.ctrl, o.data, o.last = nil, nil, nil
	o.mu.Unlock()
}

// isClosed says whether a Close was written or waits, or the peer is dead.
func (o *outlet) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed || o.dead || o.last != nil
}

// finish waits for the writer at work and lets nobody write again.
func (o *outlet) finish() {
	o.mu.Lock()
	o.hold()
	o.dead = true
	o.mu.Unlock()
}

// hold takes the writer's place; the lock must be held.
func (o *outlet) hold() {
	for o.busy {
		o.free.Wait()
	}
	o.busy = true
}

// release writes what became due, gives the writer's place back and unlocks.
func (o *outlet) release(err error) {
	for err == nil && o.waiting() {
		q := o.due()
		if len(q) == 0 {
			break
		}
		err = o.put(q)
	}
	o.busy, o.pumping = false, false
	o.free.Signal()
	o.mu.Unlock()
	if err != nil {
		o.failed(err)
	}
}

// parking is called by the wire, for its holder, before a write that may wait for the peer.
func (o *outlet) parking() {
	if o.pumping {
		o.from.wait()
	}
}

// put writes without the lock, as the holder. After an error the peer is dead.
func (o *outlet) put(p []byte) error {
	o.mu.Unlock()
	err := o.w.write(p)
	o.mu.Lock()
	return o.check(err)
}

// check turns the first write error into a dead outlet and hides it if it was
// dead already, so that a failure is told once.
func (o *outlet) check(err error) error {
	if err == nil || o.dead {
		return nil
	}
	o.dead = true
	o.ctrl, o.data, o.last = nil, nil, nil
	return err
}

// kick writes what is due without blocking; the lock is held. What the socket
// does not take at once is left to a goroutine that ends with it.
func (o *outlet) kick() {
	if o.busy {
		return // the holder looks at the queue when it is done
	}
	q := o.due()
	if len(q) == 0 {
		return
	}
	n, err := o.w.try(q)
	if err == nil && n == len(q) {
		return
	}
	o.busy = true
	go func() {
		if err == nil {
			err = o.w.write(q[n:])
		}
		o.mu.Lock()
		o.release(o.check(err))
	}()
}

func (o *outlet) waiting() bool {
	return len(o.ctrl) > 0 || len(o.data) > 0 || o.last != nil
}

// due takes what may leave where the outlet stands. A Close may stand inside a
// fragmented message; a message that waits for its end is then lost.
func (o *outlet) due() []byte {
	if o.inFrame || o.dead || o.closed {
		return nil
	}
	q := o.ctrl
	o.ctrl = nil
	if !o.inMsg {
		q = append(q, o.data...)
		o.data = nil
	}
	if o.last != nil {
		q = append(q, o.last...)
		o.last, o.data, o.closed = nil, nil, true
	}
	return q
}
