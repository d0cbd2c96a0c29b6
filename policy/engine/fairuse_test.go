package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// TestTheCapsAreThoseOfTheUserAndCompareWhatTheBasisSays uses three hours of audio, of which one was spoken, and is compared with the caps of
// everybody, of a plan, and of the user; every one that is exceeded is told.
func TestTheCapsAreThoseOfTheUserAndCompareWhatTheBasisSays(t *testing.T) {
	limit := func(name string, window, limit time.Duration) policy.Cap {
		return policy.Cap{Name: name, Window: window, Limit: limit}
	}
	for name, tc := range map[string]struct {
		set  func(*policy.Config)
		plan string
		want []string // the caps that are exceeded, in order; none: no review
	}{
		"everybody's, all that are exceeded, in order": {func(c *policy.Config) {
			c.Caps = []policy.Cap{limit("week", 7*day, 2*time.Hour), limit("high", 7*day, 4*time.Hour), limit("day", day, time.Hour)}
		}, "", []string{"week", "day"}},
		"just reached": {func(c *policy.Config) { c.Caps = []policy.Cap{limit("day", day, 3*time.Hour)} }, "", nil},
		"a plan's instead": {func(c *policy.Config) {
			c.Plans = map[string]policy.Plan{"unlimited": {Caps: []policy.Cap{limit("its", day, 4*time.Hour)}}}
		}, "unlimited", nil},
		"a lower plan's": {func(c *policy.Config) {
			c.Plans = map[string]policy.Plan{"free": {Caps: []policy.Cap{limit("its", day, time.Minute)}}}
		}, "free", []string{"its"}},
		"another plan's": {func(c *policy.Config) { c.Plans = map[string]policy.Plan{"unlimited": {Caps: []policy.Cap{}}} }, "free", []string{"daily"}},
		"the user's own": {func(c *policy.Config) {
			c.Plans = map[string]policy.Plan{"unlimited": {Caps: []policy.Cap{}}}
			c.Users = map[string]policy.Plan{ann: {Caps: []policy.Cap{limit("own", day, time.Minute)}}}
		}, "unlimited", []string{"own"}},
		"none at all":                    {func(c *policy.Config) { c.Caps = []policy.Cap{} }, "", nil},
		"words, of which there are less": {func(c *policy.Config) { c.Basis = policy.BasisWords }, "", nil},
		"words, over what they may be": {func(c *policy.Config) {
			c.Basis, c.Caps = policy.BasisWords, []policy.Cap{limit("spoken", day, time.Hour-time.Millisecond)}
		}, "", []string{"spoken"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := in(t)
			h.set(tc.set)
			r := ledger.Request{User: ann, Stream: "s", Ceiling: (3 * time.Hour).Milliseconds()}
			if _, err := h.store.Lease(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			r.Spent, r.Speech = r.Ceiling, time.Hour.Milliseconds()
			if _, err := h.store.Settle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			looked := &looks{Store: h.store, done: make(chan struct{}, 100)}
			e := h.gateway(func(d *engine.Deps) { d.Store = looked })
			s := h.sight(ann)
			s.Plan = tc.plan
			e.Seen(s)
			<-looked.done
			if tc.want != nil {
				h.until("an event", func() bool { return len(h.published) > 0 })
			}
			e.Close()
			if tc.want == nil && len(looked.done) > 0 {
				t.Error("a review was begun")
			}
			var got []string
			for _, ev := range h.published {
				for _, x := range ev.Triggers {
					got = append(got, x.Cap)
				}
			}
			if !slices.Equal(got, tc.want) || len(h.results) != min(len(tc.want), 1) {
				t.Errorf("exceeded %q, want %q; reviews %v", got, tc.want, h.results)
			}
		})
	}
}

// looks tells of each look at a user.
type looks struct {
	ledger.Store

	done chan struct{}
}

func (l *looks) Usage(ctx context.Context, q ledger.Query) (ledger.Usage, error) {
	u, err := l.Store.Usage(ctx, q)
	l.done <- struct{}{}
	return u, err
}

// TestAnHourWithoutAClassifierCostsNobodyAnything has several users over their caps while it is down, answers nonsense, and is back: nobody is
// moved, nothing is told, kept or counted against anybody meanwhile, and everybody is reviewed afterwards, once.
func TestAnHourWithoutAClassifierCostsNobodyAnything(t *testing.T) {
	h, clock := in(t)
	down := errors.New("connection refused")
	h.judge = func() (policy.Verdict, error) { return policy.Verdict{}, down }
	e := h.gateway()
	users := []string{"a", "b", "c", "d", "e"}
	for _, u := range users {
		h.use(u, 3*time.Hour)
	}
	// round shows everybody who is due, and waits for what comes of it.
	round := func(want string) (n int) {
		t.Helper()
		for _, u := range users {
			s := h.sight(u)
			if due, _ := policy.Due(s.State, *h.rules.Load(), u, []policy.Trigger{{}}, s.At); !due {
				continue
			}
			before := len(h.results)
			h.review(e, u, before+1, want)
			for h.sight(u).State.Review.Token != "" { // written right behind the count
				clockless(t)
			}
			n++
		}
		return n
	}
	tried := 0
	for end := clock.Now().Add(time.Hour); clock.Now().Before(end); clock.Add(time.Minute) {
		tried += round("failed")
	}
	if most := 8 * len(users); tried < 4*len(users) || tried > most {
		t.Errorf("asked %d times in an hour, for %d users", tried, len(users))
	}
	h.mu.Lock()
	h.judge = func() (policy.Verdict, error) {
		return policy.Verdict{Score: 1}, fmt.Errorf("no JSON: %w", policy.ErrAnswer)
	}
	h.mu.Unlock()
	clock.Add(time.Hour)
	if n := round("bad_answer"); n != len(users) {
		t.Errorf("%d answers were none of the contract, and %d were counted", len(users), n)
	}
	for _, u := range users {
		st := h.sight(u).State
		if h.stage(u) != policy.None || len(st.Violations)+len(st.History)+len(st.Owed) > 0 || st.LastCase != "" {
			t.Errorf("%s was charged something: %+v", u, st)
		}
	}
	if len(h.published)+len(h.moves) > 0 {
		t.Errorf("somebody was told: %v", h.moves)
	}
	h.mu.Lock()
	h.judge = score(0.9)
	h.mu.Unlock()
	clock.Add(time.Hour)
	if n := round("stepped"); n != len(users) {
		t.Errorf("%d users were reviewed when it was back, of %d", n, len(users))
	}
	for _, u := range users {
		h.settled(u)
		if st := h.sight(u).State; h.stage(u) != policy.Warning || len(st.Violations) != 1 || st.Review.Failures != 0 {
			t.Errorf("%s: %+v", u, st)
		}
	}
	clock.Add(time.Hour)
	if n := round("never"); n != 0 || len(h.moves) != len(users) {
		t.Errorf("%d are due within their cooldown; moves %v", n, h.moves)
	}
}
