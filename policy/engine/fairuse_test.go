package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
)

// What the tests of the system before assert of its engine, and no other test here does. docs/policy.md has the whole list.

func TestTheSumsOfAnEventAreThoseOfTheThreeWindows(t *testing.T) {
	h, clock := in(t)
	h.set(func(c *policy.Config) {
		c.Caps = []policy.Cap{{Name: "daily", Window: day, Limit: time.Millisecond}, {Name: "3day", Window: 3 * day, Limit: time.Millisecond}, {Name: "weekly", Window: 7 * day, Limit: time.Millisecond}}
	})
	h.use(ann, 3*time.Second)
	clock.Add(3 * day) // five days ago
	h.use(ann, 2*time.Second)
	clock.Add(2*day - time.Hour)
	h.use(ann, time.Second)
	clock.Add(time.Hour)
	h.review(h.gateway(), ann, 1, "stepped")
	h.until("an event", func() bool { return len(h.published) == 1 })
	var sums []int64
	for _, x := range h.published[0].Triggers {
		sums = append(sums, x.Sum)
	}
	if len(sums) != 3 || sums[0] != 1000 || sums[1] != 3000 || sums[2] != 6000 {
		t.Fatalf("%v", sums)
	}
}

func TestCreditsThatNobodyCanTellOfAreNotSpent(t *testing.T) {
	h, _ := in(t)
	h.judge, h.spent = score(0.9), func() (bool, error) { return true, errors.New("no answer") }
	e := h.gateway()
	h.use(ann, 3*time.Hour)
	h.review(e, ann, 1, "stepped")
	if st := h.settled(ann); h.judged != 1 || h.asked != 1 || st.Cause != policy.ByViolation {
		t.Fatalf("judged %d times, asked %d, %+v", h.judged, h.asked, st.Position)
	}
}

func TestALowScoreIsToldToNobody(t *testing.T) {
	h, clock := in(t)
	h.judge = score(0.3)
	e := h.gateway()
	h.use(ann, 3*time.Hour)
	h.review(e, ann, 1, "low")
	clock.Add(time.Hour)
	e.Seen(h.sight(ann)) // in the cooldown
	e.Close()
	if len(h.published)+len(h.moves) > 0 || h.judged != 1 || len(h.sight(ann).State.Violations) > 0 {
		t.Fatalf("published %d, moves %v, judged %d", len(h.published), h.moves, h.judged)
	}
}

// stormy is a store that fails for a while.
type stormy struct {
	ledger.Store

	down  atomic.Bool
	calls atomic.Int64
}

func (s *stormy) Usage(ctx context.Context, q ledger.Query) (ledger.Usage, error) {
	if s.down.Load() {
		s.calls.Add(1)
		return ledger.Usage{}, ledger.ErrOutage
	}
	return s.Store.Usage(ctx, q)
}

func TestAStoreThatFailsLetsNobodyBeReviewedUntilItIsBack(t *testing.T) {
	h, clock := in(t)
	h.judge = score(0.9)
	s := &stormy{Store: h.store}
	e := h.gateway(func(d *engine.Deps) { d.Store = s })
	h.use(ann, 3*time.Hour)
	s.down.Store(true)
	for s.calls.Load() < 3 {
		e.Seen(h.sight(ann))
		clock.Add(time.Minute)
		clockless(t)
	}
	if len(h.results)+len(h.moves) > 0 || h.judged > 0 {
		t.Fatalf("results %v, moves %v", h.results, h.moves)
	}
	s.down.Store(false)
	clock.Add(time.Minute)
	h.review(e, ann, 1, "stepped")
}
