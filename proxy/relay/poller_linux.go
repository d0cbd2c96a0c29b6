package relay

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// A poller's measures. Several only serve when one cannot keep up: each wait that is shared by
// more sockets is cheaper.
const (
	most   = 64  // events per wait
	crowd  = 32  // events that came together: more work than one does at once...
	rush   = 4   // ...when it happens so often in a row: another poller
	few    = 8   // events that came together: little...
	calm   = 64  // ...so often in a row: one poller less
	linger = 100 // ms that a second poller waits for something to do
)

// poller is a goroutine that waits for events and handles them, one after the other.
//
// While it is in an event, turn is odd, and another may be put in its place (reactor.replace) because the
// handling waits for something. Then it ends what it is in, as a goroutine like any other, and goes.
type poller struct {
	e      *reactor
	turn   atomic.Uint64
	seen   uint64 // reactor.late's
	events [most]syscall.EpollEvent
	n      int   // events of the last wait
	next   int   // the next to handle
	yield  int64 // the clock's time of the last yield
	full   int   // waits in a row that brought a crowd
	slack  int   // waits in a row that brought few
}

// replaced is a turn that another has: even, and never reached by counting.
const replaced = 1<<64 - 2

func (p *poller) run() {
	for p.work() && p.wait() {
	}
}

// handOver lets another poller go on. It is called from inside an event that is about to wait.
func (p *poller) handOver() { p.e.replace(p, p.turn.Load()) }

// work handles what the last wait has brought; false when another poller is in its place.
func (p *poller) work() bool {
	for p.next < p.n {
		ev := p.events[p.next]
		p.next++
		if ev.Fd == noSlot {
			return false // the engine closes
		}
		turn := p.turn.Add(1)
		if w := p.e.slots.find(ev.Fd, ev.Pad); w != nil {
			w.event(ev.Events, p)
		}
		if !p.turn.CompareAndSwap(turn, turn+1) {
			return false
		}
	}
	return true
}

// wait waits for events; false when it is not needed any more.
func (p *poller) wait() bool {
	p.next, p.n = 0, 0
	for {
		alone := p.e.crew.Load() == 1
		timeout := linger
		if alone {
			timeout = -1
		}
		// Not RawSyscall: this one does block, and the scheduler must know.
		n, err := syscall.EpollWait(p.e.epfd, p.events[:], timeout)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			panic("relay: epoll_wait: " + err.Error()) // the set is ours until the last poller has gone
		case n == 0 && p.e.dismiss(p):
			return false
		}
		p.n = n
		p.breathe()
		return p.scale(n, alone)
	}
}

// breather is how long a poller goes on without the scheduler: less than the 10 ms after
// which the runtime's monitor takes a goroutine for one that hogs its processor.
const breather = int64(5 * time.Millisecond)

// breathe lets the scheduler see this goroutine. One that only ever returns from system calls
// looks to the monitor as if it never stopped: it would be signalled, its processor given away and taken back, and
// the monitor kept from sleeping, which together was a third of the CPU of sparse streams.
func (p *poller) breathe() {
	if now := p.e.clock.now(); now-p.yield > breather {
		p.yield = now
		runtime.Gosched()
	}
}

// scale fits the number of pollers to what there is to do; false when this one is too many.
func (p *poller) scale(n int, alone bool) bool {
	p.full, p.slack = streak(p.full, n >= crowd), streak(p.slack, n <= few)
	if p.full == rush {
		p.full = 0
		p.e.reinforce(runtime.GOMAXPROCS(0))
	}
	if !alone && p.slack >= calm {
		p.slack = 0
		if p.work() { // what it has in hand first
			return !p.e.dismiss(p)
		}
		return false
	}
	return true
}

func streak(n int, on bool) int {
	if on {
		return n + 1
	}
	return 0
}
