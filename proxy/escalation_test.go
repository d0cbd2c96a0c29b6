package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
	"github.com/sttgate/sttgate/policy/notify"
)

// creditsOf is a user's account.
type creditsOf struct{ spent atomic.Bool }

func (c *creditsOf) Exhausted(context.Context, string) (bool, error) { return c.spent.Load(), nil }

// nobody must not be asked.
type nobody struct{ t *testing.T }

func (n nobody) Judge(context.Context, engine.Subject) (policy.Verdict, error) {
	n.t.Error("the classifier is asked about a user whose credits are spent")
	return policy.Verdict{}, nil
}

// TestAFreeUserIsLedToRestrictLimitedAndFreedAgain lives through three days with one stream that never ends.
func TestAFreeUserIsLedToRestrictLimitedAndFreedAgain(t *testing.T) {
	var (
		clock   = ledgertest.NewClock(time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC))
		credits creditsOf
		mu      sync.Mutex
		results []string
		told    []string
		hours   []int // since the beginning, of each
		notices []string
	)
	words, err := notify.NewNotices(notify.Texts{})
	if err != nil {
		t.Fatal(err)
	}
	began := clock.Now()
	credits.spent.Store(true)
	r := newRig(t, rigOptions{
		store: ledger.NewMemory(clock.Now, time.UTC), slice: 200 * time.Millisecond, config: budgetOf(2 * time.Second),
		policy: policy.Config{Caps: []policy.Cap{{Name: "3day", Window: 72 * time.Hour, Limit: 2 * time.Second}}},
		engine: func(d *engine.Deps) {
			d.Classifier, d.Credits, d.CreditsRefresh = nobody{t}, &credits, time.Second
			d.Reviewed = func(result string) {
				mu.Lock()
				defer mu.Unlock()
				results = append(results, result)
			}
			d.Publish = func(_ context.Context, ev policy.Event) error {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, fmt.Sprintf("%s→%s %s", ev.From, ev.To, ev.Cause))
				hours = append(hours, int(ev.At.Sub(began)/time.Hour))
				m, ok, err := words.Step(ev, policy.Default())
				if ok {
					var body struct{ Type string }
					err = errors.Join(err, json.Unmarshal(m.Body, &body))
					notices = append(notices, body.Type)
				}
				return err
			}
		},
	})
	c := r.connect("free", linear16)
	c.send(150, 20) // 3 s: more than the cap
	if _, err := r.vendor.Begun(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for len(r.server.Streams.List()) == 0 { // entered right behind the upgrade
		<-look.C
	}
	running := r.server.Streams.List()[0]
	// talk sends audio, a little at a time, until something has come of it.
	talk := func(what string, done func() bool) {
		t.Helper()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(hang); !done(); <-tick.C {
			if time.Now().After(end) {
				t.Fatalf("%s: never; reviews %v, told %v\n%s", what, results, told, r.log)
			}
			c.send(1, 20)
		}
	}
	reviewed := func(want ...string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Equal(results, want)
		}
	}
	for running.Progress().Forwarded < 3*time.Second { // and all but a lease of it is known to the ledger
		<-look.C
	}
	clock.Add(2 * time.Minute)
	talk("warning at t0", reviewed("stepped"))
	clock.Add(11 * time.Hour)
	c.send(50, 20) // within the cooldown
	clock.Add(time.Hour + time.Minute)
	talk("a violation at +12 h", reviewed("stepped", "no_step"))
	clock.Add(12*time.Hour + time.Minute)
	talk("throttle at +24 h", reviewed("stepped", "no_step", "stepped"))
	clock.Add(12*time.Hour + time.Minute)
	talk("restrict at +36 h", reviewed("stepped", "no_step", "stepped", "stepped"))
	talk("the daily budget ends in the stream", func() bool { return running.Progress().Dropped > 0 })
	if used := r.used("free"); used != 2000 {
		t.Fatalf("%d ms are charged to the budget, want 2000", used)
	}
	if _, resp, err := r.dial("free", linear16, nil); err == nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("X-Sttgate-Reason") != "budget_exhausted" {
		t.Fatalf("a new stream of a restricted user whose budget is spent: %v, %v", resp, err)
	}
	credits.spent.Store(false)
	forwarded := running.Progress().Forwarded
	clock.Add(time.Minute)
	talk("free within one lease", func() bool { return running.Progress().Forwarded > forwarded+3*time.Second })
	want := []string{"none→warning free_exhausted", "warning→throttle free_exhausted", "throttle→restrict free_exhausted", "restrict→none restored"}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(told, want) || len(results) != 4 {
		t.Fatalf("told %v, want %v; reviews %v", told, want, results)
	}
	if at := []int{0, 24, 36, 36}; !slices.Equal(hours, at) {
		t.Errorf("the steps were %v hours after the beginning, want %v", hours, at)
	}
	if each := []string{"policy.free_exhausted", "policy.free_exhausted", "policy.free_exhausted", "policy.restored"}; !slices.Equal(notices, each) {
		t.Errorf("the messages were %v, want %v", notices, each)
	}
}

// TestAnUploadOverACapIsReviewedAtOnce uploads two files within one check_interval: the first leaves the cap alone, the second does not.
func TestAnUploadOverACapIsReviewedAtOnce(t *testing.T) {
	results := make(chan string, 10)
	r := newRig(t, rigOptions{
		policy: policy.Config{CheckInterval: time.Hour, Caps: []policy.Cap{{Name: "day", Window: 24 * time.Hour, Limit: 1500 * time.Millisecond}}},
		engine: func(d *engine.Deps) { d.Reviewed = func(result string) { results <- result } },
	})
	for range 2 {
		r.upload("ann", raw16, bytes.NewReader(make([]byte, 32_000)), 32_000).wants(t, http.StatusOK, "")
	}
	select {
	case got := <-results:
		if got != "stepped" {
			t.Errorf("the review: %s", got)
		}
	case <-time.After(hang):
		t.Fatal("there is no review")
	}
}
