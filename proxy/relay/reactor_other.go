//go:build !linux

package relay

// reactor is nothing on this system.
type reactor struct{}

func (*reactor) shut() {}
