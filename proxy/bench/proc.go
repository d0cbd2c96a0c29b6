//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what a group of processes has burnt and holds.
type usage struct {
	cpu  time.Duration // user + system, from the kernel's CPU clock of each process
	user int64         // of that, clock ticks in user mode (10 ms each, so only a hint)
	sys  int64         // and in system mode
	rss  int64         // bytes resident
}

// usageOf adds up the processes. The CPU clock of a process is the same account that
// /proc/PID/stat shows, threads that are gone included, in nanoseconds instead of 10 ms ticks.
func usageOf(pids []int) (usage, error) {
	var u usage
	for _, pid := range pids {
		var ts unix.Timespec
		if err := unix.ClockGettime(cpuClock(pid), &ts); err != nil {
			return u, fmt.Errorf("cpu clock of process %d: %w", pid, err)
		}
		u.cpu += time.Duration(ts.Nano())
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return u, err
		}
		s, err := parseStat(b)
		if err != nil {
			return u, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		u.user += s.user
		u.sys += s.sys
		u.rss += s.rssPages * int64(os.Getpagesize())
	}
	return u, nil
}

// cpuClock is the id of a process's CPU clock, as clock_getcpuclockid(3) makes it:
// the complement of the pid, and 2 for the scheduler's exact account.
func cpuClock(pid int) int32 { return int32(^pid<<3 | 2) }

// tree is a process and everything below it.
func tree(root int) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it ended meanwhile
		}
		if s, err := parseStat(b); err == nil {
			children[s.parent] = append(children[s.parent], s.pid)
		}
	}
	pids := []int{root}
	for i := 0; i < len(pids); i++ {
		pids = append(pids, children[pids[i]]...)
	}
	return pids, nil
}

// stat is what is used of /proc/PID/stat (proc_pid_stat(5)).
type stat struct {
	pid, parent int
	user, sys   int64 // clock ticks
	rssPages    int64
}

var errStat = errors.New("not in the form of proc_pid_stat(5)")

// parseStat reads the fields behind the command name, which is in parentheses and may
// itself hold spaces and parentheses: the last one closes it.
func parseStat(b []byte) (stat, error) {
	var s stat
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return s, errStat
	}
	f := bytes.Fields(b[end+1:])
	if len(f) < 22 {
		return s, errStat
	}
	num := func(p []byte) int64 {
		n, err := strconv.ParseInt(string(bytes.TrimSpace(p)), 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	s.pid, s.parent = int(num(b[:open])), int(num(f[1]))
	s.user, s.sys, s.rssPages = num(f[11]), num(f[12]), num(f[21])
	if s.pid < 0 || s.parent < 0 || s.user < 0 || s.sys < 0 || s.rssPages < 0 {
		return s, errStat
	}
	return s, nil
}
