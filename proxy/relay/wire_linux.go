package relay

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
	"unsafe"
)

// newRawWire picks the fast path: a plain TCP connection, or TLS over a Socket
// over one. nil means that there is none for this connection.
func newRawWire(c Config, conn net.Conn) wire {
	switch t := conn.(type) {
	case *Socket:
		return newRawWire(c, t.Conn)
	case *tls.Conn:
		if s, ok := t.NetConn().(*Socket); ok && s.take(c) {
			return newTLSWire(t, s)
		}
	case *net.TCPConn:
		w := &tcpWire{}
		if w.init(t, c.WriteTimeout) {
			return w
		}
	}
	return nil
}

// tcpWire reads and writes a TCP socket with raw system calls: an ordinary Read
// or Write tells the scheduler of each call, which costs more than the call (performance.md, 2.1).
// Go's sockets do not block, so none of these calls does.
type tcpWire struct {
	conn net.Conn
	raw  syscall.RawConn
	slow patience

	// The reader's. ready is made once: a closure per read would be an allocation.
	ready func(fd uintptr) bool
	take  func(b *buffer, n int) error // of the drain at work
	buf   *buffer                      // borrowed while there is something to read
	end   error                        // why the drain stopped

	// The writer's.
	writable func(fd uintptr) bool
	out      []byte
	werr     syscall.Errno
}

var _ wire = (*tcpWire)(nil)

func (w *tcpWire) init(c *net.TCPConn, timeout time.Duration) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	w.conn, w.raw = c, raw
	w.slow = patience{conn: c, timeout: timeout}
	w.ready, w.writable = w.readNow, w.writeNow
	return true
}

// drain stays in one RawConn.Read, so that between two reads it costs no more than
// the poller's wait. The Tap is called inside of it: nobody may Close the socket
// meanwhile, for Close waits for the reader (Run closes it behind its pumps).
func (w *tcpWire) drain(take func(b *buffer, n int) error) error {
	w.take, w.end = take, nil
	err := w.raw.Read(w.ready)
	w.release()
	if err != nil {
		return err
	}
	return w.end
}

// readNow is called by the poller when the socket may be readable, and is true
// when the drain is over. Only EAGAIN says that the socket is empty: a short read may hide a FIN.
func (w *tcpWire) readNow(fd uintptr) bool {
	if w.buf == nil {
		w.buf = borrow()
	}
	for {
		n, _, e := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&w.buf[headroom])), bufferSize-headroom)
		switch {
		case e == 0 && n > 0:
			if w.end = w.take(w.buf, int(n)); w.end != nil {
				return true
			}
		case e == 0:
			w.end = io.EOF
			return true
		case e == syscall.EAGAIN:
			w.release()
			return false
		case e != syscall.EINTR:
			w.end = fmt.Errorf("read: %w", e)
			return true
		}
	}
}

func (w *tcpWire) release() {
	if w.buf != nil {
		giveBack(w.buf)
		w.buf = nil
	}
}

func (w *tcpWire) write(p []byte) error {
	n, err := w.try(p)
	if err != nil || n == len(p) {
		return err
	}
	return w.slow.write(p[n:])
}

func (w *tcpWire) try(p []byte) (int, error) {
	w.out, w.werr = p, 0
	// An error here says that the socket is closed or that an old write deadline has
	// passed; nothing was written then, and the ordinary Write that follows finds out.
	_ = w.raw.Write(w.writable)
	n := len(p) - len(w.out)
	w.out = nil
	if w.werr != 0 {
		return n, fmt.Errorf("%w: write: %w", ErrLost, w.werr)
	}
	return n, nil
}

// writeNow writes what the socket takes and never asks the poller to wait.
func (w *tcpWire) writeNow(fd uintptr) bool {
	for len(w.out) > 0 {
		n, _, e := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&w.out[0])), uintptr(len(w.out)))
		switch e {
		case 0:
			w.out = w.out[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			return true
		default:
			w.werr = e
			return true
		}
	}
	return true
}

func (w *tcpWire) hurry(d time.Duration) { w.slow.hurry(d) }

func (w *tcpWire) close() error { return w.conn.Close() }
