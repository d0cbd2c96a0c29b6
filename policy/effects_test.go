package policy

import (
	"maps"
	"reflect"
	"testing"
	"time"
)

var ann = Subject{User: "ann", Plan: "free", Provider: "deepgram"}

func TestAStageDoesWhatItPromises(t *testing.T) {
	c := Default()
	c.Stages = maps.Clone(c.Stages)
	c.Stages[Restrict] = StageRules{Decay: time.Hour, Actions: Actions{Notify: true, MaxStreams: 2, Pace: 1.5, Model: map[string]string{"a": "b"}, Refuse: true}}
	for _, tc := range []struct {
		s    State
		want Effects
	}{
		{State{}, Effects{Stage: None, Would: None}},
		{at(Warning, 0), Effects{Stage: Warning, Would: Warning, Until: noon.Add(6 * day), Actions: c.Stages[Warning].Actions}},
		{placed(Throttle, ByHand, noon, time.Time{}), Effects{Stage: Throttle, Would: Throttle, Actions: c.Stages[Throttle].Actions}},
		{placed(Restrict, ByCap, noon, time.Time{}), Effects{Stage: Restrict, Would: Restrict, Until: noon.Add(time.Hour), Actions: c.Stages[Restrict].Actions}},
		{placed(Restrict, ByCap, noon.Add(-time.Hour), time.Time{}), Effects{Stage: Throttle, Would: Throttle, Until: noon.Add(7 * day), Actions: c.Stages[Throttle].Actions}},
		{placed(Restrict, ByHand, noon, noon), Effects{Stage: None, Would: None}},
	} {
		if got := EffectsOf(tc.s, c, ann, noon); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%+v:\ngot  %+v\nwant %+v", tc.s.Position, got, tc.want)
		}
	}
}

func TestNothingHoldsForWhomEverythingIsLifted(t *testing.T) {
	bs := []Budget{{Name: "own", Stages: []Stage{Restrict}}, {Name: "everywhere"}, {Name: "house", Per: PerAll}, {Name: "vendor", Per: PerProvider, Stages: []Stage{Restrict}}}
	for _, tc := range []struct {
		why  Why
		c    func(*Config)
		s    func(*State)
		want []string
	}{
		{"", func(*Config) {}, func(*State) {}, []string{"own", "everywhere", "house", "vendor"}},
		{WhyDisabled, func(c *Config) { c.Enabled, c.KillSwitch = false, true }, func(*State) {}, []string{"house", "vendor"}},
		{WhyKillSwitch, func(c *Config) { c.KillSwitch, c.ExemptUsers = true, []string{"ann"} }, func(*State) {}, []string{"house", "vendor"}},
		{WhyExempt, func(c *Config) { c.ExemptUsers = []string{"ann"} }, func(*State) {}, []string{"house", "vendor"}},
		{WhyExempt, func(*Config) {}, func(s *State) { s.Exempt = &Exemption{Until: noon.Add(1)} }, []string{"house", "vendor"}},
		{"", func(*Config) {}, func(s *State) { s.Exempt = &Exemption{Until: noon} }, []string{"own", "everywhere", "house", "vendor"}},
	} {
		c, s := Default(), placed(Restrict, ByHand, noon, time.Time{})
		c.Stages[Restrict] = StageRules{Actions: Actions{Refuse: true, MaxStreams: 1, Pace: 1}}
		tc.c(&c)
		tc.s(&s)
		e := EffectsOf(s, c, ann, noon)
		if e.Why != tc.why || e.Lifted != (tc.why != "") || e.Stage != Restrict || e.Refuse == e.Lifted || (e.MaxStreams == 0) != e.Lifted {
			t.Errorf("%s: %+v", tc.why, e)
		}
		var got []string
		for _, b := range e.Applying(bs, Subject{Stage: None}) {
			got = append(got, b.Name)
			if b.Shadow {
				t.Errorf("%s: %s is a shadow", tc.why, b.Name)
			}
		}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: budgets %v, want %v", tc.why, got, tc.want)
		}
	}
}

func TestAShadowHoldsBackTheMachineAndNotTheOperator(t *testing.T) {
	c := Default()
	c.Shadow = true
	until := noon.Add(7 * day)
	hand := placed(Throttle, ByHand, noon, time.Time{})
	beneath := placed(Restrict, ByCap, noon, time.Time{})
	beneath.Before = &hand.Position
	thought := hand
	thought.Shadow = &Track{Position: Position{Stage: Restrict, Since: noon, Cause: ByCap}}
	for name, tc := range map[string]struct {
		s    State
		want Effects
	}{
		"a step of the machine":                 {placed(Throttle, ByViolation, noon, time.Time{}), Effects{Stage: None, Would: Throttle, Shadow: true}},
		"a stage by hand":                       {hand, Effects{Stage: Throttle, Would: Throttle, Shadow: true, Actions: c.Stages[Throttle].Actions}},
		"by hand, and the machine on top of it": {beneath, Effects{Stage: Throttle, Would: Restrict, Shadow: true, Actions: c.Stages[Throttle].Actions}},
		"by hand, and the shadow above":         {thought, Effects{Stage: Throttle, Would: Restrict, Shadow: true, Actions: c.Stages[Throttle].Actions}},
		"by hand, for a time":                   {placed(Throttle, ByHand, noon, until), Effects{Stage: Throttle, Would: Throttle, Shadow: true, Until: until, Actions: c.Stages[Throttle].Actions}},
	} {
		got := EffectsOf(tc.s, c, ann, noon)
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, tc.want)
		}
	}
	e := Effects{Stage: Throttle, Would: Restrict}
	got := e.Applying([]Budget{
		{Name: "both", Stages: []Stage{Throttle, Restrict}},
		{Name: "now", Stages: []Stage{Throttle}},
		{Name: "would", Stages: []Stage{Restrict}},
		{Name: "neither", Stages: []Stage{None}},
		{Name: "tried", Shadow: true},
		{Name: "elsewhere", Providers: []string{"soniox"}},
	}, ann)
	want := []Budget{
		{Name: "both", Stages: []Stage{Throttle, Restrict}},
		{Name: "now", Stages: []Stage{Throttle}},
		{Name: "would", Stages: []Stage{Restrict}, Shadow: true},
		{Name: "tried", Shadow: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestEffectsCostNothingPerLease(t *testing.T) {
	c := Default()
	c.Shadow = true
	s := at(Restrict, 3)
	s.Before = &Position{Stage: Warning, Since: noon, Cause: ByHand}
	s.Shadow = &Track{Position: s.Position}
	if n := testing.AllocsPerRun(100, func() { EffectsOf(s, c, ann, noon.Add(40*day)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
