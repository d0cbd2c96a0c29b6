//go:build linux

package main

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reader takes what comes back on all streams, on one thread.
type reader struct {
	l    *load
	set  int // epoll
	done chan struct{}
}

func (l *load) startReader() (*reader, error) {
	set, err := watch(l.streams, unix.EPOLLIN)
	if err != nil {
		return nil, err
	}
	r := &reader{l: l, set: set, done: make(chan struct{})}
	go r.run()
	return r, nil
}

// wait returns when the reader has seen that the load is to stop.
func (r *reader) wait() error {
	<-r.done
	return unix.Close(r.set)
}

func (r *reader) run() {
	defer close(r.done)
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, 256)
	buf := make([]byte, 64<<10)
	for !r.l.stop.Load() {
		for _, e := range events[:rawWait(r.set, events, 100)] {
			r.read(r.l.streams[e.Fd], buf)
		}
	}
}

func (r *reader) read(s *stream, buf []byte) {
	n, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(s.fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	if e == unix.EAGAIN {
		return
	}
	if e != 0 || n == 0 {
		r.drop(s)
		return
	}
	err := s.scan.feed(buf[:n], func(f frame) error {
		switch f.op {
		case opPing:
			// Only idle streams are pinged, and those have no frame half sent.
			rawWrite(s.fd, appendMasked(nil, opPong, [4]byte{1, 2, 3, 4}, f.first))
		case opText:
			r.l.answers.Add(1)
			if at, ok := stampOf(f.first); ok && r.l.plan.stamped {
				r.l.rounds.add(monotonic() - at)
			}
		}
		return nil
	})
	if err != nil {
		r.drop(s)
	}
}

// drop stops watching a stream that ended before its time.
func (r *reader) drop(s *stream) {
	r.l.closed.Add(1)
	_ = unix.EpollCtl(r.set, unix.EPOLL_CTL_DEL, s.fd, nil)
}

// watch makes an epoll set; an event's Fd is the number of the stream.
func watch(streams []*stream, events uint32) (int, error) {
	set, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("epoll: %w", err)
	}
	for i, s := range streams {
		if err := unix.EpollCtl(set, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Events: events, Fd: int32(i)}); err != nil {
			_ = unix.Close(set)
			return -1, fmt.Errorf("epoll: %w", err)
		}
	}
	return set, nil
}

// rawWait is epoll_wait outside Go's scheduling, bounded so that a stop is seen.
func rawWait(set int, events []unix.EpollEvent, ms int) int {
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(set), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(ms), 0, 0)
	if e != 0 {
		return 0
	}
	return int(n)
}

// recorder keeps round trips. It is safe for concurrent use.
type recorder struct {
	mu     sync.Mutex
	values []time.Duration
}

func (r *recorder) add(d time.Duration) {
	r.mu.Lock()
	r.values = append(r.values, d)
	r.mu.Unlock()
}

// take returns the percentiles of what was recorded since the last take.
func (r *recorder) take() (p50, p99 time.Duration) {
	r.mu.Lock()
	v := slices.Clone(r.values)
	r.values = r.values[:0]
	r.mu.Unlock()
	slices.Sort(v)
	return percentile(v, 50), percentile(v, 99)
}
