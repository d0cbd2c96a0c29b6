package relay

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
)

// newRawWire takes a connection over for the engine: a plain TCP connection, or TLS
// over a Socket over one. It returns what the connection is from then on; nil: it cannot be taken.
func newRawWire(c Config, conn net.Conn, p *peer) (wire, net.Conn) {
	switch t := conn.(type) {
	case *Socket:
		return newRawWire(c, t.Conn, p)
	case *tls.Conn:
		if s, ok := t.NetConn().(*Socket); ok {
			if raw := newTCPWire(c, s.Conn, p); raw != nil {
				return newTLSWire(t, s, raw), t
			}
		}
	case *net.TCPConn:
		if w := newTCPWire(c, t, p); w != nil {
			w.outer = w
			return w, w
		}
	}
	return nil, nil
}

// tcpWire is a socket of the engine's as a wire.
type tcpWire struct {
	sock
	slow  patience
	peer  *peer
	outer turner // what reads from it: itself, or the TLS on it
	// flooded says that the last read filled a buffer. Its reader's.
	flooded bool
}

// turner reads once and hands what came to t; more says that there may be more.
type turner interface {
	turn(t taker) (more bool, err error)
}

var (
	_ wire     = (*tcpWire)(nil)
	_ net.Conn = (*tcpWire)(nil)
	_ turner   = (*tcpWire)(nil)
)

func newTCPWire(c Config, conn net.Conn, p *peer) *tcpWire {
	t, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	fd, err := duplicate(t)
	if err != nil {
		return nil
	}
	w := &tcpWire{sock: sock{engine: c.Engine, fd: fd}, peer: p}
	w.slow = patience{conn: w, timeout: c.WriteTimeout, out: &p.out}
	if c.Engine.add(w) != nil {
		_ = syscall.Close(fd)
		return nil
	}
	_ = t.Close() // Go's poller lets go; the socket has another descriptor
	return w
}

// event is called by a poller, with what has come to the socket.
func (w *tcpWire) event(what uint32, by *poller) {
	const gone = syscall.EPOLLERR | syscall.EPOLLHUP
	if what&(syscall.EPOLLOUT|gone) != 0 {
		w.w.come()
	}
	if what&(syscall.EPOLLRDHUP|gone) != 0 {
		w.ended.Store(true)
	}
	if what&(syscall.EPOLLIN|syscall.EPOLLRDHUP|gone) != 0 && w.r.come() {
		w.inline(by)
	}
}

// bout is how often a poller reads from one socket before it turns to the next; a peer that has
// sent more gets a goroutine until it has no more.
const bout = 4

// inline reads on the poller, who has got the reader's part. What is unusual goes on on a goroutine.
func (w *tcpWire) inline(by *poller) {
	p := w.peer
	for n := 0; n < bout && !w.r.limited(); n++ {
		p.by = by
		more, err := w.outer.turn(p)
		p.by = nil
		if err != nil {
			go p.serve(err)
			return
		}
		if !more && w.r.rest() {
			return
		}
	}
	go p.serve(nil)
}

// SetDeadline sets both.
func (w *tcpWire) SetDeadline(t time.Time) error {
	return errors.Join(w.SetReadDeadline(t), w.SetWriteDeadline(t))
}

// SetReadDeadline makes a reader that rests look: it gets a goroutine.
func (w *tcpWire) SetReadDeadline(t time.Time) error {
	if w.r.within(t) {
		go w.peer.serve(nil)
	}
	return nil
}

func (w *tcpWire) drain(t taker) error { return w.drainBy(w, t) }

// politeness is how many reads in a row a goroutine does before it lets others run.
const politeness = 16

// drainBy reads until there is an error or, unless somebody has set a limit, nothing more: then the engine has it.
func (w *tcpWire) drainBy(outer turner, t taker) error {
	for n := 1; ; n++ {
		if w.r.overdue() {
			return os.ErrDeadlineExceeded
		}
		more, err := outer.turn(t)
		switch {
		case err != nil:
			return err
		case more:
			if n%politeness == 0 {
				runtime.Gosched()
			}
		case w.r.limited():
			if err := w.r.park(); err != nil {
				return err
			}
		case w.r.rest():
			return errResting
		}
	}
}

// turn reads once. A short read has emptied the socket, unless its end was reported:
// then only EOF, or the error, says so. What comes later brings an edge of its own.
func (w *tcpWire) turn(t taker) (more bool, err error) {
	var b []byte
	if w.flooded {
		f := borrowFlood()
		defer giveBackFlood(f)
		b = f[:]
	} else {
		s := borrow()
		defer giveBack(s)
		b = s[:]
	}
	n, err := w.get(b[headroom:])
	if n == 0 || err != nil {
		return false, err
	}
	w.flooded = n >= bufferSize-headroom
	return n == len(b)-headroom || w.ended.Load(), t.take(b, n)
}

func (w *tcpWire) write(p []byte) error {
	n, err := w.try(p)
	if err != nil || n == len(p) {
		return err
	}
	return w.slow.write(p[n:])
}

func (w *tcpWire) try(p []byte) (int, error) {
	n, err := w.put(p)
	if err != nil {
		return n, fmt.Errorf("%w: %w", ErrLost, err)
	}
	return n, nil
}

func (w *tcpWire) hurry(d time.Duration) { w.slow.hurry(d) }

func (w *tcpWire) close() error { return w.Close() }
