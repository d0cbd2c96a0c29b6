package proxy

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// endRate is how many streams a second a drain ends: each is a client that dials again and shakes hands, at
	// whoever is left.
	endRate = 250
	// endSpread is the least over which a drain's closes are spread.
	endSpread = 2 * time.Second
	// impatience is what a second signal leaves for polite ends.
	impatience = 2 * time.Second
)

// Drain refuses new streams, lets running ones go on for c.Grace, then ends them
// politely and settles them, and cuts what is left after c.Hard. It returns when
// none is left. Cancelling ctx (a second signal) ends the patience at once, also with
// those that wait for their turn to be ended: polite ends begin now and have two seconds.
func (s *Streams) Drain(ctx context.Context, c DrainConfig) {
	s.BeginDrain()
	detached := context.WithoutCancel(ctx)
	hard, cancelHard := context.WithTimeout(detached, c.Hard)
	defer cancelHard()
	grace, cancelGrace := context.WithTimeout(ctx, c.Grace)
	defer cancelGrace()
	if s.wait(grace) {
		return
	}
	if ctx.Err() == nil && s.endWithin(ctx, hard, c.Hard-c.Grace) {
		return
	}
	if ctx.Err() != nil {
		hurry, cancelHurry := context.WithTimeout(hard, impatience)
		defer cancelHurry()
		if s.endWithin(hurry, hurry, impatience/2) {
			return
		}
	}
	for _, st := range s.List() {
		st.abort()
	}
	rest, cancelRest := context.WithTimeout(detached, settleTimeout)
	defer cancelRest()
	s.wait(rest)
}

// endWithin ends all streams politely and waits for them, until the patience or the time is over. It returns
// true when none is left.
func (s *Streams) endWithin(patience, hard context.Context, room time.Duration) bool {
	ctx, cancel := context.WithCancel(hard)
	defer cancel()
	defer context.AfterFunc(patience, cancel)()
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	streams := s.List()
	for i, at := range endTimes(len(streams), room) {
		t := time.AfterFunc(at, func() { streams[i].stop(drained()) })
		defer t.Stop()
	}
	return s.wait(ctx)
}

// endTimes are the moments at which n streams are ended, where room is left until the rest is cut: evenly spread, so
// that there is no moment in which many clients come back, and each at random within its share, so that two
// gateways that drain do not keep time. The second half of the room is for the polite ends themselves.
func endTimes(n int, room time.Duration) []time.Duration {
	spread := min(max(endSpread, time.Duration(n)*time.Second/endRate), room/2)
	out := make([]time.Duration, n)
	for i := range out {
		share := spread / time.Duration(n)
		out[i] = time.Duration(i) * share
		if share > 0 {
			out[i] += rand.N(share) //nolint:gosec // jitter, not a secret
		}
	}
	return out
}
