//go:build !linux

package relay

import "net"

// newRawWire has no fast path on this system.
func newRawWire(Config, net.Conn) wire { return nil }

// rawSocket is never taken over on this system.
type rawSocket struct{}

func (*rawSocket) read([]byte) (int, error)  { return 0, errNothing{} }
func (*rawSocket) write([]byte) (int, error) { return 0, net.ErrClosed }
