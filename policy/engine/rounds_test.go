package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
)

const day = 24 * time.Hour

// rounding is a gateway that looks through the records as often as it can.
func rounding(d *engine.Deps) { d.Round = time.Millisecond }

// steps are what was published, in short. It is to be called while nothing is published.
func (h *house) steps() (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ev := range h.published {
		out = append(out, fmt.Sprintf("%s %s %s %s", ev.User, ev.From, ev.To, ev.Cause))
	}
	return out
}

// place puts a user where a review has led.
func (h *house) place(user string, stage policy.Stage, since time.Time) {
	h.Helper()
	st := policy.State{Track: policy.Track{Position: policy.Position{Stage: stage, Cause: policy.ByViolation, Since: since}}}
	data, err := st.Encode()
	if err != nil {
		h.Fatal(err)
	}
	old, err := h.store.State(h.Context(), user)
	if err != nil {
		h.Fatal(err)
	}
	old.Data = data
	if _, err := h.store.SetState(h.Context(), user, old); err != nil {
		h.Fatal(err)
	}
}

// onward lets the clock go on, for rounds of which there is one a second at most, until something was noted.
func (h *house) onward(clock *ledgertest.Clock, ok func() bool) {
	h.Helper()
	guard := time.Now().Add(time.Minute)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for range look.C {
		h.mu.Lock()
		done := ok()
		h.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(guard) {
			h.Fatalf("never: moves %v", h.moves)
		}
		clock.Add(time.Second)
	}
}

// TestAStageThatEndsByItselfIsToldOnceAlsoOfWhoDoesNotComeBack has two gateways that look, more users than a page has, and one who is not looked at by
// reviews at all.
func TestAStageThatEndsByItselfIsToldOnceAlsoOfWhoDoesNotComeBack(t *testing.T) {
	h, clock := in(t)
	since := clock.Now()
	h.place("ann", policy.Warning, since)
	h.place("bob", policy.Restrict, since)
	h.place("cid", policy.Warning, since.Add(100*day))
	h.set(func(c *policy.Config) { c.ExemptUsers = []string{"bob"} })
	for i := range 1100 {
		h.place(fmt.Sprintf("none%d", i), policy.None, since)
	}
	one, two := h.gateway(rounding), h.gateway(rounding)
	if _, err := one.Set(t.Context(), policy.Setting{User: "dan", Stage: policy.Throttle, Until: since.Add(day), By: "admin"}); err != nil {
		t.Fatal(err)
	}
	clock.Add(7 * day)
	h.onward(clock, func() bool { return len(h.published) == 3 })
	clock.Add(40 * day)
	h.onward(clock, func() bool { return len(h.published) == 6 })
	rounds := 0
	h.onward(clock, func() bool { rounds++; return rounds == 50 }) // which find nothing new
	one.Close()
	two.Close()
	got := h.steps()
	slices.Sort(got)
	want := []string{"ann warning none decay", "bob restrict throttle decay", "bob throttle warning decay", "bob warning none decay", "dan none throttle manual", "dan throttle none until"}
	if !slices.Equal(got, want) {
		t.Fatalf("told %q", got)
	}
	for _, ev := range h.published {
		if ev.User == "bob" && ev.From == policy.Throttle && (!ev.At.Equal(since.Add(37*day)) || ev.Noticed().Before(since.Add(47*day))) {
			t.Errorf("a step that lies back: %+v", ev)
		}
	}
	if st := h.settled("bob"); len(st.History) != 3 || h.stage("cid") != policy.Warning {
		t.Errorf("%+v", st.History)
	}
}

func TestWhoeverSeesAStageEndFirstTells(t *testing.T) {
	h, clock := in(t)
	e := h.gateway()
	h.place(ann, policy.Throttle, clock.Now())
	clock.Add(7 * day)
	h.seenUntil(e, ann, func() bool { return len(h.published) == 1 })
	clock.Add(7 * day)
	// The next one begins a review, which writes the record, too.
	h.use(ann, 3*time.Hour)
	h.review(e, ann, 1, "stepped")
	h.until("both steps", func() bool { return len(h.published) == 3 })
	want := []string{"ann throttle warning decay", "ann warning none decay", "ann none warning cap"}
	if got := h.steps(); !slices.Equal(got, want) {
		t.Fatalf("told %q", got)
	}
	// And an operator's decision.
	h.settled(ann)
	clock.Add(7 * day)
	if _, err := e.Reset(t.Context(), policy.Setting{User: ann, By: "admin"}); err != nil {
		t.Fatal(err)
	}
	if got := h.steps(); !slices.Equal(got, append(want, "ann warning none decay")) {
		t.Fatalf("told %q", got)
	}
	if moves := []string{"throttle warning decay", "warning none decay", "none warning cap", "warning none decay"}; !slices.Equal(h.moves, moves) {
		t.Fatalf("counted %q", h.moves)
	}
}

// TestAnEndThatNobodyCouldTellIsToldByTheNextRound loses the publisher, and then the gateway.
func TestAnEndThatNobodyCouldTellIsToldByTheNextRound(t *testing.T) {
	h, clock := in(t)
	h.refuse = errors.New("no disk")
	e := h.gateway()
	h.place(ann, policy.Warning, clock.Now())
	clock.Add(30 * day)
	h.seenUntil(e, ann, func() bool { return len(h.moves) == 1 })
	e.Close()
	if len(h.published) != 0 {
		t.Fatalf("told %q", h.steps())
	}
	h.mu.Lock()
	h.refuse = nil
	h.mu.Unlock()
	next := h.gateway(rounding)
	h.onward(clock, func() bool { return len(h.published) > 0 })
	next.Close()
	h.settled(ann)
	if got := h.steps(); !slices.Equal(got, []string{"ann warning none decay"}) || len(h.moves) != 1 {
		t.Fatalf("told %q, counted %v", got, h.moves)
	}
}

// TestAHundredWhoSeeAStageEndTellOnce is on every store, with two gateways where it can be shared.
func TestAHundredWhoSeeAStageEndTellOnce(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stores := open(t)
			h := newHouse(t, stores[0])
			h.place(ann, policy.Warning, time.Now().Add(-30*day))
			var engines []*engine.Engine
			for _, s := range stores {
				engines = append(engines, h.gateway(rounding, func(d *engine.Deps) { d.Store = s }))
			}
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() { engines[i%len(engines)].Seen(h.sight(ann)) })
			}
			wg.Wait()
			h.until("a step", func() bool { return len(h.published) > 0 })
			for _, e := range engines {
				e.Close()
			}
			h.settled(ann)
			if len(h.published) != 1 || len(h.moves) != 1 {
				t.Fatalf("told %q, counted %v", h.steps(), h.moves)
			}
		})
	}
}
