package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// violations are as many, the last an hour ago, an hour between them.
func violations(n int, cause Cause) (out []Violation) {
	for i := n; i > 0; i-- {
		out = append(out, Violation{At: noon.Add(-time.Duration(i) * time.Hour), Ref: fmt.Sprintf("FU-%012d", i), Score: 0.9, Cause: cause})
	}
	return out
}

// at is a user at a stage since a day, with n earlier violations.
func at(stage Stage, n int) State {
	s := placed(stage, ByViolation, noon.Add(-day), time.Time{})
	s.Violations = violations(n, ByViolation)
	return s
}

func scored(score float64) Review {
	return Review{Ref: "FU-ABCDEF012345", User: "ann", Plan: "free", Cause: ByViolation, Triggers: []Trigger{{Cap: "daily"}}, Verdict: Verdict{Score: score, Type: "audiobook"}}
}

// Every line of the old system's tests of its escalation, with earlier violations in place of its count of events.
func TestEscalation(t *testing.T) {
	for _, tc := range []struct {
		name  string
		s     State
		score float64
		want  Stage
		out   Outcome
	}{
		{"none to warning at 0.85", at(None, 0), 0.85, Warning, OutcomeStepped},
		{"none to warning at exactly 0.70", at(None, 0), 0.70, Warning, OutcomeStepped},
		{"none stays at 0.69", at(None, 0), 0.69, None, OutcomeLow},
		{"none stays at 0.3", at(None, 0), 0.3, None, OutcomeLow},
		{"a low score with 3 violations does not escalate", at(Warning, 3), 0.3, Warning, OutcomeLow},
		{"what is no number is low", at(None, 0), math.NaN(), None, OutcomeLow},
		{"warning stays with 1", at(Warning, 1), 0.9, Warning, OutcomeNoStep},
		{"warning to throttle with 2", at(Warning, 2), 0.9, Throttle, OutcomeStepped},
		{"warning to throttle with 3: one step", at(Warning, 3), 0.9, Throttle, OutcomeStepped},
		{"none to warning with 9: one step", at(None, 9), 1, Warning, OutcomeStepped},
		{"throttle stays with 2", at(Throttle, 2), 0.9, Throttle, OutcomeNoStep},
		{"throttle to restrict with 3", at(Throttle, 3), 0.9, Restrict, OutcomeStepped},
		{"throttle to restrict with 4", at(Throttle, 4), 0.9, Restrict, OutcomeStepped},
		{"restrict is the end", at(Restrict, 9), 1, Restrict, OutcomeVoid},
		{"a user nobody has heard of", State{}, 1, Warning, OutcomeStepped},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, _ := tc.s.Encode()
			got, e := Step(tc.s, scored(tc.score), Default(), noon)
			if got.Stage != tc.want || e.To != tc.want || e.From != tc.s.stage() || e.Outcome != tc.out || e.Moved() != (e.From != e.To) {
				t.Fatalf("at %s, event %+v", got.Stage, e)
			}
			counted := len(got.Violations) - len(tc.s.Violations)
			if want := map[Outcome]int{OutcomeStepped: 1, OutcomeNoStep: 1}[tc.out]; counted != want {
				t.Errorf("%d violations more, want %d", counted, want)
			}
			if tc.out == OutcomeStepped {
				if got.LastCase != "FU-ABCDEF012345" || got.Ref != "FU-ABCDEF012345" || !got.Since.Equal(noon) || got.Cause != ByViolation || got.Reason != "audiobook" {
					t.Errorf("the record does not say why: %+v", got)
				}
				last := got.History[len(got.History)-1]
				if last != (Change{At: noon, From: e.From, To: e.To, Cause: ByViolation, Ref: "FU-ABCDEF012345"}) {
					t.Errorf("history %+v", last)
				}
			} else if got.LastCase != "" || len(got.History) != 0 || !got.Since.Equal(tc.s.Since) {
				t.Errorf("nobody was moved, yet %+v", got)
			}
			if after, _ := tc.s.Encode(); string(after) != string(before) {
				t.Error("the state that came in was changed")
			}
		})
	}
}

func TestOnlyViolationsWithinTheWindowCount(t *testing.T) {
	c := Default()
	for age, want := range map[time.Duration]Stage{c.Review.Window: Throttle, c.Review.Window + 1: Warning} {
		s := at(Warning, 2)
		s.Violations[0].At = noon.Add(-age)
		if got, e := Step(s, scored(1), c, noon); got.Stage != want || e.Violations != map[Stage]int{Throttle: 2, Warning: 1}[want] {
			t.Errorf("one of %v: %s, %+v", age, got.Stage, e)
		}
	}
}

func TestAnEventHasTheNumbersAtTheTimeAndTheRuleThatFired(t *testing.T) {
	_, e := Step(at(Warning, 2), scored(0.9), Default(), noon)
	want := Event{
		Ref: "FU-ABCDEF012345", At: noon, User: "ann", Plan: "free", Cause: ByViolation, Triggers: []Trigger{{Cap: "daily"}},
		Verdict: Verdict{Score: 0.9, Type: "audiobook"}, From: Warning, To: Throttle, Violations: 2, Outcome: OutcomeStepped,
		Rule:   "score 0.90 is at or over the threshold 0.70 and throttle needs 2 earlier violations in 168h0m0s: there are 2",
		Limits: Limits{Threshold: 0.7, WindowMS: 604_800_000, CooldownMS: 43_200_000, EnterAfter: 2},
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v\nwant %+v", e, want)
	}
	for rule, got := range map[string]func() Event{
		"score 0.30 is below the threshold 0.70: nothing counts":       func() Event { _, e := Step(at(Warning, 2), scored(0.3), Default(), noon); return e },
		"throttle needs 2 earlier violations in 168h0m0s, there are 1": func() Event { _, e := Step(at(Warning, 1), scored(0.9), Default(), noon); return e },
		"the user is at restrict already: nothing counts":              func() Event { _, e := Step(at(Restrict, 1), scored(0.9), Default(), noon); return e },
		"no rule holds for this user (kill_switch): nothing counts": func() Event {
			c := Default()
			c.KillSwitch = true
			_, e := Step(at(None, 0), scored(0.9), c, noon)
			return e
		},
	} {
		if e := got(); e.Rule != rule {
			t.Errorf("rule %q, want %q", e.Rule, rule)
		}
	}
	b, err := json.Marshal(e)
	if err != nil || !strings.Contains(string(b), `"review":{"misuse_score":0.9,"usage_type":"audiobook"}`) || strings.Contains(string(b), "shadow") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestARecordStaysSmall(t *testing.T) {
	c := Default()
	c.Stages[Throttle] = StageRules{EnterAfter: MaxViolations}
	s := at(Warning, MaxViolations-1)
	for i := range 3 {
		s, _ = Step(s, scored(1), c, noon.Add(time.Duration(i)))
		if len(s.Violations) != MaxViolations || !s.Violations[MaxViolations-1].At.Equal(noon.Add(time.Duration(i))) {
			t.Fatalf("%d violations, the last at %v", len(s.Violations), s.Violations[len(s.Violations)-1].At)
		}
		if i == 0 && s.Stage != Warning || i > 0 && s.Stage == Warning {
			t.Errorf("after %d reviews at %s", i+1, s.Stage)
		}
	}
	for i := range MaxHistory + 5 {
		s, _ = Set(s, Setting{Stage: Warning, Reason: fmt.Sprint(i)}, c, noon)
	}
	if len(s.History) != MaxHistory || s.History[MaxHistory-1].Reason != fmt.Sprint(MaxHistory+4) {
		t.Errorf("%d steps, the last %+v", len(s.History), s.History[len(s.History)-1])
	}
}

// The whole life of a user whose free credits are spent and who stays over a cap, on the fastest path there is.
func TestFullLifecycle(t *testing.T) {
	c := Default()
	free := Review{Ref: "FU-000000000001", User: "ann", Plan: "free", Cause: FreeExhausted, Verdict: Verdict{Score: 1, Type: "free_exhausted"}}
	s := State{}
	for _, tc := range []struct {
		after time.Duration
		want  Stage
	}{{0, Warning}, {12 * time.Hour, Warning}, {24 * time.Hour, Throttle}, {36 * time.Hour, Restrict}} {
		now := noon.Add(tc.after)
		if due, why := Due(s, c, "ann", []Trigger{{}}, now); !due {
			t.Fatalf("at %v: %s", tc.after, why)
		}
		s = Begin(s, "t", c, now)
		var e Event
		var ok bool
		if s, e, ok = Finish(s, "t", free, c, now); !ok || s.Stage != tc.want || e.Verdict.Score != 1 || e.Verdict.Type != "free_exhausted" {
			t.Fatalf("at %v: %s, want %s: %+v", tc.after, s.Stage, tc.want, e)
		}
		if due, why := Due(s, c, "ann", []Trigger{{}}, now.Add(12*time.Hour-1)); due {
			t.Fatalf("a second review within the cooldown: %s", why)
		}
	}
	if due, why := Due(s, c, "ann", []Trigger{{}}, noon.Add(48*time.Hour)); due || why != WhyRestricted {
		t.Errorf("somebody at restrict is reviewed: %s", why)
	}
	restricted := noon.Add(36 * time.Hour)
	for _, tc := range []struct {
		after time.Duration
		want  Stage
	}{{30*day - 1, Restrict}, {30 * day, Throttle}, {37*day - 1, Throttle}, {37 * day, Warning}, {44 * day, None}, {1000 * day, None}} {
		if got := s.Now(c, restricted.Add(tc.after)); got.Stage != tc.want {
			t.Errorf("%v after the restriction at %s, want %s", tc.after, got.Stage, tc.want)
		}
	}
	back, e, ok := Restored(s, c, "ann", restricted.Add(time.Hour))
	if !ok || back.Stage != None || back.Cause != ByNobody || len(back.Violations) != 0 || back.Plan != "" || back.Before != nil {
		t.Errorf("credits are back: %+v", back)
	}
	if e.From != Restrict || e.To != None || e.Cause != ByCredits || e.User != "ann" || e.Plan != "free" || e.Rule == "" || back.History[len(back.History)-1].Cause != ByCredits {
		t.Errorf("event %+v", e)
	}
}

func TestFreeExhaustedGoesBackToWhereTheUserWas(t *testing.T) {
	c := Default()
	free := Review{User: "ann", Plan: "free", Cause: FreeExhausted, Verdict: Verdict{Score: 1}}
	warned := at(Warning, 3)
	up, _ := Step(warned, free, c, noon)
	if up.Stage != Throttle || up.Cause != FreeExhausted || up.Plan != "free" || up.Before == nil || !reflect.DeepEqual(*up.Before, warned.Position) {
		t.Fatalf("%+v", up)
	}
	top, _ := Step(up, free, c, noon.Add(time.Hour))
	if top.Stage != Restrict || !reflect.DeepEqual(top.Before, up.Before) {
		t.Fatalf("a second step forgets where the user was: %+v", top)
	}
	for name, tc := range map[string]struct {
		s     State
		after time.Duration
		want  Position
	}{
		"after one step":              {up, time.Hour, warned.Position},
		"after two":                   {top, time.Hour, warned.Position},
		"when that is over meanwhile": {top, 7 * day, Position{Stage: None, Since: warned.Since.Add(7 * day)}},
	} {
		got, _, ok := Restored(tc.s, c, "ann", noon.Add(tc.after))
		if !ok || !reflect.DeepEqual(got.Position, tc.want) || !reflect.DeepEqual(got.Violations, warned.Violations) {
			t.Errorf("%s: %+v", name, got.Track)
		}
	}

	if got, e, ok := Restored(warned, c, "ann", noon); ok || !reflect.DeepEqual(got, warned) || !reflect.DeepEqual(e, Event{}) {
		t.Errorf("nothing to undo, yet %+v, %+v", got, e)
	}
	counted, _ := Step(at(Throttle, 2), free, c, noon) // a violation, no step
	if got, e, ok := Restored(counted, c, "ann", noon); !ok || got.Stage != Throttle || len(got.Violations) != 2 || e.Moved() || len(got.History) != 0 {
		t.Errorf("what was counted for spent credits counts on: %+v", got.Track)
	}
}

func TestAViolationMeanwhileStaysWhenTheCreditsAreBack(t *testing.T) {
	c := Default()
	free := Review{Cause: FreeExhausted, Verdict: Verdict{Score: 1}}
	s, _ := Step(at(Warning, 3), free, c, noon)
	s, e := Step(s, scored(1), c, noon.Add(time.Hour))
	if s.Stage != Restrict || s.Cause != FreeExhausted || s.Before.Stage != Throttle || s.Before.Cause != ByViolation || e.Cause != ByViolation {
		t.Fatalf("%+v", s.Track)
	}
	got, _, _ := Restored(s, c, "ann", noon.Add(2*time.Hour))
	if got.Stage != Throttle || got.Cause != ByViolation || !got.Since.Equal(noon.Add(time.Hour)) || len(got.Violations) != 4 {
		t.Errorf("%+v", got.Track)
	}

	// The same review may bring both: the credits are back, and the classifier has a score.
	both := scored(1)
	both.Credits = true
	s, _ = Step(at(None, 0), free, c, noon)
	s, e = Step(s, both, c, noon.Add(time.Hour))
	if s.Stage != Warning || s.Cause != ByViolation || len(s.Violations) != 1 || e.From != Warning || e.To != Warning || e.Violations != 0 || e.Outcome != OutcomeStepped {
		t.Errorf("%+v, %+v", s.Track, e)
	}
	s, _ = Step(at(None, 0), free, c, noon)
	low := scored(0)
	low.Credits = true
	if s, e = Step(s, low, c, noon.Add(time.Hour)); s.Stage != None || e.To != None || e.From != Warning {
		t.Errorf("%+v, %+v", s.Track, e)
	}
}

func TestAnOperatorsDecisionIsKeptBeneathWhatTheMachineAdds(t *testing.T) {
	c := Default()
	byHand := placed(Throttle, ByHand, noon.Add(-day), time.Time{})
	byHand.Violations = violations(3, ByViolation)
	s, _ := Step(byHand, scored(1), c, noon)
	if s.Stage != Restrict || s.Cause != ByViolation || s.Before == nil || s.Before.Cause != ByHand {
		t.Fatalf("%+v", s.Track)
	}
	if got := s.Now(c, noon.Add(10000*day)); got.Stage != Throttle || got.Cause != ByHand || !got.Since.Equal(noon.Add(-day)) {
		t.Errorf("a throttle for good has become %+v", got.Position)
	}
	warned := placed(Warning, ByHand, noon.Add(-day), time.Time{})
	warned.Violations = violations(3, ByViolation)
	s, _ = Step(warned, scored(1), c, noon)
	s, _ = Step(s, scored(1), c, noon.Add(time.Hour))
	if s.Stage != Restrict || s.Before == nil || s.Before.Stage != Warning {
		t.Errorf("the second step forgets it: %+v", s.Track)
	}
	unset := placed(None, ByHand, noon.Add(-day), time.Time{})
	if s, _ = Step(unset, scored(1), c, noon); s.Before != nil {
		t.Errorf("there is nothing beneath a first step: %+v", s.Track)
	}
}

func TestUsersForWhomNothingHoldsAreNotMoved(t *testing.T) {
	for name, f := range map[string]func(*State, *Config){
		"disabled":    func(_ *State, c *Config) { c.Enabled = false },
		"kill switch": func(_ *State, c *Config) { c.KillSwitch = true },
		"exempt":      func(_ *State, c *Config) { c.ExemptUsers = []string{"bob", "ann"} },
		"by hand":     func(s *State, _ *Config) { s.Exempt = &Exemption{} },
		"for a time":  func(s *State, _ *Config) { s.Exempt = &Exemption{Until: noon.Add(1)} },
	} {
		s, c := at(Warning, 5), Default()
		f(&s, &c)
		got, e := Step(s, scored(1), c, noon)
		if got.Stage != Warning || len(got.Violations) != 5 || e.Outcome != OutcomeVoid || e.Moved() {
			t.Errorf("%s: %+v", name, e)
		}
		if due, why := Due(s, c, "ann", []Trigger{{}}, noon); due || why == WhyDue {
			t.Errorf("%s: reviewed", name)
		}
	}
	s := at(Warning, 5)
	s.Exempt = &Exemption{Until: noon}
	if got, _ := Step(s, scored(1), Default(), noon); got.Stage != Throttle {
		t.Error("an exemption that is over still holds")
	}
}

func TestReferencesOfCases(t *testing.T) {
	seen := map[string]bool{}
	for i := range 256 {
		ref := Reference([6]byte{0xab, 0, 0, 0, 1, byte(i)})
		if !IsReference(ref) || seen[ref] || !strings.HasPrefix(ref, "FU-AB00000001") || len(ref) != 15 {
			t.Fatal(ref)
		}
		seen[ref] = true
	}
	for _, bad := range []string{"", "FU-", "fu-ABCDEF012345", "FU-abcdef012345", "FU-ABCDEF01234", "FU-ABCDEF0123456", "ABCDEF012345", "FU-ABCDEF01234G", "XX-ABCDEF012345"} {
		if IsReference(bad) {
			t.Errorf("%q is taken for a reference", bad)
		}
	}
}
