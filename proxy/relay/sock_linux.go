package relay

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// sock is a TCP socket that belongs to an Engine and not to Go's poller, which would wake
// up for each of its packets too. It does not block, so a raw system call may read and
// write it: an ordinary Read or Write tells the scheduler of each call, which costs more than
// the call (performance.md, 2.1). What has to wait parks on its readiness.
//
// One goroutine reads and one writes at a time. Close is for whoever is both.
type sock struct {
	engine *Engine
	fd     int
	slot   int32 // where the engine finds it; see slots
	issue  int32
	r, w   readiness
	ended  atomic.Bool // a FIN or an error has been reported: a short read may hide it
	closed atomic.Bool
}

// duplicate makes another descriptor of a connection's socket, which Go does not know of.
func duplicate(c *net.TCPConn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var e syscall.Errno
	err = raw.Control(func(old uintptr) {
		var n uintptr
		n, _, e = syscall.RawSyscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 3)
		fd = int(n)
	})
	if err != nil {
		return 0, err
	}
	if e != 0 {
		return 0, fmt.Errorf("duplicate the socket: %w", e)
	}
	return fd, nil
}

// get reads what is there. Nothing, without an error, is nothing yet.
func (s *sock) get(p []byte) (int, error) {
	for {
		n, _, e := syscall.RawSyscall(syscall.SYS_READ, uintptr(s.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch {
		case e == 0 && n > 0:
			return int(n), nil
		case e == 0:
			return 0, io.EOF
		case e == syscall.EAGAIN:
			return 0, nil
		case e != syscall.EINTR:
			return 0, fmt.Errorf("read: %w", e)
		}
	}
}

// put writes what the socket takes.
func (s *sock) put(p []byte) (n int, err error) {
	for n < len(p) {
		k, _, e := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(s.fd), uintptr(unsafe.Pointer(&p[n])), uintptr(len(p)-n))
		switch e {
		case 0:
			n += int(k)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return n, nil
		default:
			return n, fmt.Errorf("write: %w", e)
		}
	}
	return n, nil
}

// Read waits for bytes. A relayed stream reads with get and parks by itself.
func (s *sock) Read(p []byte) (int, error) {
	for {
		if n, err := s.get(p); n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		if err := s.r.park(); err != nil {
			return 0, err
		}
	}
}

// Write writes all of p, unless the write deadline comes first.
func (s *sock) Write(p []byte) (n int, err error) {
	for {
		k, err := s.put(p[n:])
		if n += k; err != nil || n == len(p) {
			return n, err
		}
		if err := s.w.park(); err != nil {
			return n, err
		}
	}
}

// SetWriteDeadline wakes up a Write that waits.
func (s *sock) SetWriteDeadline(t time.Time) error {
	s.w.within(t) // nobody ever rests on it
	return nil
}

// SetLinger is net.TCPConn's.
func (s *sock) SetLinger(sec int) error {
	l := syscall.Linger{Linger: int32(max(sec, 0))} //nolint:gosec // seconds
	if sec >= 0 {
		l.Onoff = 1
	}
	return os.NewSyscallError("setsockopt", syscall.SetsockoptLinger(s.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &l))
}

// Close forgets the socket first: its number may be another's the moment it is closed.
func (s *sock) Close() error {
	if s.closed.Swap(true) {
		return net.ErrClosed
	}
	s.engine.forget(s)
	return os.NewSyscallError("close", syscall.Close(s.fd))
}

// LocalAddr is this end's.
func (s *sock) LocalAddr() net.Addr { return addr(syscall.Getsockname(s.fd)) }

// RemoteAddr is the peer's.
func (s *sock) RemoteAddr() net.Addr { return addr(syscall.Getpeername(s.fd)) }

func addr(sa syscall.Sockaddr, err error) net.Addr {
	switch a := sa.(type) {
	case *syscall.SockaddrInet4:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *syscall.SockaddrInet6:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	}
	_ = err // an address that cannot be told is empty, as a closed connection's may be
	return &net.TCPAddr{}
}
