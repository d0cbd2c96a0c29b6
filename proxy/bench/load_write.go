//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// paced sends every stream's frames at real time until stopped. Each stream has its own
// phase, drawn once with a fixed seed: real streams do not speak in step, and
// every proxy meets the same pattern.
func (l *load) paced() error {
	runtime.LockOSThread()
	// The default slack of 50 µs would gather frames into bursts.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0); err != nil {
		return fmt.Errorf("timer slack: %w", err)
	}
	reader, err := l.startReader()
	if err != nil {
		return err
	}
	phases := drawPhases(len(l.streams), l.plan.interval)
	frame := audio(l.plan.size)
	start := monotonic() + 10*time.Millisecond
	for turn := time.Duration(0); !l.stop.Load(); turn += l.plan.interval {
		for i, s := range l.streams {
			sleepUntil(start + turn + phases[i])
			if l.stop.Load() {
				break
			}
			l.send(s, frame)
		}
	}
	return reader.wait()
}

func drawPhases(n int, interval time.Duration) []time.Duration {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a pattern, not a secret
	p := make([]time.Duration, n)
	for i := range p {
		p[i] = time.Duration(r.Int64N(int64(interval)))
	}
	slices.Sort(p)
	return p
}

// send writes one frame. A socket that is full costs the stream this frame: real
// audio does not wait either, and the miss is reported.
func (l *load) send(s *stream, frame []byte) {
	if len(s.rest) > 0 {
		n := rawWrite(s.fd, s.rest)
		s.rest = s.rest[n:]
		if len(s.rest) > 0 {
			l.missed.Add(1)
			return
		}
	}
	if s.out != nil {
		frame = s.out
		putStamp(frame, l.plan.size, monotonic())
	}
	switch n := rawWrite(s.fd, frame); {
	case n == len(frame):
		l.sent.Add(1)
	case n > 0:
		l.sent.Add(1)
		s.rest = append([]byte(nil), frame[n:]...)
	default:
		l.missed.Add(1)
	}
}

// once sends one frame on every stream, so that none is untouched, and goes on
// reading (and answering pings) until stopped.
func (l *load) once() error {
	reader, err := l.startReader()
	if err != nil {
		return err
	}
	frame := audio(l.plan.size)
	for _, s := range l.streams {
		l.send(s, frame)
	}
	go func() { l.done <- reader.wait() }()
	return nil
}

// flat sends as fast as the sockets take it, several frames per write.
func (l *load) flat() error {
	runtime.LockOSThread()
	reader, err := l.startReader()
	if err != nil {
		return err
	}
	var batch []byte
	for range l.plan.batch {
		batch = append(batch, audio(l.plan.size)...)
	}
	set, err := watch(l.streams, unix.EPOLLOUT)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(set) }()
	events := make([]unix.EpollEvent, len(l.streams))
	for !l.stop.Load() {
		for _, e := range events[:rawWait(set, events, 100)] {
			s := l.streams[e.Fd]
			if len(s.rest) == 0 {
				s.rest = batch
			}
			n := rawWrite(s.fd, s.rest)
			s.rest = s.rest[n:]
			if len(s.rest) == 0 {
				l.sent.Add(int64(l.plan.batch))
			}
		}
	}
	return reader.wait()
}

// rawWrite takes no part in Go's scheduling of system calls: on a non-blocking
// socket it returns at once. An error counts as nothing written; the reader sees what it was.
func rawWrite(fd int, p []byte) int {
	n, _, e := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	if e != 0 {
		return 0
	}
	return int(n)
}

// monotonic is the kernel's clock that sleepUntil sleeps on.
func monotonic() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail on this clock
	return time.Duration(ts.Nano())
}

// sleepUntil blocks the thread, not the goroutine: the Go timer would wake two more threads.
func sleepUntil(at time.Duration) {
	ts := unix.NsecToTimespec(int64(at))
	for {
		_, _, e := unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME,
			uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
		if e != unix.EINTR {
			return
		}
	}
}
