package relay

import (
	"bytes"
	"crypto/tls"
	"errors"
)

// rawSocket is the fast path of a Socket, once a stream has taken it over.
//
//	poller ─► tlsWire.turn ─► ciphertext in a borrowed buffer ─► read ─► tls.Conn ─► plaintext
//
// All reading system calls are turn's; what tls.Conn reads is only what turn has
// read, so it never waits and a stream that waits holds no buffer.
type rawSocket struct {
	wire   *tcpWire
	sealed []byte // ciphertext that tls.Conn has not read
}

// read gives what was drained.
func (r *rawSocket) read(p []byte) (int, error) {
	if len(r.sealed) == 0 {
		return 0, errNothing{}
	}
	n := copy(p, r.sealed)
	if r.sealed = r.sealed[n:]; len(r.sealed) == 0 {
		r.sealed = nil // an empty slice would hold the buffer
	}
	return n, nil
}

func (r *rawSocket) write(p []byte) (int, error) {
	if err := r.wire.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// tlsWire is TLS over a Socket.
type tlsWire struct {
	*tcpWire
	conn *tls.Conn
	sock *Socket
	to   taker // of the turn at work
	left bool  // tls.Conn may hold plaintext
}

var (
	_ wire   = (*tlsWire)(nil)
	_ turner = (*tlsWire)(nil)
	_ taker  = (*tlsWire)(nil)
)

// newTLSWire takes a Socket over. What the handshake has read too much is left to the first turn.
func newTLSWire(c *tls.Conn, s *Socket, raw *tcpWire) *tlsWire {
	w := &tlsWire{tcpWire: raw, conn: c, sock: s, left: true}
	raw.outer = w
	s.Conn, s.raw.wire = raw, raw
	s.taken.Store(true)
	return w
}

func (w *tlsWire) drain(t taker) error { return w.drainBy(w, t) }

// turn reads once from the socket.
func (w *tlsWire) turn(t taker) (more bool, err error) {
	w.to = t
	if w.left {
		if err := w.decrypt(); err != nil {
			return false, err
		}
		w.left = false
	}
	return w.tcpWire.turn(w)
}

// take decrypts what was read. What is left when it ends early must not stay in a
// buffer that goes back to the pool.
func (w *tlsWire) take(b []byte, n int) error {
	r := &w.sock.raw
	r.sealed = b[headroom : headroom+n]
	err := w.decrypt()
	if err != nil {
		r.sealed = bytes.Clone(r.sealed)
		w.left = true
	}
	return err
}

// decrypt hands on all plaintext that the ciphertext at hand makes.
func (w *tlsWire) decrypt() error {
	b := borrow()
	defer giveBack(b)
	for {
		n, err := w.conn.Read(b[headroom:])
		if n > 0 {
			if terr := w.to.take(b[:], n); terr != nil {
				return terr // err comes again with the next Read
			}
		}
		if errors.Is(err, errNothing{}) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// write encrypts and writes. A TLS record cannot be taken back half, so after an
// error the connection is lost; the Socket's own error tells why.
func (w *tlsWire) write(p []byte) error {
	_, err := w.conn.Write(p)
	if err == nil || errors.Is(err, ErrSlow) || errors.Is(err, ErrLost) {
		return err
	}
	return lost(err)
}

// try takes nothing: a record must be written whole, and that may block.
func (w *tlsWire) try([]byte) (int, error) { return 0, nil }

func (w *tlsWire) close() error {
	w.hurry(0) // the close_notify leaves at once or not at all
	return w.conn.Close()
}
