//go:build linux

package main

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// Other work on the machine changes what is measured, in both directions: a busy
// machine batches frames, and a proxy that never sleeps is never woken. So a turn begins
// when the machine is quiet, and is taken again when it was not quiet for long; both
// within bounds, and the share of others is part of each sample.
const (
	quietCores  = 0.15 // of others' work that is let pass
	quietProbe  = 300 * time.Millisecond
	quietWait   = 20 * time.Second // for a quiet moment, per attempt
	quietRepeat = 2                // further attempts at a turn that was disturbed
	quietTotal  = 5 * time.Minute  // for waiting and for further attempts, in the whole run
)

// busy is the CPU time that all of the machine has burnt since its start, steal included.
func busy() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseBusy(b)
}

// parseBusy reads the first line of /proc/stat (proc_stat(5)): user, nice, system, idle,
// iowait, irq, softirq, steal, in hundredths of a second. Guests' time is in user's already.
func parseBusy(b []byte) (time.Duration, error) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	f := bytes.Fields(line)
	if len(f) < 9 || string(f[0]) != "cpu" {
		return 0, errStat
	}
	var ticks int64
	for i, field := range f[1:9] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, errStat
		}
		if i != 3 && i != 4 {
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// awaitQuiet returns when nobody else keeps the machine busy, or when it has waited long enough.
func (l *lab) awaitQuiet() error {
	if l.o.quick {
		return nil
	}
	began := time.Now()
	defer func() { l.patience -= time.Since(began) - quietProbe }()
	for end := began.Add(min(quietWait, l.patience)); ; {
		before, err := busy()
		if err != nil {
			return err
		}
		if err := l.wait(quietProbe); err != nil {
			return err
		}
		after, err := busy()
		if err != nil {
			return err
		}
		if float64(after-before) <= quietCores*float64(quietProbe) || time.Now().After(end) {
			return nil
		}
	}
}

// clock measures how much of a window belonged to others.
type clock struct {
	at         time.Time
	busy, ours time.Duration
}

// look reads the accounts of the machine and of the turn's own processes.
func (t turn) look() (clock, error) {
	all, err := busy()
	if err != nil {
		return clock{}, err
	}
	pids := append([]int{os.Getpid(), t.vendor.cmd.Process.Pid, t.load.cmd.Process.Pid}, t.proxy.pids...)
	u, err := usageOf(pids)
	return clock{at: time.Now(), busy: all, ours: u.cpu}, err
}

// foreign is how many cores others kept busy between two looks.
func foreign(a, b clock) float64 {
	return max(0, float64((b.busy-a.busy)-(b.ours-a.ours))/float64(b.at.Sub(a.at)))
}
