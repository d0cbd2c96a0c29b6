package relay

import (
	"os"
	"sync/atomic"
	"time"
)

// What a readiness is doing. The zero value is owned, by whoever made it.
const (
	owned   uint32 = iota // somebody acts on the socket
	again                 // and something has come since it began to
	parked                // its owner waits on a goroutine
	resting               // nobody does: who brings the next edge owns it
)

// readiness is one direction of a socket in an edge-triggered set: each edge is
// told once, to whoever polls, so it must reach the one who acts on the socket, and there
// must be one.
//
//	        edge: again                 edge, or a new limit: woken
//	┌──── owned ◄────────────── parked ◄────┐
//	│       │  ▲                            │
//	│  rest │  │ edge: the poller owns it   │ park
//	│       ▼  │                            │
//	│     resting                           │
//	└───────────────────────────────────────┘
//
// A limit is a moment after which its owner waits no longer; a new one counts as an
// edge, so that its owner looks.
type readiness struct {
	state atomic.Uint32
	limit atomic.Int64 // ns since the clock's start, 0: none
	wake  chan struct{}
	clock *clock
}

// clock counts from its start, in a time that nobody sets.
type clock struct{ start time.Time }

func (c *clock) now() int64 { return int64(time.Since(c.start)) }

// come brings an edge. It is true when the caller owns the readiness from here on.
func (r *readiness) come() (mine bool) {
	for {
		switch r.state.Load() {
		case resting:
			if r.state.CompareAndSwap(resting, owned) {
				return true
			}
		case parked:
			if r.state.CompareAndSwap(parked, owned) {
				r.wake <- struct{}{} // has room: one per park
				return false
			}
		case owned:
			if r.state.CompareAndSwap(owned, again) {
				return false
			}
		default:
			return false
		}
	}
}

// rest is called by the owner, after it has found nothing to do. False: something
// has come since.
func (r *readiness) rest() bool {
	if r.state.CompareAndSwap(owned, resting) {
		return true
	}
	r.state.Store(owned)
	return false
}

// park is rest on the owner's goroutine: it returns when something may have come. The error is
// os.ErrDeadlineExceeded behind the limit.
func (r *readiness) park() error {
	if r.overdue() {
		return os.ErrDeadlineExceeded
	}
	if r.wake == nil {
		r.wake = make(chan struct{}, 1)
	}
	limit := r.limit.Load()
	if !r.state.CompareAndSwap(owned, parked) {
		r.state.Store(owned)
		return nil
	}
	if limit == 0 {
		<-r.wake
		return nil
	}
	t := time.NewTimer(time.Duration(limit - r.clock.now()))
	defer t.Stop()
	select {
	case <-r.wake:
		return nil
	case <-t.C:
	}
	if !r.state.CompareAndSwap(parked, owned) {
		<-r.wake // on its way
		return nil
	}
	if r.overdue() { // or the limit has been taken away
		return os.ErrDeadlineExceeded
	}
	return nil
}

// within sets the limit; the zero time takes it away. True as of come.
func (r *readiness) within(t time.Time) (mine bool) {
	if t.IsZero() {
		r.limit.Store(0)
		return false // a park that has the old one looks again at its end
	}
	r.limit.Store(max(1, int64(t.Sub(r.clock.start))))
	return r.come()
}

func (r *readiness) limited() bool { return r.limit.Load() != 0 }

func (r *readiness) overdue() bool {
	limit := r.limit.Load()
	return limit != 0 && limit <= r.clock.now()
}
