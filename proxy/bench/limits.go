//go:build linux

package main

import (
	"fmt"
	"syscall"
)

// wantFiles is enough descriptors for 10 000 relayed streams, which take two each.
const wantFiles = 65536

// raiseFileLimit lifts this process's descriptor limit, and with it the children's,
// as far as it may. The idle case says what is missing when that is not enough.
func raiseFileLimit() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("file limit: %w", err)
	}
	if l.Cur >= wantFiles {
		return nil
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: wantFiles, Max: max(l.Max, wantFiles)}); err == nil {
		return nil
	}
	l.Cur = l.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("raise file limit to %d: %w", l.Max, err)
	}
	return nil
}

// maxStreams is how many relayed streams the descriptor limit allows a proxy.
func maxStreams() (int, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("file limit: %w", err)
	}
	return int(l.Cur)/2 - 64, nil
}
