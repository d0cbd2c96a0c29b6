package relay

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// reactor is the Linux side of an Engine.
//
//	  socket ──► epoll set ──► poller ──► tcpWire.event ─┬─► the reader: its turn, inline
//	(edge-triggered)          (1 .. P)                   └─► the writer, if it is parked
//
// Its epoll set is not Go's: a goroutine of our own waits in the system call. So a frame
// wakes nobody else, costs one read and one write, and shares its wait with all
// that came at the same time.
type reactor struct {
	epfd  int
	slots slots
	clock clock

	mu      sync.Mutex
	open    bool // epfd and bell are
	shutAll bool
	bell    int // an eventfd that ends the pollers
	pollers map[*poller]struct{}
	crew    atomic.Int32 // how many there are
	live    int          // sockets
	stop    chan struct{}
	watch   *time.Ticker
	running sync.WaitGroup
}

// stuck is how long a poller may be in one event before another takes its place: a Tap
// that waits without a word (see Stream.Waiting) holds up the others no longer than twice this.
const stuck = 100 * time.Millisecond

var errShut = errors.New("the engine is closed")

// noSlot is the bell's.
const noSlot = -1

// add puts a socket into the set. Its readiness is owned.
func (e *reactor) add(w *tcpWire) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.begin(); err != nil {
		return err
	}
	w.r.clock, w.w.clock = &e.clock, &e.clock
	e.slots.put(w)
	// The writable edge comes for nothing: the kernel reports it only after a full socket.
	ev := syscall.EpollEvent{Events: edge | syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP, Fd: w.slot, Pad: w.issue}
	if err := syscall.EpollCtl(e.epfd, syscall.EPOLL_CTL_ADD, w.fd, &ev); err != nil {
		e.slots.drop(&w.sock)
		return fmt.Errorf("watch the socket: %w", err)
	}
	if e.live++; e.live == 1 {
		e.watch.Reset(stuck)
	}
	return nil
}

// edge is EPOLLET, which package syscall has as a negative number.
const edge = 1 << 31

// forget takes a socket out; its close does the same in the kernel.
func (e *reactor) forget(s *sock) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slots.drop(s)
	if e.live--; e.live == 0 {
		e.watch.Stop() // an idle process sleeps
	}
}

// begin opens the set and starts the first poller. e.mu is held.
func (e *reactor) begin() error {
	if e.shutAll {
		return errShut
	}
	if e.open {
		return nil
	}
	epfd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make an epoll set: %w", err)
	}
	bell, _, no := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if no != 0 {
		_ = syscall.Close(epfd)
		return fmt.Errorf("make an eventfd: %w", no)
	}
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: noSlot}
	if err := syscall.EpollCtl(epfd, syscall.EPOLL_CTL_ADD, int(bell), &ev); err != nil {
		_ = syscall.Close(epfd)
		_ = syscall.Close(int(bell))
		return fmt.Errorf("watch the eventfd: %w", err)
	}
	e.epfd, e.bell, e.open = epfd, int(bell), true
	e.clock.start = time.Now()
	e.pollers = make(map[*poller]struct{})
	e.stop = make(chan struct{})
	e.watch = time.NewTicker(stuck)
	e.watch.Stop()
	e.running.Go(e.look)
	e.enlist(&poller{e: e})
	return nil
}

// enlist starts a poller. e.mu is held.
func (e *reactor) enlist(p *poller) {
	e.pollers[p] = struct{}{}
	e.crew.Store(int32(len(e.pollers))) //nolint:gosec // few
	e.running.Go(p.run)
}

// dismiss lets a poller go, unless it is the last one.
func (e *reactor) dismiss(p *poller) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.pollers) == 1 {
		return false
	}
	e.strike(p)
	return true
}

func (e *reactor) strike(p *poller) {
	delete(e.pollers, p)
	e.crew.Store(int32(len(e.pollers))) //nolint:gosec // few
}

// reinforce starts another poller when there may be one.
func (e *reactor) reinforce(most int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.pollers) < most {
		e.enlist(&poller{e: e})
	}
}

// replace starts a poller in the place of one that is in an event and may stay there; it handles what
// that one has not begun.
func (e *reactor) replace(p *poller, turn uint64) {
	if turn&1 == 0 || !p.turn.CompareAndSwap(turn, replaced) {
		return // somebody was faster
	}
	heir := &poller{e: e}
	heir.n = copy(heir.events[:], p.events[p.next:p.n])
	e.mu.Lock()
	defer e.mu.Unlock()
	e.strike(p)
	e.enlist(heir)
}

// look finds pollers that are stuck, while there are sockets.
func (e *reactor) look() {
	for {
		select {
		case <-e.stop:
			return
		case <-e.watch.C:
			for p, turn := range e.late() {
				e.replace(p, turn)
			}
		}
	}
}

// late are the pollers that are in the same event as the last time, with its number.
func (e *reactor) late() map[*poller]uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found map[*poller]uint64
	for p := range e.pollers {
		turn := p.turn.Load()
		if turn&1 == 1 && turn == p.seen {
			if found == nil {
				found = make(map[*poller]uint64)
			}
			found[p] = turn
		}
		p.seen = turn
	}
	return found
}

func (e *reactor) shut() {
	e.mu.Lock()
	open := e.open && !e.shutAll
	e.shutAll = true
	e.mu.Unlock()
	if !open {
		return
	}
	close(e.stop)
	_, _ = syscall.Write(e.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // an eventfd that nobody else writes takes it
	e.running.Wait()
	e.watch.Stop()
	_ = syscall.Close(e.epfd)
	_ = syscall.Close(e.bell)
}
