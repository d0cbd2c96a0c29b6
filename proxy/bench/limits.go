//go:build linux

package main

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// raisePriority lifts this thread, and so the processes it starts, above what else the
// machine does, if it may: a build in another window shows less in the figures then.
// All of them are lifted alike. It reports whether it could.
func raisePriority() bool { return unix.Setpriority(unix.PRIO_PROCESS, 0, -10) == nil }

// wantFiles is enough descriptors for 10 000 relayed streams, which take two each.
const wantFiles = 20_256

// raiseFileLimit lifts this process's descriptor limit, and with it the children's,
// as far as it may.
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

// maxStreams is how many relayed streams the descriptor limit allows a proxy, in
// whole hundreds: where nobody may lift a hard limit of 20 000, the case of 10 000 streams has 9 900.
func maxStreams() (int, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("file limit: %w", err)
	}
	return (int(l.Cur) - 100) / 2 / 100 * 100, nil
}
