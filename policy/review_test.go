package policy

import (
	"reflect"
	"testing"
	"time"
)

var trigger = []Trigger{{Cap: "daily", Sum: 2, Limit: 1}}

func TestAReviewIsDueOnlyOnceAndOnlyWithAReason(t *testing.T) {
	locked := func(token string, failures int) State {
		return State{Review: Lock{Token: token, Until: noon.Add(1), Failures: failures}}
	}
	over := State{Review: Lock{Token: "gone", Until: noon}} // its gateway has died
	for _, tc := range []struct {
		name     string
		s        State
		c        func(*Config)
		triggers []Trigger
		want     Why
	}{
		{"a cap is exceeded", State{}, nil, trigger, WhyDue},
		{"at warning", at(Warning, 1), nil, trigger, WhyDue},
		{"at throttle", at(Throttle, 2), nil, trigger, WhyDue},
		{"no cap is exceeded", State{}, nil, nil, WhyNoTrigger},
		{"nobody at restrict is reviewed again", at(Restrict, 0), nil, trigger, WhyRestricted},
		{"nor where an operator has put them there", placed(Restrict, ByHand, noon, time.Time{}), nil, trigger, WhyRestricted},
		{"a restriction that is over", placed(Restrict, ByViolation, noon.Add(-30*day), time.Time{}), nil, trigger, WhyDue},
		{"somebody is at it", locked("t", 0), nil, trigger, WhyUnderReview},
		{"somebody is at it, again", locked("t", 1), nil, trigger, WhyUnderReview},
		{"after one", locked("", 0), nil, trigger, WhyCooldown},
		{"after a failure", locked("", 1), nil, trigger, WhyPause},
		{"the lock of one that died has ended", over, nil, trigger, WhyDue},
		{"a backend moves users", State{}, func(c *Config) { c.Source = SourceHTTP }, trigger, WhySource},
		{"a backend's key does", State{}, func(c *Config) { c.Source = SourceRedis }, trigger, WhySource},
		{"disabled", State{}, func(c *Config) { c.Enabled = false }, trigger, WhyDisabled},
		{"kill switch", State{}, func(c *Config) { c.KillSwitch = true }, trigger, WhyKillSwitch},
		{"exempt", State{}, func(c *Config) { c.ExemptUsers = []string{"ann"} }, trigger, WhyExempt},
		{"another is exempt", State{}, func(c *Config) { c.ExemptUsers = []string{"bob"} }, trigger, WhyDue},
		{"the shadow is at restrict", State{Shadow: &Track{Position: Position{Stage: Restrict, Since: noon, Cause: ByCap}}}, func(c *Config) { c.Shadow = true }, trigger, WhyRestricted},
		{"the shadow was", State{Shadow: &Track{Position: Position{Stage: Restrict, Since: noon, Cause: ByCap}}}, nil, trigger, WhyDue},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := Default()
			if tc.c != nil {
				tc.c(&c)
			}
			if due, why := Due(tc.s, c, "ann", tc.triggers, noon); due != (tc.want == WhyDue) || why != tc.want {
				t.Errorf("%v, %s; want %s", due, why, tc.want)
			}
		})
	}
}

func TestTheLockIsKeptAsACooldownAfterAReviewAndGivenBackAfterAFailure(t *testing.T) {
	c := Default()
	s := Begin(at(None, 0), "mine", c, noon)
	if want := (Lock{Token: "mine", At: noon, Until: noon.Add(152 * time.Second)}); s.Review != want {
		t.Fatalf("begun %+v", s.Review)
	}
	later := noon.Add(time.Minute)
	done, e, ok := Finish(s, "mine", scored(0.9), c, later)
	if want := (Lock{At: noon, Until: later.Add(12 * time.Hour), Last: OutcomeStepped}); !ok || done.Review != want || done.Stage != Warning || e.To != Warning {
		t.Errorf("finished %+v", done.Review)
	}
	if low, _, _ := Finish(s, "mine", scored(0.1), c, later); low.Review.Last != OutcomeLow || !low.Review.Until.Equal(later.Add(12*time.Hour)) {
		t.Errorf("a low score has no cooldown: %+v", low.Review)
	}
	failed, ok := Fail(s, "mine", c, later)
	if want := (Lock{At: noon, Until: later.Add(time.Minute), Failures: 1, Last: OutcomeFailed}); !ok || failed.Review != want {
		t.Errorf("failed %+v", failed.Review)
	}
	if !reflect.DeepEqual(failed.Track, s.Track) || len(failed.History) != 0 || failed.LastCase != "" {
		t.Errorf("a failure counts: %+v", failed)
	}
	again := Begin(failed, "next", c, later.Add(time.Minute))
	if twice, _ := Fail(again, "next", c, later); twice.Review.Failures != 2 || !twice.Review.Until.Equal(later.Add(2*time.Minute)) {
		t.Errorf("the pause does not grow: %+v", twice.Review)
	}
	if fine, _, _ := Finish(again, "next", scored(0.1), c, later); fine.Review.Failures != 0 {
		t.Error("failures are not forgotten by a success")
	}
}

func TestAnOldTokenChangesNothing(t *testing.T) {
	c := Default()
	first := Begin(at(None, 0), "first", c, noon)
	second := Begin(first, "second", c, noon.Add(c.Review.Lease)) // the first took too long
	done, _, _ := Finish(second, "second", scored(1), c, noon.Add(c.Review.Lease+1))
	for name, s := range map[string]State{"another has begun": second, "it is done": done, "never begun": at(None, 0)} {
		for _, token := range []string{"first", ""} {
			got, e, ok := Finish(s, token, scored(1), c, noon.Add(time.Hour))
			if ok || !reflect.DeepEqual(got, s) || !reflect.DeepEqual(e, Event{}) {
				t.Errorf("%s: finished with %q: %+v", name, token, got)
			}
			if got, ok := Fail(s, token, c, noon.Add(time.Hour)); ok || !reflect.DeepEqual(got, s) {
				t.Errorf("%s: failed with %q: %+v", name, token, got)
			}
		}
	}
	// Late, but nobody else has begun: the result is welcome.
	if got, _, ok := Finish(first, "first", scored(1), c, noon.Add(time.Hour)); !ok || got.Stage != Warning {
		t.Errorf("%+v", got)
	}
}

func TestThePauseDoublesUpToAnHourAndNeverOutlastsACooldown(t *testing.T) {
	c := Default()
	for failures, want := range []time.Duration{1, 1, 2, 4, 8, 16, 32, 60, 60, 60} {
		if got := Pause(failures, c); got != want*time.Minute {
			t.Errorf("after %d: %v, want %v", failures, got, want*time.Minute)
		}
	}
	if got := Pause(1<<40, c); got != time.Hour {
		t.Errorf("after very many: %v", got)
	}
	c.Review.Cooldown = 90 * time.Second
	if Pause(1, c) != time.Minute || Pause(2, c) != 90*time.Second || Pause(50, c) != 90*time.Second {
		t.Error("a failure costs more than a success")
	}
}

func TestWhatHasFallenMeanwhileIsWrittenWithTheReview(t *testing.T) {
	c := Default()
	warned := at(Warning, 0)
	later := warned.Since.Add(7 * day)
	for name, s := range map[string]State{
		"begin": Begin(warned, "t", c, later),
		"fail":  func() State { s, _ := Fail(Begin(warned, "t", c, noon), "t", c, later); return s }(),
		"set":   func() State { s, _ := Set(warned, Setting{Stage: None}, c, later); return s }(),
	} {
		if s.Stage != None || len(s.History) == 0 || s.History[0] != (Change{At: later, From: Warning, To: None, Cause: ByDecay}) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	done, e, _ := Finish(Begin(warned, "t", c, noon), "t", scored(1), c, later)
	if done.Stage != Warning || e.From != None || len(done.History) != 2 {
		t.Errorf("%+v, %+v", done, e)
	}
}
