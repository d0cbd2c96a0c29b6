package relay

import (
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// rawSocket is the fast path of a Socket, once a stream has taken it over.
//
//	park ─► tcpWire.fill ─► ciphertext in a borrowed buffer ─► read ─► tls.Conn ─► plaintext
//
// All reading system calls are made by fill; what tls.Conn reads is only what was
// filled, so it never waits and a stream that waits holds no buffer.
type rawSocket struct {
	tcpWire
	at, end int   // unread ciphertext in buf
	err     error // what fill returned
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

// read gives what was filled.
func (r *rawSocket) read(p []byte) (int, error) {
	if r.at == r.end {
		if r.err != nil {
			return 0, r.err
		}
		return 0, errNothing{}
	}
	n := copy(p, r.buf[r.at:r.end])
	if r.at += n; r.at == r.end {
		r.release()
	}
	return n, nil
}

// refill parks until there is more ciphertext. A deadline is not remembered; an
// end of the connection is, and told by read.
func (r *rawSocket) refill() error {
	if r.at < r.end || r.err != nil {
		return nil
	}
	n, err := r.fill()
	if err != nil {
		r.release()
		if isDeadline(err) {
			return err
		}
		r.err = err
		return nil
	}
	r.at, r.end = headroom, headroom+n
	return nil
}

func (r *rawSocket) write(p []byte) (int, error) {
	if err := r.tcpWire.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// tlsWire is TLS over a Socket.
type tlsWire struct {
	conn *tls.Conn
	sock *Socket
}

var _ wire = (*tlsWire)(nil)

func (w *tlsWire) drain(take func(b *buffer, n int) error) error {
	for {
		if err := w.decrypt(take); err != nil {
			return err
		}
		if err := w.sock.raw.refill(); err != nil {
			return err
		}
	}
}

// decrypt hands on all plaintext that the filled ciphertext makes.
func (w *tlsWire) decrypt(take func(b *buffer, n int) error) error {
	b := borrow()
	defer giveBack(b)
	for {
		n, err := w.conn.Read(b[headroom:])
		if n > 0 {
			if terr := take(b, n); terr != nil {
				return terr // err comes again with the next Read
			}
		}
		if err != nil {
			if errors.Is(err, errNothing{}) {
				return nil
			}
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
