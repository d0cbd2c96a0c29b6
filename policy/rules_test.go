package policy

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const day = 24 * time.Hour

func TestTheDefaultsAreThoseOfTheContract(t *testing.T) {
	want := Config{
		Enabled: true, ExemptUsers: []string{}, Basis: "audio", CheckInterval: 60 * time.Second,
		Caps:  []Cap{{"daily", 24 * time.Hour, 2 * time.Hour}, {"3day", 72 * time.Hour, 8 * time.Hour}, {"weekly", 168 * time.Hour, 10 * time.Hour}},
		Plans: map[string]Plan{}, Users: map[string]Plan{}, Source: "own",
		Review: ReviewRules{Cooldown: 12 * time.Hour, Threshold: 0.7, Window: 168 * time.Hour, Lease: 152 * time.Second},
		Stages: map[Stage]StageRules{
			Warning:  {EnterAfter: 0, Decay: 7 * day, Actions: Actions{Notify: true, Model: map[string]string{}}},
			Throttle: {EnterAfter: 2, Decay: 7 * day, Actions: Actions{Notify: true, MaxStreams: 1, Pace: 1, Model: map[string]string{}}},
			Restrict: {EnterAfter: 3, Decay: 30 * day, Actions: Actions{Notify: true, Model: map[string]string{}}},
		},
		complete: true,
	}
	if got := Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsSetSurvivesTheDefaults(t *testing.T) {
	c := Config{
		KillSwitch: true, Shadow: true, ExemptUsers: []string{"a"}, Basis: BasisWords, CheckInterval: time.Hour, Caps: []Cap{},
		Plans: map[string]Plan{"p": {}}, Users: map[string]Plan{"u": {}}, Source: SourceRedis,
		Review: ReviewRules{time.Hour, 0.1, time.Minute, time.Second}, Stages: map[Stage]StageRules{Warning: {Decay: 1}},
	}
	got := c.WithDefaults()
	want := c
	want.Enabled, want.complete = true, true
	want.Stages = maps.Clone(Default().Stages)
	want.Stages[Warning] = StageRules{Decay: 1}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if len(c.Stages) != 1 {
		t.Error("the map that came in was changed")
	}
	again := got
	again.Enabled, again.Basis, again.Review.Cooldown, again.Caps = false, "", 0, nil
	if !reflect.DeepEqual(again.WithDefaults(), again) {
		t.Error("a zero that was written out is filled")
	}
	caps := []Cap{{Name: "a"}}
	filled := Config{Caps: caps}.WithDefaults()
	caps[0].Name = "b"
	if filled.Caps[0].Name != "a" {
		t.Error("the caps are shared with who gave them")
	}
}

func TestCapsOfAUserWinOverThoseOfThePlanAndThoseOverTheGeneralOnes(t *testing.T) {
	c := Default()
	c.Plans = map[string]Plan{"unlimited": {[]Cap{{Name: "of the plan"}}}, "free": {[]Cap{}}}
	c.Users = map[string]Plan{"ann": {[]Cap{{Name: "of the user"}}}, "bob": {[]Cap{}}}
	for _, tc := range []struct{ user, plan, want string }{
		{"eve", "", "daily,3day,weekly"},
		{"eve", "unheard of", "daily,3day,weekly"},
		{"eve", "unlimited", "of the plan"},
		{"eve", "free", ""},
		{"ann", "unlimited", "of the user"},
		{"bob", "", ""},
		{"unlimited", "ann", "daily,3day,weekly"},
	} {
		var got []string
		for _, x := range c.CapsOf(tc.user, tc.plan) {
			got = append(got, x.Name)
		}
		if strings.Join(got, ",") != tc.want {
			t.Errorf("%s on plan %q: %v, want %s", tc.user, tc.plan, got, tc.want)
		}
	}
}

// Every cap's line of the old system's tests.
func TestSoftCaps(t *testing.T) {
	const h = int64(time.Hour / time.Millisecond)
	for _, tc := range []struct {
		name           string
		day, three, wk int64
		want           string
	}{
		{"under", h, h, h, ""},
		{"nothing used", 0, 0, 0, ""},
		{"exactly at the caps", 2 * h, 8 * h, 10 * h, ""},
		{"one millisecond over the daily", 2*h + 1, 2*h + 1, 2*h + 1, "daily"},
		{"only the middle one", 2 * h, 8*h + 1, 8*h + 1, "3day"},
		{"only the last", 0, 0, 10*h + 1, "weekly"},
		{"all three, in order", 11 * h, 11 * h, 11 * h, "daily,3day,weekly"},
		{"numbers without end", 1 << 62, 1 << 62, 1 << 62, "daily,3day,weekly"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sums := map[time.Duration]int64{24 * time.Hour: tc.day, 72 * time.Hour: tc.three, 168 * time.Hour: tc.wk}
			var names []string
			for _, x := range Exceeded(Default().Caps, func(w time.Duration) int64 { return sums[w] }) {
				names = append(names, x.Cap)
				if x.Sum != sums[time.Duration(x.Window)*time.Millisecond] || x.Sum <= x.Limit || x.Limit%h != 0 {
					t.Errorf("%+v has not the numbers of the time", x)
				}
			}
			if strings.Join(names, ",") != tc.want {
				t.Errorf("got %v, want %s", names, tc.want)
			}
		})
	}
	if got := Exceeded(nil, func(time.Duration) int64 { return 1 << 62 }); got != nil {
		t.Errorf("no caps, yet %v", got)
	}
}

func TestRulesAreCheckedKeyByKey(t *testing.T) {
	stage := func(s Stage, change func(*StageRules)) func(*Config) {
		return func(c *Config) {
			c.Stages = maps.Clone(c.Stages)
			r := c.Stages[s]
			change(&r)
			c.Stages[s] = r
		}
	}
	caps := func(change func(*Cap)) func(*Config) {
		return func(c *Config) {
			c.Caps = slices.Clone(c.Caps)
			change(&c.Caps[1])
		}
	}
	for _, tc := range []struct {
		want string // the keys of the faults
		f    func(*Config)
	}{
		{"", func(c *Config) {
			c.ExemptUsers, c.Basis, c.Source, c.CheckInterval = []string{"a", "b"}, "words", "http", time.Second
		}},
		{"", func(c *Config) { c.Source = "redis" }},
		{"", func(c *Config) { c.Review.Threshold, c.Review.Window, c.Review.Cooldown = 1, 1, time.Second }},
		{"", func(c *Config) { c.Plans, c.Users = map[string]Plan{"p": {[]Cap{}}}, map[string]Plan{"u": {c.Caps}} }},
		{"", caps(func(x *Cap) { x.Window, x.Limit = time.Minute, time.Millisecond })},
		{"", caps(func(x *Cap) { x.Window = 8 * day })},
		{"", stage(Restrict, func(r *StageRules) { r.EnterAfter, r.Decay = MaxViolations, 0 })},
		{"", stage(Throttle, func(r *StageRules) { r.EnterAfter = 0 })},
		{"", stage(Throttle, func(r *StageRules) { r.EnterAfter = 3 })},
		{"", stage(Warning, func(r *StageRules) { r.Actions = Actions{Pace: 1, Model: map[string]string{"a": "b"}} })},
		{"", stage(Throttle, func(r *StageRules) { r.Actions.Model = map[string]string{"a": "Az0-._:/" + strings.Repeat("a", 56)} })},
		{"stages.throttle.actions.model[a]", stage(Throttle, func(r *StageRules) { r.Actions.Model = map[string]string{"a": strings.Repeat("a", 65)} })},
		{"stages.throttle.actions.model[a]", stage(Throttle, func(r *StageRules) { r.Actions.Model = map[string]string{"a": "a b"} })},
		{"exempt_users", func(c *Config) { c.ExemptUsers = []string{"a", "a"} }},
		{"exempt_users", func(c *Config) { c.ExemptUsers = []string{""} }},
		{"exempt_users", func(c *Config) { c.ExemptUsers = []string{"a "} }},
		{"basis", func(c *Config) { c.Basis = "" }},
		{"check_interval", func(c *Config) { c.CheckInterval = time.Second - 1 }},
		{"source", func(c *Config) { c.Source = "" }},
		{"review.cooldown", func(c *Config) { c.Review.Cooldown = time.Second - 1 }},
		{"review.threshold", func(c *Config) { c.Review.Threshold = 0 }},
		{"review.threshold", func(c *Config) { c.Review.Threshold = 1.01 }},
		{"review.window", func(c *Config) { c.Review.Window = 0 }},
		{"caps[1].name", caps(func(x *Cap) { x.Name = "" })},
		{"caps[1].name", caps(func(x *Cap) { x.Name = "Daily" })},
		{"caps[1].name", caps(func(x *Cap) { x.Name = "daily" })},
		{"caps[1].window", caps(func(x *Cap) { x.Window = 90 * time.Second })},
		{"caps[1].window", caps(func(x *Cap) { x.Window = 0 })},
		{"caps[1].window", caps(func(x *Cap) { x.Window = 8*day + time.Minute })},
		{"caps[1].limit", caps(func(x *Cap) { x.Limit = 0 })},
		{"caps[1].limit", caps(func(x *Cap) { x.Limit = time.Millisecond + 1 })},
		{"plans[p].caps", func(c *Config) { c.Plans = map[string]Plan{"p": {}} }},
		{"plans[p].caps[0].limit", func(c *Config) { c.Plans = map[string]Plan{"p": {[]Cap{{"a", day, 0}}}} }},
		{"users[u].caps", func(c *Config) { c.Users = map[string]Plan{"u": {}} }},
		{"stages.warning.enter_after", stage(Warning, func(r *StageRules) { r.EnterAfter = -1 })},
		{"stages.restrict.enter_after", stage(Restrict, func(r *StageRules) { r.EnterAfter = MaxViolations + 1 })},
		{"stages.restrict.enter_after", stage(Restrict, func(r *StageRules) { r.EnterAfter = 1 })},
		{"stages.throttle.enter_after stages.restrict.enter_after", stage(Warning, func(r *StageRules) { r.EnterAfter = 4 })},
		{"stages.throttle.decay", stage(Throttle, func(r *StageRules) { r.Decay = -1 })},
		{"stages.throttle.actions.max_streams", stage(Throttle, func(r *StageRules) { r.Actions.MaxStreams = -1 })},
		{"stages.throttle.actions.pace", stage(Throttle, func(r *StageRules) { r.Actions.Pace = 0.99 })},
		{"stages.throttle.actions.pace", stage(Throttle, func(r *StageRules) { r.Actions.Pace = -1 })},
		{"stages.throttle.actions.model", stage(Throttle, func(r *StageRules) { r.Actions.Model = map[string]string{"": "a"} })},
		{"stages.throttle.actions.model", stage(Throttle, func(r *StageRules) { r.Actions.Model = map[string]string{"a": ""} })},
	} {
		c := Default()
		tc.f(&c)
		var keys []string
		if err := c.Validate(); err != nil {
			for line := range strings.Lines(err.Error()) {
				key, what, _ := strings.Cut(line, ": ")
				keys = append(keys, key)
				if what == "" {
					t.Errorf("%q does not say what is wrong", line)
				}
			}
		}
		if got := strings.Join(keys, " "); got != tc.want {
			t.Errorf("faults of %q, want %q", got, tc.want)
		}
	}
}
