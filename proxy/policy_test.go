package proxy

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// put writes a user's record as the machine would.
func (r *rig) put(user string, s policy.State) {
	r.t.Helper()
	data, err := s.Encode()
	if err != nil {
		r.t.Fatal(err)
	}
	old, err := r.store.State(r.t.Context(), user)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.store.SetState(r.t.Context(), user, ledger.State{Version: old.Version, Data: data}); err != nil {
		r.t.Fatal(err)
	}
}

func moved(stage policy.Stage, cause policy.Cause, since time.Time) policy.State {
	return policy.State{Track: policy.Track{Position: policy.Position{Stage: stage, Cause: cause, Since: since}}}
}

// spent opens a stream of bob's, at restrict, and sends until its two seconds are gone and one is dropped.
func (r *rig) spent(user string) *client {
	r.t.Helper()
	c := r.connect(user, linear16)
	c.send(150, 20)
	c.until("Error")
	return c
}

// feed sends until the vendor has heard ms.
func (r *rig) feed(c *client, ms int64) {
	r.t.Helper()
	ss, err := r.vendor.Begun(r.t.Context(), 1)
	if err != nil {
		r.t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ss[0].Record().AudioMS < ms {
		c.send(5, 20)
		<-tick.C
	}
}

func TestLiftingEverythingReachesRunningStreams(t *testing.T) {
	for name, lift := range map[string]func(*policy.Config){
		"kill switch": func(c *policy.Config) { c.KillSwitch = true },
		"disabled":    func(c *policy.Config) { c.Enabled = false },
		"exempt user": func(c *policy.Config) { c.ExemptUsers = []string{"ann", "bob"} },
		"shadow":      func(c *policy.Config) { c.Shadow = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: budgetOf(2 * time.Second), slice: time.Second})
			r.put("bob", moved(policy.Restrict, policy.ByViolation, time.Now()))
			c := r.spent("bob")
			now := *r.server.Users.gate.rules.Load()
			lift(&now.Policy)
			r.follow(now.Policy)
			r.feed(c, 10_000) // five times the budget
			if now.Policy.Shadow {
				return
			}
			// And back: with the next lease the budget holds, and what was used stays used.
			now.Policy = policy.Default()
			r.follow(now.Policy)
			st := r.server.Streams.List()[0]
			for before := st.Progress().Dropped; st.Progress().Dropped == before; {
				c.send(10, 20)
			}
		})
	}
}

func TestAnExemptionOfAnOperatorReachesRunningStreamsAndBreakersStay(t *testing.T) {
	r := newRig(t, rigOptions{slice: time.Second, config: func(c *Config) {
		budgetOf(2 * time.Second)(c)
		c.Budgets = append(c.Budgets, policy.Budget{Name: "house", Per: policy.PerAll, Limit: 6 * time.Second}.WithDefaults())
	}})
	r.restrict("bob")
	c := r.spent("bob")
	s := moved(policy.Restrict, policy.ByHand, time.Now())
	s.Exempt = &policy.Exemption{By: "admin:amy", At: time.Now()}
	r.put("bob", s)
	r.feed(c, 6000)
	c.send(50, 20)
	_, closed := c.read()
	if closed.Code != 1013 || r.heard(1)[0].AudioMS != 6000 {
		t.Errorf("closed with %v after %d ms, want the breaker's 1013 after 6000", closed, r.heard(1)[0].AudioMS)
	}
}

func TestDecayIsSeenByARunningStream(t *testing.T) {
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	r := newRig(t, rigOptions{store: ledger.NewMemory(clock, time.UTC), config: budgetOf(2 * time.Second), slice: time.Second})
	r.put("bob", moved(policy.Restrict, policy.ByViolation, time.Now()))
	c := r.spent("bob")
	ahead.Store(int64(30*24*time.Hour + time.Minute))
	r.feed(c, 10_000) // a new day alone would give two seconds more
	u, err := r.server.Users.User(t.Context(), "bob", "")
	if err != nil || u.State.Cause != policy.ByViolation {
		t.Errorf("%+v, %v", u.State, err)
	}
}

func TestAStageThatRefusesLetsNothingInAndEndsWhatRuns(t *testing.T) {
	refusing := policy.Default()
	refusing.Stages = map[policy.Stage]policy.StageRules{policy.Restrict: {Decay: time.Hour, Actions: policy.Actions{Refuse: true}}}
	r := newRig(t, rigOptions{config: budgetOf(time.Minute), slice: time.Second})
	running := r.connect("bob", linear16)
	running.send(10, 20)
	now := *r.server.Users.gate.rules.Load()
	now.Policy = refusing
	r.follow(now.Policy)
	r.put("bob", moved(policy.Restrict, policy.ByViolation, time.Now()))

	running.send(200, 20) // four seconds: four leases
	texts, closed := running.read()
	if closed.Code != 1008 || closed.Text != "stage_restrict" {
		t.Errorf("ended with %v, %v", closed, texts)
	}
	r.settled()
	used := func() int64 {
		u, err := r.server.Users.User(t.Context(), "bob", "")
		if err != nil || len(u.Balances) != 1 {
			t.Fatalf("a refusal shows as a balance: %+v, %v", u, err)
		}
		return u.Balances[0].Used
	}
	ended := used() // the stage holds from the lease that was asked for early: what was in hand still passed, and counts
	if ended > 1000 {
		t.Errorf("%d ms passed at a stage that refuses, more than a lease", ended)
	}
	_, resp, err := r.dial("bob", linear16, nil)
	if err == nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("X-Sttgate-Reason") != "stage_restrict" {
		t.Fatalf("the door: %v, %v", resp, err)
	}
	if after := resp.Header.Get("Retry-After"); after != "3600" && after != "3599" && !strings.HasPrefix(after, "35") {
		t.Errorf("Retry-After %q, want what is left of the hour", after)
	}
	if limit := resp.Header.Get("RateLimit"); strings.Contains(limit, "stage:") {
		t.Errorf("RateLimit %q shows what is no budget", limit)
	}
	r.ask(http.MethodPost, "bob", "/v1/listen?encoding=linear16&sample_rate=16000", strings.NewReader(strings.Repeat("a", 3200)), -1).wants(t, 429, "stage_restrict")
	if now := used(); now != ended {
		t.Errorf("a refusal cost %d ms", now-ended)
	}

	// In shadow it would have refused, which is counted.
	now.Policy.Shadow = true
	r.follow(now.Policy)
	before := r.metric("decisions_total", "reason", "stage_restrict")
	r.connect("bob", linear16)
	if n := r.metric("decisions_total", "reason", "stage_restrict") - before; n != 1 || r.metric("decisions_total", "shadow", "true") != 1 {
		t.Errorf("%v shadow refusals are counted, want 1", n)
	}
}

func TestShadowBudgetsOfAStageAreCounted(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(2 * time.Second), slice: time.Second})
	now := *r.server.Users.gate.rules.Load()
	now.Policy.Shadow = true
	r.follow(now.Policy)
	r.put("bob", moved(policy.Restrict, policy.ByViolation, time.Now()))
	c := r.connect("bob", linear16)
	c.send(150, 20)
	c.text(`{"type":"CloseStream"}`)
	c.read()
	if rec := r.heard(1)[0]; rec.AudioMS != 3000 {
		t.Errorf("the vendor heard %d ms, want all 3000", rec.AudioMS)
	}
	r.settled()
	r.connect("bob", linear16)
	if n := r.metric("decisions_total", "reason", "budget_exhausted"); n != 1 {
		t.Errorf("%v shadow refusals are counted, want 1", n)
	}
}

func TestAShadowBudgetCountsAndStopsNobody(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) { budgetOf(2 * time.Second)(c); c.Budgets[0].Shadow = true }, slice: time.Second})
	r.restrict("bob")
	c := r.connect("bob", linear16)
	c.send(150, 20)
	c.text(`{"type":"CloseStream"}`)
	c.read()
	if rec := r.heard(1)[0]; rec.AudioMS != 3000 {
		t.Errorf("the vendor heard %d ms, want all 3000", rec.AudioMS)
	}
	r.settled()
	if used := r.used("bob"); used != 3000 {
		t.Errorf("%d ms are counted", used)
	}
	r.connect("bob", linear16)
	if n := r.metric("decisions_total", "shadow", "true"); n != 1 {
		t.Errorf("%v shadow refusals are counted, want 1", n)
	}
}

func TestARecordThatCannotBeReadLiftsNothing(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(2 * time.Second)})
	if _, err := r.store.SetState(t.Context(), "bob", ledger.State{Data: []byte(`{"stage":"banned"}`)}); err != nil {
		t.Fatal(err)
	}
	r.spent("bob")
	if !strings.Contains(r.log.String(), "user record is unreadable") {
		t.Error("the log does not say so")
	}
}
