package ledger

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// slotsAge is how long what a gateway holds counts after its last heartbeat.
	slotsAge = 30 * time.Second
	// slotsTick is how often the loop looks whether there is something to do.
	slotsTick = time.Second
	// slotsRefresh is how often a count that does not change is told again: its key has an end, and a
	// server that was failed over may have lost it.
	slotsRefresh = time.Hour
	// slotsCalls is how many counts are told at once. Takes do not wait in this line.
	slotsCalls = 16
)

// lines are the places that this gateway's streams take, each owner with a line of its own in which one
// call at a time goes to the server:
//
//	Take ──► ask ──┐                    ┌── held, asked for: as many as the limit leaves
//	Take ──► ask ──┼─► line ─► tell ────┤
//	Release ───────┘     ▲              └── held: no matter what
//	loop: heartbeat, ────┘
//	what failed, what is old
//
// A count that the server does not know is told until it does. It is safe for concurrent use; its
// goroutines are one for the loop, from the first Take on, and one for each line that has something to tell.
type lines struct {
	slotScripts
	r      *Redis
	number atomic.Int64 // of the newest call

	mu        sync.Mutex
	all       map[string]*line
	beaten    time.Time // the last heartbeat that was answered
	forgotten int       // how often the server had forgotten that this gateway lives
	begun     bool
	closed    bool
	quit      chan struct{}
	telling   chan struct{} // slotsCalls
	running   sync.WaitGroup
}

// line is what one owner's places are to this gateway.
type line struct {
	owner  string
	held   int       // by its streams
	told   int       // what the server says it holds; unsure where that is not known
	failed time.Time // of the newest call that nothing was heard of; it may still be on its way
	fresh  time.Time // of the newest that was
	asks   []*ask    // for one place more each
	loud   bool      // the owner has a limit, or may have: the server is told
	busy   bool      // somebody tells
}

const unsure = -1

// ask is a Take that waits for its answer.
type ask struct {
	limit    int
	done     chan struct{} // closed with the answer
	answered bool
	taken    bool
	dark     error // why the server does not know of it, where it was taken all the same
}

func (a *ask) answer(taken bool, dark error) {
	a.answered, a.taken, a.dark = true, taken, dark
	close(a.done)
}

func newLines(r *Redis) *lines {
	return &lines{
		slotScripts: newSlotScripts(), r: r, all: map[string]*line{},
		quit: make(chan struct{}), telling: make(chan struct{}, slotsCalls),
	}
}

func (ls *lines) own(owner string) int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l := ls.all[owner]; l != nil {
		return l.held
	}
	return 0
}

// roomHere refuses what this gateway alone has filled, which costs no call.
func (ls *lines) roomHere(slots []Slot) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, s := range slots {
		if l := ls.all[s.Owner]; l != nil && l.full(s.Limit) {
			ls.speak(l) // the limit may be a new one
			return FullError{s}
		}
	}
	return nil
}

func (l *line) full(limit int) bool { return limit > 0 && l.held+len(l.asks) >= limit }

// take takes a place, with the server's word until wait ends and then without it. ctx is that of whoever
// asks: if it ends, nothing is taken.
func (ls *lines) take(ctx, wait context.Context, s Slot) (dark, err error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return nil, during("take a place", ErrClosed)
	}
	l := ls.all[s.Owner]
	if l == nil {
		l = &line{owner: s.Owner}
		ls.all[s.Owner] = l
	}
	if l.full(s.Limit) {
		return nil, FullError{s}
	}
	if s.Limit == 0 || s.Limit == Uncapped { // nobody is refused, so nobody waits
		l.held++
		if s.Limit > 0 {
			ls.speak(l)
		}
		return nil, nil
	}
	a := &ask{limit: s.Limit, done: make(chan struct{})}
	l.asks = append(l.asks, a)
	ls.speak(l)
	ls.mu.Unlock()
	select {
	case <-a.done:
	case <-wait.Done():
	}
	ls.mu.Lock()
	if !a.answered {
		l.drop(a)
		l.held++
		a.answer(true, wait.Err())
		ls.kick(l)
	}
	switch {
	case !a.taken:
		return nil, FullError{s}
	case ctx.Err() != nil:
		l.held--
		ls.kick(l)
		return nil, during("take a place", ctx.Err())
	}
	return a.dark, nil
}

func (l *line) drop(a *ask) {
	for i, other := range l.asks {
		if other == a {
			l.asks = append(l.asks[:i:i], l.asks[i+1:]...)
			return
		}
	}
}

func (ls *lines) give(slots []Slot) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, s := range slots {
		if l := ls.all[s.Owner]; l != nil {
			l.held--
			ls.kick(l)
		}
	}
}
