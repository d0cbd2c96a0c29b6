package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestExplanationsSayRuleByRuleWhatHoldsAndWhy(t *testing.T) {
	bs := []Budget{
		{Name: "daily", Stages: []Stage{Restrict, Throttle}, Window: "day", Limit: time.Minute},
		{Name: "strict", Stages: []Stage{Restrict}, Window: "day", Limit: time.Second},
		{Name: "other", Providers: []string{"soniox", "x"}},
		{Name: "gold", Plans: []string{"gold"}},
		{Name: "house", Per: PerAll, Window: "1h", Limit: time.Hour},
		{Name: "tried", Window: "24h", Limit: time.Second, Shadow: true},
	}
	balances := []Balance{{Budget: "daily", Limit: 60_000, Used: 59_000, Remaining: 1000}, {Budget: "tried", Limit: 1000, Used: 1000, Shadow: true}, {Budget: "strict", Limit: 1000, Used: 1000, Resets: noon.Add(90 * time.Minute)}}
	sums := func(w time.Duration) int64 { return int64(w/(24*time.Hour)) * 7_200_001 } // 2h and a millisecond a day
	for name, tc := range map[string]struct {
		s    State
		c    func(*Config)
		want string
	}{
		"throttle": {at(Throttle, 2), nil, `
pass lifted: the rules hold: policy is enabled, the kill switch is off, the user is not exempt
info stage throttle: stage throttle since 2026-03-03T12:00:00Z, cause violation, until 2026-03-10T12:00:00Z
hit cap daily: 2h0m0.001s of 2h0m0s in 24h0m0s: exceeded by 1ms
pass cap 3day: 6h0m0.003s of 8h0m0s in 72h0m0s
hit cap weekly: 14h0m0.007s of 10h0m0s in 168h0m0s: exceeded by 4h0m0.007s
hit review due: a review is due
info violations: 2 within 168h0m0s
pass step restrict: a score of 0.7 or more in the next review counts, and leads nowhere: restrict needs 3 earlier violations
info action max_streams: at most 1 at once
info action pace: audio passes at most 1 times as fast as it plays
pass budget daily: 1s of 1m0s per day are left
skip budget strict: does not apply: it is for the stages restrict
skip budget other: does not apply: it is for soniox, x
skip budget gold: does not apply: it is for the plans gold
info budget house: applies: 1h0m0s per 1h; its balance is not known
info budget tried: 1s per 24h is spent, and only counted: it is a shadow`},
		"restrict over a decision by hand": {func() State {
			s := at(Restrict, 4)
			s.Ref, s.Before = "FU-000000000001", &Position{Stage: Warning, Cause: ByHand, By: "admin:amy"}
			s.Review = Lock{Until: noon.Add(time.Hour)}
			return s
		}(), func(c *Config) {
			c.Caps = nil
			c.Stages[Restrict] = StageRules{Actions: Actions{Refuse: true, Model: map[string]string{"a": "b"}}}
		}, `
pass lifted: the rules hold: policy is enabled, the kill switch is off, the user is not exempt
info stage restrict: stage restrict since 2026-03-03T12:00:00Z, cause violation, case FU-000000000001
info stage warning: beneath it: warning, where the user goes back to
skip review no_trigger: a review is not due: no cap is exceeded
info violations: 4 within 168h0m0s
hit action refuse: stage restrict refuses
info action model: models are replaced: 1 rules
pass budget daily: 1s of 1m0s per day are left
hit budget strict: 1s per day is spent; there is some again in 1h30m0s
skip budget other: does not apply: it is for soniox, x
skip budget gold: does not apply: it is for the plans gold
info budget house: applies: 1h0m0s per 1h; its balance is not known
info budget tried: 1s per 24h is spent, and only counted: it is a shadow`},
		"exempt, by hand": {func() State {
			s := placed(Throttle, ByHand, noon, time.Time{})
			s.By, s.Exempt = "admin:amy", &Exemption{By: "admin:bea", At: noon, Until: noon.Add(time.Hour)}
			return s
		}(), func(c *Config) { c.Caps = nil }, `
hit lifted: the user is exempt by admin:bea since 2026-03-04T12:00:00Z, until 2026-03-04T13:00:00Z: no rule and no budget of the user's own holds
info stage throttle: stage throttle since 2026-03-04T12:00:00Z, cause manual, by admin:amy
skip review exempt: a review is not due: everything is lifted
info violations: 0 within 168h0m0s
pass step restrict: a score of 0.7 or more in the next review counts, and leads nowhere: restrict needs 3 earlier violations
skip budget daily: does not apply: everything of the user's own is lifted
skip budget strict: does not apply: it is for the stages restrict
skip budget other: does not apply: it is for soniox, x
skip budget gold: does not apply: it is for the plans gold
info budget house: applies: 1h0m0s per 1h; its balance is not known
skip budget tried: does not apply: everything of the user's own is lifted`},
		"in shadow": {func() State {
			s := at(None, 0)
			s.Since = time.Time{}
			s.Cause, s.Shadow = ByNobody, &Track{Position: Position{Stage: Restrict, Since: noon, Cause: ByCap}}
			return s
		}(), func(c *Config) { c.Shadow, c.Caps = true, c.Caps[:1] }, `
pass lifted: the rules hold: policy is enabled, the kill switch is off, the user is not exempt
info stage none: stage none
hit shadow restrict: policy.shadow is true: the user would be at restrict and is held at none
hit cap daily: 2h0m0.001s of 2h0m0s in 24h0m0s: exceeded by 1ms
skip review restricted: a review is not due: the user is at the last stage
info violations: 0 within 168h0m0s
pass budget daily: 1s of 1m0s per day are left
info budget strict: 1s per day is spent, and only counted: it is a shadow; there is some again in 1h30m0s
skip budget other: does not apply: it is for soniox, x
skip budget gold: does not apply: it is for the plans gold
info budget house: applies: 1h0m0s per 1h; its balance is not known
info budget tried: 1s per 24h is spent, and only counted: it is a shadow`},
	} {
		t.Run(name, func(t *testing.T) {
			c := Default()
			if tc.c != nil {
				tc.c(&c)
			}
			var got strings.Builder
			for _, l := range Explain(Question{State: tc.s, Config: c, Subject: ann, Budgets: bs, Balances: balances, Sums: sums, Now: noon}) {
				fmt.Fprintf(&got, "\n%s %s: %s", l.Says, strings.TrimSpace(l.Rule+" "+l.Name), l.Text)
			}
			if got.String() != tc.want {
				t.Errorf("got%s\n\nwant%s", got.String(), tc.want)
			}
		})
	}
}

func TestAnExplanationSaysWhatWasGranted(t *testing.T) {
	b := Budget{Name: "daily", Window: "day", Limit: time.Minute}
	x := Explain(Question{
		State: at(None, 0), Config: Default(), Subject: ann, Budgets: []Budget{b}, Now: noon, Sums: func(time.Duration) int64 { return 0 },
		Balances: []Balance{{Budget: "daily", Limit: 60_000, Granted: 90_000, Used: 100_000, Remaining: 50_000}},
	})
	if got := x[len(x)-1].Text; got != "50s of 1m0s and 1m30s granted per day are left" {
		t.Fatal(got)
	}
}

func TestABudgetOfTheShadowsStageIsLiftedForWhoIsExempt(t *testing.T) {
	c := Default()
	c.Shadow, c.ExemptUsers = true, []string{"ann"}
	s := State{Shadow: &Track{Position: Position{Stage: Restrict, Since: noon, Cause: ByCap}}}
	bs := []Budget{{Name: "strict", Stages: []Stage{Restrict}, Window: "day", Limit: time.Second}}
	lines := Explain(Question{State: s, Config: c, Subject: ann, Budgets: bs, Sums: func(time.Duration) int64 { return 0 }, Now: noon})
	if got := lines[len(lines)-1].Text; got != "does not apply: everything of the user's own is lifted" {
		t.Error(got)
	}
}

func TestExplanationsOfEverySwitchAndLock(t *testing.T) {
	for want, f := range map[string]func(*State, *Config){
		"policy.enabled is false: no rule and no budget of the user's own holds":    func(_ *State, c *Config) { c.Enabled = false },
		"policy.kill_switch is true: no rule and no budget of the user's own holds": func(_ *State, c *Config) { c.KillSwitch = true },
		"the user is exempt by policy.exempt_users: no rule and no budget of the user's own holds": func(s *State, c *Config) {
			c.ExemptUsers = []string{"ann"}
			s.Exempt = &Exemption{Until: noon} // over
		},
		"a review is not due: a backend says where users stand (policy.source)":             func(_ *State, c *Config) { c.Source = SourceHTTP },
		"a review is under way, until 2026-03-04T12:01:00Z":                                 func(s *State, _ *Config) { s.Review = Lock{Token: "t", Until: noon.Add(time.Minute)} },
		"a review is not due: the last one was not long ago, until 2026-03-04T12:01:00Z":    func(s *State, _ *Config) { s.Review = Lock{Until: noon.Add(time.Minute)} },
		"a review is not due: the last one failed not long ago, until 2026-03-04T12:01:00Z": func(s *State, _ *Config) { s.Review = Lock{Failures: 1, Until: noon.Add(time.Minute)} },
		"a review is due": func(s *State, _ *Config) { s.Review = Lock{Until: noon} },
		"a score of 0.7 or more in the next review leads to warning, which needs 0 earlier violations": func(*State, *Config) {},
	} {
		s, c := State{}, Default()
		f(&s, &c)
		found := false
		for _, l := range Explain(Question{State: s, Config: c, Subject: ann, Sums: func(time.Duration) int64 { return 1 << 40 }, Now: noon}) {
			found = found || l.Text == want
		}
		if !found {
			t.Errorf("nobody says %q", want)
		}
	}
}
