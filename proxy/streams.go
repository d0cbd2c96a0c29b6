package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

// Streams is the registry of running streams. http.Server forgets a hijacked
// connection, so that Shutdown would cut every stream: whoever stops the gateway
// asks here instead. Safe for concurrent use.
type Streams struct {
	shared sharedLimits

	mu       sync.Mutex
	live     map[string]*Stream // uploads, too
	taken    int                // slots, live or in their handshake
	begun    int                // streams ever started
	draining bool
	ending   bool          // the grace is over
	empty    chan struct{} // closed and replaced when the last slot is given back
	stop     chan struct{}
	ticker   sync.WaitGroup
}

// newStreams starts the registry's ticker; Close stops it.
func newStreams(shared sharedLimits) *Streams {
	s := &Streams{
		shared: shared, live: make(map[string]*Stream),
		empty: make(chan struct{}), stop: make(chan struct{}),
	}
	s.ticker.Go(s.tick)
	return s
}

// Close stops the ticker. Streams still running lose their timeouts, so it comes
// after Drain.
func (s *Streams) Close() {
	close(s.stop)
	s.ticker.Wait()
}

// acquire takes one of this gateway's slots for a stream that is about to shake hands, of which there are most. Those that all gateways
// share are taken with it when it is known whose stream it is.
func (s *Streams) acquire(most int) (*slot, error) {
	if err := s.enterHere(most); err != nil {
		return nil, err
	}
	return &slot{streams: s}, nil
}

func (s *Streams) enterHere(most int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return denied{d: drained()}
	case most > 0 && s.taken >= most:
		return denied{d: crowded("this gateway runs as many streams as it may")}
	}
	s.taken++
	return nil
}

func (s *Streams) leaveHere() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken--; s.taken == 0 {
		close(s.empty)
		s.empty = make(chan struct{})
	}
}

// start lets a stream run and gives its slot back at the end.
func (s *Streams) start(st *Stream, sl *slot) {
	s.mu.Lock()
	s.live[st.ID] = st
	s.begun++
	late := s.ending
	s.mu.Unlock()
	st.start(func() {
		s.forget(st.ID)
		sl.release()
	})
	if late { // its handshake began before the drain and ended after the grace
		st.stop(drained())
	}
}

// enter registers an upload, which runs on its own request's goroutine. Whoever enters
// it calls leave, and gives its slot back.
func (s *Streams) enter(st *Stream) (leave func()) {
	s.mu.Lock()
	s.live[st.ID] = st
	late := s.ending
	s.mu.Unlock()
	if late {
		st.stop(drained())
	}
	return func() { s.forget(st.ID) }
}

func (s *Streams) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, id)
}

// List returns the running streams in no order.
func (s *Streams) List() []*Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Stream, 0, len(s.live))
	for _, st := range s.live {
		out = append(out, st)
	}
	return out
}

// End ends a running stream politely; false when there is none of this id.
func (s *Streams) End(id string, d *provider.Denial) bool {
	s.mu.Lock()
	st := s.live[id]
	s.mu.Unlock()
	if st == nil {
		return false
	}
	st.stop(d)
	return true
}

// Draining reports whether new streams are refused.
func (s *Streams) Draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// BeginDrain refuses new streams from now on.
func (s *Streams) BeginDrain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
}

// EndedByOperator is the result of what somebody ended by hand. It is no word of X-Sttgate-Reason, whose set is closed and known to clients.
const EndedByOperator = "ended_by_operator"

// Killed is what a stream is told that an operator ends. To its client it is a gateway that goes down: come back at once. Whoever keeps
// the books has to tell the two apart.
func Killed() *provider.Denial {
	d := deny(provider.Draining, "an operator ended this stream")
	d.Title, d.Own = "Ended by an operator", EndedByOperator
	return d
}

func drained() *provider.Denial {
	return deny(provider.Draining, "this gateway is shutting down; connect again")
}

// wait returns true when no slot is taken, false when ctx ended first.
func (s *Streams) wait(ctx context.Context) bool {
	s.mu.Lock()
	empty, none := s.empty, s.taken == 0
	s.mu.Unlock()
	if none {
		return true
	}
	select {
	case <-empty:
		return true
	case <-ctx.Done():
		return false
	}
}

// tick serves all streams once a second: one timer for ten thousand streams.
func (s *Streams) tick() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	var memory trimmer
	for {
		select {
		case <-s.stop:
			return
		case now := <-t.C:
			for _, st := range s.List() {
				st.tick(now)
			}
			s.mu.Lock()
			begun := s.begun
			s.mu.Unlock()
			if memory.tick(begun) {
				giveBack()
			}
		}
	}
}
