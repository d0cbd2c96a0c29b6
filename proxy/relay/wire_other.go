//go:build !linux

package relay

import "net"

// newRawWire has no fast path on this system.
func newRawWire(Config, net.Conn, *peer) (wire, net.Conn) { return nil, nil }

// rawSocket is never taken over on this system.
type rawSocket struct{}

func (*rawSocket) read([]byte) (int, error)  { return 0, errNothing{} }
func (*rawSocket) write([]byte) (int, error) { return 0, net.ErrClosed }
