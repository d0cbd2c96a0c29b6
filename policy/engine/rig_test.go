package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
)

// house is what gateways share: a store, a classifier, credits, and who is told.
type house struct {
	*testing.T
	store ledger.Store
	rules atomic.Pointer[policy.Config]

	mu        sync.Mutex
	judge     func() (policy.Verdict, error)
	spent     func() (bool, error)
	judged    int
	asked     int // for credits
	published []policy.Event
	refuse    error // of the publisher
	results   []string
	moves     []string
	changed   chan struct{}
	streams   int
}

func newHouse(t *testing.T, s ledger.Store) *house {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{T: t, store: s, changed: make(chan struct{})}
	c := policy.Default()
	h.rules.Store(&c)
	return h
}

// set changes the rules.
func (h *house) set(change func(*policy.Config)) {
	c := *h.rules.Load()
	change(&c)
	h.rules.Store(&c)
}

func (h *house) note(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	close(h.changed)
	h.changed = make(chan struct{})
}

// until waits for something that was noted.
func (h *house) until(what string, ok func() bool) {
	h.Helper()
	guard := time.NewTimer(30 * time.Second)
	defer guard.Stop()
	for {
		h.mu.Lock()
		done, changed := ok(), h.changed
		h.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-guard.C:
			h.Fatalf("%s: never; results %v, moves %v, published %d", what, h.results, h.moves, len(h.published))
		}
	}
}

// Judge is the classifier's.
func (h *house) Judge(context.Context, engine.Subject) (policy.Verdict, error) {
	h.mu.Lock()
	judge := h.judge
	h.mu.Unlock()
	v, err := judge()
	h.note(func() { h.judged++ })
	return v, err
}

// Exhausted is the credits'.
func (h *house) Exhausted(context.Context, string) (bool, error) {
	h.mu.Lock()
	spent := h.spent
	h.mu.Unlock()
	yes, err := spent()
	h.note(func() { h.asked++ })
	return yes, err
}

// gateway is an engine of its own on the house's store.
func (h *house) gateway(adjust ...func(*engine.Deps)) *engine.Engine {
	h.Helper()
	d := engine.Deps{
		Store: h.store, Rules: func() policy.Config { return *h.rules.Load() }, Log: slog.New(slog.DiscardHandler), CreditsRefresh: time.Second,
		Publish: func(_ context.Context, ev policy.Event) error {
			h.mu.Lock()
			err := h.refuse
			h.mu.Unlock()
			if err == nil {
				h.note(func() { h.published = append(h.published, ev) })
			}
			return err
		},
		Moved: func(from, to policy.Stage, cause policy.Cause) {
			h.note(func() { h.moves = append(h.moves, fmt.Sprintf("%s %s %s", from, to, cause)) })
		},
		Reviewed: func(result string) { h.note(func() { h.results = append(h.results, result) }) },
	}
	if h.judge != nil {
		d.Classifier = h
	}
	if h.spent != nil {
		d.Credits = h
	}
	for _, a := range adjust {
		a(&d)
	}
	e, err := engine.New(d)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(e.Close)
	return e
}

// use charges a user with audio.
func (h *house) use(user string, d time.Duration) {
	h.Helper()
	h.streams++
	r := ledger.Request{User: user, Stream: fmt.Sprint(user, h.streams), Ceiling: d.Milliseconds()}
	if _, err := h.store.Lease(h.Context(), r); err != nil {
		h.Fatal(err)
	}
	r.Spent = d.Milliseconds()
	if _, err := h.store.Settle(h.Context(), r); err != nil {
		h.Fatal(err)
	}
}

// sight is the user as a lease would show them.
func (h *house) sight(user string) engine.Sighting {
	h.Helper()
	u, err := h.store.Usage(h.Context(), ledger.Query{User: user})
	if err != nil {
		h.Fatal(err)
	}
	st, err := policy.DecodeState(u.State.Data)
	if err != nil {
		h.Fatal(err)
	}
	return engine.Sighting{User: user, State: st, At: u.At}
}

// stage is where the user stands now.
func (h *house) stage(user string) policy.Stage {
	h.Helper()
	s := h.sight(user)
	return policy.EffectsOf(s.State, *h.rules.Load(), policy.Subject{User: user}, s.At).Stage
}

// reviewed waits for so many results, and wants the last of them.
func (h *house) reviewed(n int, last string) {
	h.Helper()
	h.until(fmt.Sprintf("%d reviews, the last %s", n, last), func() bool { return len(h.results) >= n })
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.results) != n || h.results[n-1] != last {
		h.Fatalf("reviews %v, want %d and %s at the end", h.results, n, last)
	}
}

// review shows the user to a gateway, as streams do again and again, until there are so many results; and wants the last.
func (h *house) review(e *engine.Engine, user string, n int, last string) {
	h.Helper()
	h.seenUntil(e, user, func() bool { return len(h.results) >= n })
	h.reviewed(n, last)
}

// seenUntil shows the user to a gateway until something was noted.
func (h *house) seenUntil(e *engine.Engine, user string, ok func() bool) {
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
			h.Fatalf("never: results %v, moves %v", h.results, h.moves)
		}
		e.Seen(h.sight(user))
	}
}

// settled waits until nothing is owed to a user's audience any more.
func (h *house) settled(user string) policy.State {
	h.Helper()
	guard := time.Now().Add(time.Minute)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for range look.C {
		if s := h.sight(user).State; len(s.Owed) == 0 {
			return s
		}
		if time.Now().After(guard) {
			h.Fatal("an event is never delivered")
		}
	}
	return policy.State{}
}
