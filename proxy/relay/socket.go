package relay

import (
	"net"
	"sync/atomic"
)

// Socket goes between a TCP connection and crypto/tls, so that a relayed TLS
// stream can wait for bytes without holding a buffer. It is an ordinary
// connection until a stream takes it over; a [Stream] finds it by itself:
//
//	tcp, err := dialer.DialContext(ctx, "tcp", addr)
//	conn := tls.Client(relay.Wrap(tcp), config)
//	err = conn.HandshakeContext(ctx)
//
// The tls.Config should set DynamicRecordSizingDisabled: otherwise a batch of
// frames leaves in several records, each with a system call of its own.
type Socket struct {
	net.Conn
	taken atomic.Bool // a stream has taken it over: Read never blocks
	raw   rawSocket
}

// Wrap makes a Socket of a connection. Where the fast path does not exist
// (another system, not TCP) it stays an ordinary connection.
func Wrap(c net.Conn) *Socket { return &Socket{Conn: c} }

// Read reads; after a stream has taken the socket over it returns a temporary
// net.Error instead of waiting.
func (s *Socket) Read(p []byte) (int, error) {
	if s.taken.Load() {
		return s.raw.read(p)
	}
	return s.Conn.Read(p)
}

// Write writes all of p.
func (s *Socket) Write(p []byte) (int, error) {
	if s.taken.Load() {
		return s.raw.write(p)
	}
	return s.Conn.Write(p)
}

// NetConn is the connection below.
func (s *Socket) NetConn() net.Conn { return s.Conn }

// errNothing is what a read returns that would have to wait. It is temporary, so
// that tls.Conn passes it up without remembering it.
type errNothing struct{}

var _ net.Error = errNothing{}

func (errNothing) Error() string   { return "nothing to read" }
func (errNothing) Timeout() bool   { return true }
func (errNothing) Temporary() bool { return true }
