package relay

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// taker gets what is read: b[headroom:headroom+n]. b is valid (and writable) during the call.
type taker interface {
	take(b []byte, n int) error
}

// wire is one socket. drain is for its reader; write and try are for the holder
// of its outlet.
type wire interface {
	// drain hands what is read to t until an error: t's, io.EOF, the socket's, or
	// os.ErrDeadlineExceeded at the read deadline. It may be called again after a deadline or t's error.
	// errResting says that there is nothing to read and no deadline: the reader belongs to the engine,
	// and peer.serve will be called when there is something for it to do.
	drain(t taker) error
	// write writes all of p. It blocks for as long as the peer takes something within
	// the write timeout; the error wraps ErrSlow or ErrLost.
	write(p []byte) error
	// try writes what the socket takes at once, which may be nothing.
	try(p []byte) (int, error)
	// hurry bounds every write, also one at work: none lasts longer than d from now.
	hurry(d time.Duration)
	close() error
}

// newWire picks the data path for a peer's connection, and may take its socket out of it:
// the second result stands for the connection from then on.
func newWire(c Config, conn net.Conn, p *peer) (wire, net.Conn) {
	if c.Engine != nil {
		if w, conn := newRawWire(c, conn, p); w != nil {
			return w, conn
		}
	}
	_, isTLS := conn.(*tls.Conn)
	return &portableWire{conn: conn, slow: patience{conn: conn, timeout: c.WriteTimeout, once: isTLS, out: &p.out}}, conn
}

// patience writes to a connection that may not take the bytes at once.
type patience struct {
	conn    net.Conn
	timeout time.Duration // without any byte taken
	once    bool          // a write that timed out must not be continued (crypto/tls)
	out     *outlet       // whose holder writes
	until   atomic.Int64  // unix ns: the end of all writing; 0: none
}

// write parks until all of p is taken.
func (t *patience) write(p []byte) error {
	t.out.parking()
	t.out.stall.begin(time.Now())
	defer func() { t.out.stall.end(time.Now()) }()
	for len(p) > 0 {
		t.arm()
		n, err := t.conn.Write(p)
		p = p[n:]
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return lost(err)
		case n == 0 || t.once || t.over():
			return fmt.Errorf("%w: nothing taken for %v", ErrSlow, t.timeout)
		}
	}
	t.disarm()
	return nil
}

// disarm takes the deadline away, unless there is an end of all writing.
func (t *patience) disarm() {
	if t.until.Load() != 0 {
		return
	}
	_ = t.conn.SetWriteDeadline(time.Time{})
	if until := t.until.Load(); until != 0 {
		_ = t.conn.SetWriteDeadline(time.Unix(0, until))
	}
}

// arm sets the deadline of the next write. hurry may come between: look again.
func (t *patience) arm() {
	for {
		until := t.until.Load()
		d := time.Now().Add(t.timeout)
		if until != 0 && until < d.UnixNano() {
			d = time.Unix(0, until)
		}
		_ = t.conn.SetWriteDeadline(d)
		if t.until.Load() == until {
			return
		}
	}
}

func (t *patience) over() bool {
	u := t.until.Load()
	return u != 0 && time.Now().UnixNano() >= u
}

func (t *patience) hurry(d time.Duration) {
	at := time.Now().Add(d)
	for {
		u := t.until.Load()
		if u != 0 && u <= at.UnixNano() {
			return
		}
		if t.until.CompareAndSwap(u, at.UnixNano()) {
			_ = t.conn.SetWriteDeadline(at)
			return
		}
	}
}

func isDeadline(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

func lost(err error) error { return fmt.Errorf("%w: %w", ErrLost, err) }

// reset makes the close of a connection drop what its peer has not taken: the
// kernel would keep it, and offer it to a peer that does not read, for minutes.
func reset(c net.Conn) {
	for {
		switch t := c.(type) {
		case interface{ SetLinger(sec int) error }:
			_ = t.SetLinger(0)
			return
		case interface{ NetConn() net.Conn }:
			c = t.NetConn()
		default:
			return
		}
	}
}
