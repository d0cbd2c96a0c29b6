package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ann = "ann"

// in is a house on a store in memory whose clock moves by hand.
func in(t *testing.T) (*house, *ledgertest.Clock) {
	t.Helper()
	clock := ledgertest.NewClock(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	return newHouse(t, ledger.NewMemory(clock.Now, time.UTC)), clock
}

func score(s float64) func() (policy.Verdict, error) {
	return func() (policy.Verdict, error) { return policy.Verdict{Score: s, Type: "podcast"}, nil }
}

// TestAUserWithSpentCreditsWalksToRestrictAndBackAtOnce is the fastest path: one review per twelve hours, no classifier.
func TestAUserWithSpentCreditsWalksToRestrictAndBackAtOnce(t *testing.T) {
	h, clock := in(t)
	spent := true
	h.judge = func() (policy.Verdict, error) { t.Error("the classifier is asked"); return policy.Verdict{}, nil }
	h.spent = func() (bool, error) { return spent, nil }
	e := h.gateway()
	for i, want := range []struct {
		result string
		stage  policy.Stage
	}{{"stepped", policy.Warning}, {"no_step", policy.Warning}, {"stepped", policy.Throttle}, {"stepped", policy.Restrict}} {
		h.use(ann, 3*time.Hour)
		h.review(e, ann, i+1, want.result)
		for range 10 { // streams go on meanwhile
			clock.Add(6 * time.Minute)
			e.Seen(h.sight(ann))
		}
		if s := h.stage(ann); s != want.stage {
			t.Fatalf("review %d: %s, want %s", i+1, s, want.stage)
		}
		if want.result == "stepped" {
			h.settled(ann)
		}
		clock.Add(11 * time.Hour)
	}
	if want := []string{"none warning free_exhausted", "warning throttle free_exhausted", "throttle restrict free_exhausted"}; !slices.Equal(h.moves, want) {
		t.Fatalf("%v, want %v", h.moves, want)
	}
	if len(h.published) != 3 {
		t.Fatalf("%d events", len(h.published))
	}
	h.mu.Lock()
	spent = false
	h.mu.Unlock()
	h.seenUntil(e, ann, func() bool { return len(h.moves) == 4 })
	if s := h.stage(ann); s != policy.None {
		t.Fatalf("credits are back, the stage is %s", s)
	}
	h.settled(ann)
	if last := h.published[3]; last.Cause != policy.ByCredits || last.From != policy.Restrict || last.To != policy.None {
		t.Fatalf("%+v", last)
	}
}

func TestAClassifierThatIsDownMovesNobodyAndIsAskedAgain(t *testing.T) {
	h, clock := in(t)
	down := errors.New("connection refused")
	h.judge = func() (policy.Verdict, error) { return policy.Verdict{}, down }
	e := h.gateway()
	h.use(ann, 3*time.Hour)
	end := clock.Now().Add(time.Hour)
	failures := 0
	for clock.Now().Before(end) {
		s := h.sight(ann)
		if due, _ := policy.Due(s.State, *h.rules.Load(), ann, []policy.Trigger{{}}, s.At); due {
			failures++
			h.review(e, ann, failures, "failed")
			for h.sight(ann).State.Review.Token != "" { // written right behind the count
				clockless(t)
			}
		}
		clock.Add(time.Minute)
	}
	st := h.sight(ann).State
	if failures < 4 || failures > 8 || len(st.Violations) != 0 || st.Review.Failures != failures || h.stage(ann) != policy.None {
		t.Fatalf("%d failures in an hour, %+v", failures, st)
	}
	if len(h.published) != 0 || len(h.moves) != 0 {
		t.Fatalf("somebody was told: %v", h.moves)
	}
	h.mu.Lock()
	h.judge = func() (policy.Verdict, error) { return policy.Verdict{}, fmt.Errorf("score 7: %w", policy.ErrAnswer) }
	h.mu.Unlock()
	clock.Add(2 * time.Hour)
	h.use(ann, time.Minute)
	h.review(e, ann, failures+1, "bad_answer")
	h.mu.Lock()
	h.judge = score(0.7)
	h.mu.Unlock()
	clock.Add(2 * time.Hour)
	h.review(e, ann, failures+2, "stepped")
	if h.stage(ann) != policy.Warning {
		t.Fatal("the review that was owed did not happen")
	}
}

// clockless lets others run, while the clock stands.
func clockless(t *testing.T) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(time.Millisecond):
	}
}

func TestAFullHouseIsReviewedLater(t *testing.T) {
	h, clock := in(t)
	hold := make(chan struct{})
	h.judge = func() (policy.Verdict, error) { <-hold; return policy.Verdict{}, nil }
	e := h.gateway(func(d *engine.Deps) { d.Reviews = 2 })
	users := []string{"a", "b", "c", "d"}
	for _, u := range users {
		h.use(u, 3*time.Hour)
		e.Seen(h.sight(u))
	}
	underReview := func() (n int) {
		for _, u := range users {
			if h.sight(u).State.Review.Token != "" {
				n++
			}
		}
		return n
	}
	for underReview() < 2 {
		clockless(t)
	}
	if n := underReview(); n != 2 {
		t.Fatalf("%d reviews at once", n)
	}
	close(hold)
	h.reviewed(2, "low")
	done := func(u string) bool { return h.sight(u).State.Review.Last == policy.OutcomeLow }
	for !done("a") || !done("b") || !done("c") || !done("d") { // streams go on
		clock.Add(time.Minute)
		for _, u := range users {
			e.Seen(h.sight(u))
		}
		clockless(t)
	}
}

func TestClosingGivesTheLockBack(t *testing.T) {
	h, _ := in(t)
	began := make(chan struct{})
	e := h.gateway(func(d *engine.Deps) { d.Classifier = hanging{began} })
	h.use(ann, 3*time.Hour)
	e.Seen(h.sight(ann))
	<-began
	e.Close()
	st := h.sight(ann).State
	if st.Review.Token != "" || st.Review.Failures != 1 || len(st.Violations) != 0 {
		t.Fatalf("%+v", st.Review)
	}
	e.Seen(h.sight(ann)) // of a stream that is being drained
}

// hanging judges nobody.
type hanging struct{ began chan struct{} }

func (h hanging) Judge(ctx context.Context, _ engine.Subject) (policy.Verdict, error) {
	close(h.began)
	<-ctx.Done()
	return policy.Verdict{}, ctx.Err()
}

func TestWhatWasNotDeliveredIsByTheNextGateway(t *testing.T) {
	h, clock := in(t)
	h.judge, h.refuse = score(0.9), errors.New("disk full")
	first := h.gateway()
	h.use(ann, 3*time.Hour)
	first.Seen(h.sight(ann))
	h.reviewed(1, "stepped")
	first.Close()
	owed := h.sight(ann).State.Owed
	if len(owed) != 1 || len(h.published) != 0 {
		t.Fatalf("owed %v, published %v", owed, h.published)
	}
	h.refuse = nil
	second := h.gateway()
	second.Seen(h.sight(ann)) // not yet orphaned: its own gateway may be at it
	clock.Add(2 * time.Minute)
	h.seenUntil(second, ann, func() bool { return len(h.published) == 1 })
	h.settled(ann)
	if h.published[0].ID() != owed[0].ID() {
		t.Fatalf("%s, want %s", h.published[0].ID(), owed[0].ID())
	}
	if got, err := second.Case(t.Context(), owed[0].Ref); err != nil || got.Rule == "" || got.User != ann || len(got.Triggers) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := second.Case(t.Context(), "FU-000000000000"); !errors.Is(err, engine.ErrNoCase) {
		t.Fatal(err)
	}
}

func TestAPublisherThatStaysDownFillsNoRecord(t *testing.T) {
	h, clock := in(t)
	h.refuse = errors.New("disk full")
	first := h.gateway()
	for i := range 3 * policy.MaxOwed {
		d := policy.Setting{User: ann, Stage: policy.Stages()[i%2], By: "admin:1", Reason: "r"}
		if _, err := first.Set(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		clock.Add(time.Second)
	}
	if n := len(h.sight(ann).State.Owed); n != policy.MaxOwed {
		t.Fatalf("%d events are owed, want the newest %d", n, policy.MaxOwed)
	}
	h.refuse = nil
	h.set(func(c *policy.Config) { c.Source = policy.SourceHTTP }) // a backend has taken over meanwhile
	clock.Add(2 * time.Minute)
	second := h.gateway(func(d *engine.Deps) { d.Source, d.SourceTTL = &backend{}, 30*time.Second })
	h.seenUntil(second, ann, func() bool { return len(h.published) == policy.MaxOwed })
	h.settled(ann)
}

func TestOperatorsDecisionsCountRightAfterwards(t *testing.T) {
	h, clock := in(t)
	h.judge = score(1)
	e := h.gateway()
	review := func(n int, want string) {
		t.Helper()
		clock.Add(13 * time.Hour)
		h.use(ann, 3*time.Hour)
		h.review(e, ann, n, want)
		h.settled(ann)
	}
	by := policy.Setting{User: ann, By: "admin:1", Reason: "ticket 12"}
	review(1, "stepped")
	review(2, "no_step")
	ref := h.sight(ann).State.Violations[0].Ref
	if out, err := e.Resolve(t.Context(), ref, by); err != nil || len(out.After.Violations) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := e.Resolve(t.Context(), ref, by); !errors.Is(err, engine.ErrNoViolation) {
		t.Fatal(err)
	}
	review(3, "no_step") // one earlier violation is left, throttle needs two
	review(4, "stepped")
	if out, err := e.Reset(t.Context(), by); err != nil || out.Before.Stage != policy.Throttle || out.After.Stage != policy.None {
		t.Fatalf("%+v, %v", out, err)
	}
	review(5, "stepped") // to warning: nothing from before the reset counts
	review(6, "no_step")
	if out, err := e.Exempt(t.Context(), by, true); err != nil || out.After.Exempt == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	clock.Add(13 * time.Hour)
	e.Seen(h.sight(ann))
	if out, err := e.Exempt(t.Context(), by, false); err != nil || out.After.Exempt != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	set := by
	set.Stage = policy.Restrict
	if out, err := e.Set(t.Context(), set); err != nil || out.After.Stage != policy.Restrict || out.Event.By != by.By {
		t.Fatalf("%+v, %v", out, err)
	}
	if h.judged != 6 {
		t.Fatalf("%d reviews", h.judged)
	}
}

// TestOneReviewOneEventOverAllGateways is the promise over every store, with two gateways where the store can be shared.
func TestOneReviewOneEventOverAllGateways(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stores := open(t)
			h := newHouse(t, stores[0])
			h.judge, h.spent = score(0.8), func() (bool, error) { return false, nil }
			engines := []*engine.Engine{}
			for _, s := range stores {
				engines = append(engines, h.gateway(func(d *engine.Deps) { d.Store = s }))
			}
			h.use(ann, 3*time.Hour)
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() { engines[i%len(engines)].Seen(h.sight(ann)) })
			}
			wg.Wait()
			h.until("a review", func() bool { return len(h.results) > 0 && len(h.published) > 0 })
			for _, e := range engines {
				e.Close()
			}
			h.settled(ann)
			if h.judged != 1 || h.asked != 1 || len(h.published) != 1 || len(h.moves) != 1 || h.stage(ann) != policy.Warning {
				t.Fatalf("judged %d times, asked %d, published %d, moves %v", h.judged, h.asked, len(h.published), h.moves)
			}
		})
	}
}

// stores are each store, once for each gateway on it.
func stores() map[string]func(t *testing.T) []ledger.Store {
	return map[string]func(t *testing.T) []ledger.Store{
		"memory": func(*testing.T) []ledger.Store {
			m := ledger.NewMemory(nil, nil)
			return []ledger.Store{m, m}
		},
		"embedded": func(t *testing.T) []ledger.Store {
			s, err := ledger.OpenEmbedded(t.TempDir(), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			return []ledger.Store{s}
		},
		"redis": func(t *testing.T) []ledger.Store {
			server := ledgertest.StartRedis(t)
			var out []ledger.Store
			for i := range 2 {
				s, err := ledger.OpenRedis(ledger.RedisConfig{URL: secret.New(server.URL()), Timeout: 5 * time.Second}, nil, ledger.RedisOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if out = append(out, s); i > 0 {
					t.Cleanup(func() { _ = s.Close() })
				}
			}
			return out
		},
	}
}

func TestABackendsStageIsFollowed(t *testing.T) {
	h, clock := in(t)
	h.set(func(c *policy.Config) { c.Source = policy.SourceHTTP })
	b := &backend{stage: policy.Throttle, known: true}
	e := h.gateway(func(d *engine.Deps) { d.Source, d.SourceTTL = b, 30*time.Second })
	e.Fresh(t.Context(), ann)
	if h.stage(ann) != policy.Throttle {
		t.Fatal("the backend was not asked before the first stream")
	}
	b.set(policy.Restrict, true, nil)
	e.Fresh(t.Context(), ann) // within the ttl
	if h.stage(ann) != policy.Throttle {
		t.Fatal("asked at every connect")
	}
	clock.Add(31 * time.Second)
	h.seenUntil(e, ann, func() bool { return len(h.moves) == 2 }) // a running stream's
	for _, silent := range []func(){func() { b.set("", false, nil) }, func() { b.set("", false, errors.New("down")) }} {
		silent()
		clock.Add(31 * time.Second)
		e.Seen(h.sight(ann))
		e2 := h.gateway(func(d *engine.Deps) { d.Source, d.SourceTTL = b, 30*time.Second })
		e2.Fresh(t.Context(), ann)
		if h.stage(ann) != policy.Restrict {
			t.Fatal("what is unknown has lifted a restriction")
		}
	}
	h.use(ann, 20*time.Hour)
	clock.Add(40 * 24 * time.Hour)
	if h.stage(ann) != policy.Restrict {
		t.Fatal("a backend's stage decays here")
	}
}

// backend is a source.
type backend struct {
	mu    sync.Mutex
	stage policy.Stage
	known bool
	err   error
}

func (b *backend) set(s policy.Stage, known bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stage, b.known, b.err = s, known, err
}

func (b *backend) Stage(context.Context, string) (policy.Stage, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stage, b.known, b.err
}
