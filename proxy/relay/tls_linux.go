package relay

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// rawSocket is the fast path of a Socket, once a stream has taken it over.
//
//	park ─► tcpWire.drain ─► ciphertext in a borrowed buffer ─► read ─► tls.Conn ─► plaintext
//
// All reading system calls are drain's; what tls.Conn reads is only what drain has
// read, so it never waits and a stream that waits holds no buffer.
type rawSocket struct {
	tcpWire
	sealed []byte // ciphertext that tls.Conn has not read
}

// take switches the socket over, if it is a TCP socket.
func (s *Socket) take(c Config) bool {
	t, ok := s.Conn.(*net.TCPConn)
	if !ok || !s.raw.init(t, c.WriteTimeout) {
		return false
	}
	s.taken.Store(true)
	return true
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
	if err := r.tcpWire.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// tlsWire is TLS over a Socket.
type tlsWire struct {
	conn   *tls.Conn
	sock   *Socket
	take   func(b *buffer, n int) error // of the drain at work
	opened func(b *buffer, n int) error // open, made once
}

var _ wire = (*tlsWire)(nil)

func newTLSWire(c *tls.Conn, s *Socket) *tlsWire {
	w := &tlsWire{conn: c, sock: s}
	w.opened = w.open
	return w
}

func (w *tlsWire) drain(take func(b *buffer, n int) error) error {
	w.take = take
	if err := w.decrypt(); err != nil { // what a drain before has left
		return err
	}
	return w.sock.raw.drain(w.opened)
}

// open decrypts what was read. What is left when the drain ends early must not
// stay in a buffer that goes back to the pool.
func (w *tlsWire) open(b *buffer, n int) error {
	r := &w.sock.raw
	r.sealed = b[headroom : headroom+n]
	err := w.decrypt()
	if err != nil {
		r.sealed = bytes.Clone(r.sealed)
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
			if terr := w.take(b, n); terr != nil {
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

func (w *tlsWire) hurry(d time.Duration) { w.sock.raw.hurry(d) }

func (w *tlsWire) close() error {
	w.sock.raw.hurry(0) // the close_notify leaves at once or not at all
	return w.conn.Close()
}
