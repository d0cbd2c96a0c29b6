package policy

import (
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestStagesAreReadExactly(t *testing.T) {
	for _, s := range Stages() {
		if got, err := ParseStage(string(s)); err != nil || got != s {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "None", "restrict ", "restricted", "0"} {
		if got, err := ParseStage(s); err == nil {
			t.Errorf("%q is read as %q", s, got)
		}
	}
}

func placed(stage Stage, cause Cause, since, until time.Time) State {
	return State{Track: Track{Position: Position{Stage: stage, Since: since, Until: until, Cause: cause}}}
}

func TestAStageSetByHandHoldsUntilItsTimeHasPassed(t *testing.T) {
	for _, tc := range []struct {
		name  string
		state State
		want  Stage
	}{
		{"nobody has decided", State{}, None},
		{"for good", placed(Restrict, ByHand, noon.Add(-1e6*time.Hour), time.Time{}), Restrict},
		{"for good, in an old record", placed(Restrict, ByNobody, noon.Add(-1e6*time.Hour), time.Time{}), Restrict},
		{"a moment before the end", placed(Restrict, ByHand, noon, noon.Add(1)), Restrict},
		{"at the end", placed(Restrict, ByHand, noon, noon), None},
		{"after the end", placed(Restrict, ByNobody, noon, noon.Add(-1)), None},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.state.Now(Default(), noon).Stage; got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestAStateSurvivesItsStorage(t *testing.T) {
	full := placed(Restrict, FreeExhausted, noon, noon.Add(time.Hour))
	full.Ref, full.Reason, full.By, full.Before = "FU-0123456789AB", "resold", "admin:amy", &Position{Stage: Warning, Since: noon, Cause: ByViolation}
	full.Plan, full.Violations = "free", []Violation{{At: noon, Ref: "FU-0123456789AB", Score: 0.7, Cause: FreeExhausted}}
	full.Shadow = &Track{Position: Position{Stage: Throttle, Since: noon, Cause: ByCap}}
	full.ResetAt, full.Exempt = noon, &Exemption{By: "admin:amy", Reason: "press", At: noon, Until: noon.Add(time.Hour)}
	full.Review = Lock{Token: "t", At: noon, Until: noon, Failures: 3, Last: OutcomeFailed}
	full.History, full.LastCase = []Change{{At: noon, From: None, To: Warning, Cause: ByCap, Ref: "FU-0123456789AB", By: "b", Reason: "r", Shadow: true}}, "FU-0123456789AB"
	for _, s := range []State{{Track: Track{Position: Position{Stage: None}}}, full} {
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeState(b); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: got %+v, %v; want %+v", b, got, err, s)
		}
	}
	if got, err := DecodeState(nil); err != nil || !reflect.DeepEqual(got, placed(None, ByNobody, time.Time{}, time.Time{})) {
		t.Errorf("no record: %+v, %v", got, err)
	}
}

func TestARecordFromBeforeTheMachineIsRead(t *testing.T) {
	s, err := DecodeState([]byte(`{"stage":"restrict","since":"2026-03-04T12:00:00Z","until":"2026-03-05T12:00:00Z","reason":"resold","by":"admin:amy"}`))
	want := placed(Restrict, ByNobody, noon, noon.Add(24*time.Hour))
	want.Reason, want.By = "resold", "admin:amy"
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestAStateThatIsNotUnderstoodIsNotNone(t *testing.T) {
	for _, b := range []string{"{}", "null", `{"stage":"banned"}`, `{"stage":""}`, "x", `{"stage":3}`, `{"stage":"none"`, `{"stage":"warning","before":{"stage":"banned"}}`, `{"stage":"none","shadow":{"stage":"banned"}}`} {
		if got, err := DecodeState([]byte(b)); err == nil {
			t.Errorf("%s is read as %+v", b, got)
		}
	}
}

func TestBudgetsApplyToThoseTheyName(t *testing.T) {
	bs := []Budget{
		{Name: "all"},
		{Name: "restricted", Stages: []Stage{Restrict}},
		{Name: "watched", Stages: []Stage{Warning, Throttle}},
		{Name: "free", Plans: []string{"free"}},
		{Name: "deepgram", Providers: []string{"deepgram"}},
		{Name: "all at once", Providers: []string{"deepgram"}, Plans: []string{"free"}, Stages: []Stage{Restrict}},
		{Name: "unrestricted", Stages: []Stage{None}},
	}
	for _, tc := range []struct {
		name string
		s    Subject
		want string
	}{
		{"nothing known", Subject{}, "all,unrestricted"},
		{"no stage", Subject{Stage: None}, "all,unrestricted"},
		{"a stage", Subject{Stage: Restrict}, "all,restricted"},
		{"one of several", Subject{Stage: Throttle}, "all,watched"},
		{"a plan", Subject{Plan: "free", Stage: Warning}, "all,watched,free"},
		{"another plan", Subject{Plan: "Free"}, "all,unrestricted"},
		{"everything", Subject{User: "u", Plan: "free", Provider: "deepgram", Stage: Restrict}, "all,restricted,free,deepgram,all at once"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, b := range Applying(bs, tc.s) {
				got = append(got, b.Name)
			}
			if strings.Join(got, ",") != tc.want {
				t.Errorf("got %v, want %s", got, tc.want)
			}
		})
	}
}

func TestABudgetIsCheckedFieldByField(t *testing.T) {
	good := Budget{Name: "deepgram-daily", Limit: 30 * time.Minute}.WithDefaults()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for key, change := range map[string][]func(*Budget){
		"name": {
			func(b *Budget) { b.Name = "" }, func(b *Budget) { b.Name = "Daily" }, func(b *Budget) { b.Name = "a b" },
			func(b *Budget) { b.Name = "-a" }, func(b *Budget) { b.Name = `a"` }, func(b *Budget) { b.Name = strings.Repeat("a", 65) },
		},
		"providers":  {func(b *Budget) { b.Providers = []string{"a", "a"} }, func(b *Budget) { b.Providers = []string{""} }},
		"plans":      {func(b *Budget) { b.Plans = []string{"a", "b", "a"} }, func(b *Budget) { b.Plans = []string{"a", ""} }},
		"stages":     {func(b *Budget) { b.Stages = []Stage{"banned"} }, func(b *Budget) { b.Stages = []Stage{None, None} }, func(b *Budget) { b.Stages = []Stage{""} }},
		"per":        {func(b *Budget) { b.Per = "plan" }, func(b *Budget) { b.Per = "" }},
		"window":     {func(b *Budget) { b.Window = "year" }, func(b *Budget) { b.Window = "" }, func(b *Budget) { b.Window = "90s" }},
		"limit":      {func(b *Budget) { b.Limit = 0 }, func(b *Budget) { b.Limit = -1 }, func(b *Budget) { b.Limit = time.Microsecond }},
		"on_connect": {func(b *Budget) { b.OnConnect = Drop }, func(b *Budget) { b.OnConnect = "" }},
		"on_exhausted": {
			func(b *Budget) { b.OnExhausted = Refuse }, func(b *Budget) { b.OnExhausted = "" },
			func(b *Budget) { b.Per, b.OnExhausted = PerAll, Drop }, func(b *Budget) { b.Per, b.OnExhausted = PerProvider, Drop },
		},
	} {
		for i, f := range change {
			b := good
			f(&b)
			err := b.Validate()
			if err == nil || !strings.HasPrefix(err.Error(), key+": ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s %d: error %v, want one fault of this key", key, i, err)
			}
		}
	}
	if err := (Budget{}).Validate(); strings.Count(err.Error(), "\n") != 5 {
		t.Errorf("not all faults together: %v", err)
	}
}

func TestNamesOfBudgetsAndCaps(t *testing.T) {
	for _, good := range []string{"a", "z", "0", "9", "a.-_z", "09az", strings.Repeat("a", 64)} {
		if !validName(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"`", "{", "/", ":", "A", "a:", "a/", "a`", "a{", "é", ".a", "-a", "_a", "stage:restrict", strings.Repeat("a", 65)} {
		if validName(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestABudgetsDefaultsFillOnlyWhatWasLeftEmpty(t *testing.T) {
	want := Budget{Providers: []string{}, Plans: []string{}, Stages: []Stage{}, Per: "user", Window: "day", OnConnect: "auto", OnExhausted: "auto"}
	if got := (Budget{}).WithDefaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	full := Budget{Providers: []string{"a"}, Plans: []string{"b"}, Stages: []Stage{None}, Per: PerAll, Window: "week", OnConnect: Accept, OnExhausted: Close}
	if got := full.WithDefaults(); !reflect.DeepEqual(got, full) {
		t.Errorf("got %+v", got)
	}
}

func TestABudgetHasTheOwnerThatItSays(t *testing.T) {
	s := Subject{User: "ann", Provider: "soniox"}
	for per, want := range map[string]struct {
		owner  string
		shared bool
	}{"": {"user:ann", false}, PerUser: {"user:ann", false}, PerProvider: {"provider:soniox", true}, PerAll: {"all", true}} {
		b := Budget{Name: "b", Per: per, Limit: time.Hour}
		if b.Owner(s) != want.owner || b.Shared() != want.shared {
			t.Errorf("per %q: owner %s, shared %v", per, b.Owner(s), b.Shared())
		}
		b = b.WithDefaults()
		if err := b.Validate(); err != nil {
			t.Errorf("per %q: %v", per, err)
		}
	}
}

func TestWindows(t *testing.T) {
	for s, want := range map[string]struct {
		unit   string
		length time.Duration
	}{
		"day": {UnitDay, 0}, "week": {UnitWeek, 0}, "month": {UnitMonth, 0},
		"24h": {UnitRolling, 24 * time.Hour}, "7d": {UnitRolling, 168 * time.Hour}, "1m": {UnitRolling, time.Minute}, "8d": {UnitRolling, 192 * time.Hour},
		"1d12h": {UnitRolling, 36 * time.Hour},
	} {
		if unit, length, err := ParseWindow(s); err != nil || unit != want.unit || length != want.length {
			t.Errorf("%s: %s %v, %v", s, unit, length, err)
		}
	}
	for _, s := range []string{"", "Day", "year", "rolling", "0", "59s", "90s", "8d1m", "9d", "-1h", "24", "1d-1h", "d"} {
		if unit, length, err := ParseWindow(s); err == nil {
			t.Errorf("%q is read as %s %v", s, unit, length)
		}
	}
}

func TestTheLongestDurationIsReadAndNothingLonger(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"106751d": 106751 * 24 * time.Hour, "106751d23h47m16.854775807s": 1<<63 - 1, "1d0h": 24 * time.Hour, "0d": 0,
	} {
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"106752d", "106751d23h47m16.854775808s", "1d+1h", "1d-1ns", "1d1"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("%q is read as %v", s, got)
		}
	}
}

func TestDecisions(t *testing.T) {
	in := func(d time.Duration) time.Time { return noon.Add(d) }
	for _, tc := range []struct {
		name     string
		balances []Balance
		need     int64
		want     Decision
	}{
		{"no budget applies", nil, 1000, Decision{Allowed: true}},
		{"room", []Balance{{Budget: "a", Limit: 100, Used: 20, Remaining: 80, Resets: in(time.Hour)}}, 80, Decision{Allowed: true}},
		{"one millisecond short", []Balance{{Budget: "a", Limit: 100, Used: 20, Remaining: 80, Resets: in(time.Hour)}}, 81, Decision{Violated: []string{"a"}, RetryAfter: time.Hour}},
		{"nothing needed, nothing left", []Balance{{Budget: "a", Limit: 100, Used: 100}}, 0, Decision{Violated: []string{"a"}}},
		{"the later of the violated decides", []Balance{
			{Budget: "a", Limit: 10, Used: 10, Resets: in(time.Minute)},
			{Budget: "b", Limit: 10, Used: 10, Resets: in(time.Hour)},
			{Budget: "c", Limit: 10, Remaining: 10, Resets: in(2 * time.Hour)},
		}, 1, Decision{Violated: []string{"a", "b"}, RetryAfter: time.Hour}},
		{"a shadow never refuses", []Balance{{Budget: "a", Limit: 10, Used: 10, Resets: in(time.Hour), Shadow: true}}, 1, Decision{Allowed: true, ShadowViolated: []string{"a"}}},
		{"a shadow beside a real one", []Balance{
			{Budget: "s", Limit: 10, Used: 10, Resets: in(time.Hour), Shadow: true},
			{Budget: "a", Limit: 10, Used: 10, Resets: in(time.Minute)},
		}, 1, Decision{Violated: []string{"a"}, ShadowViolated: []string{"s"}, RetryAfter: time.Minute}},
		{"a reset that has passed", []Balance{{Budget: "a", Limit: 10, Used: 10, Resets: in(-time.Minute)}}, 1, Decision{Violated: []string{"a"}}},
		{"what follows from used is the smaller, and enough", []Balance{{Budget: "a", Limit: 10, Used: 4, Remaining: 100}}, 6, Decision{Allowed: true}},
		{"what follows from used is the smaller, and too little", []Balance{{Budget: "a", Limit: 10, Used: 4, Remaining: 100}}, 7, Decision{Violated: []string{"a"}}},
		{"what was granted counts beside the limit", []Balance{{Budget: "a", Limit: 10, Granted: 5, Used: 12, Remaining: 3}}, 3, Decision{Allowed: true}},
		{"and no more than that", []Balance{{Budget: "a", Limit: 10, Granted: 5, Used: 12, Remaining: 4}}, 4, Decision{Violated: []string{"a"}}},
		{"a room does not end the questions", []Balance{{Budget: "a", Limit: 10, Remaining: 10}, {Budget: "b", Limit: 10, Used: 10}}, 1, Decision{Violated: []string{"b"}}},
		{"numbers that disagree give nothing away", []Balance{{Budget: "a", Limit: 10, Used: 10, Remaining: 10}, {Budget: "b", Limit: 10}}, 1, Decision{Violated: []string{"a", "b"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Decide(tc.balances, tc.need, noon)
			if got.Allowed != tc.want.Allowed || got.RetryAfter != tc.want.RetryAfter ||
				!slices.Equal(got.Violated, tc.want.Violated) || !slices.Equal(got.ShadowViolated, tc.want.ShadowViolated) {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestMoreUsedNeverTurnsANoIntoAYes(t *testing.T) {
	edge := rapid.OneOf(rapid.Int64Range(-5, 2000), rapid.Int64())
	balance := rapid.Custom(func(t *rapid.T) Balance {
		b := Balance{
			Budget: rapid.StringMatching("[a-c]").Draw(t, "name"), Limit: edge.Draw(t, "limit"), Granted: edge.Draw(t, "granted"), Used: edge.Draw(t, "used"),
			Remaining: edge.Draw(t, "remaining"), Shadow: rapid.Bool().Draw(t, "shadow"),
		}
		if rapid.Bool().Draw(t, "resets") {
			b.Resets = noon.Add(time.Duration(rapid.Int64Range(-1e12, 1e15).Draw(t, "in")))
		}
		return b
	})
	rapid.Check(t, func(t *rapid.T) {
		bs := rapid.SliceOfN(balance, 1, 4).Draw(t, "balances")
		need := edge.Draw(t, "need")
		before := Decide(bs, need, noon)
		for _, b := range bs {
			if slices.Contains(before.Violated, b.Budget) && !before.Allowed && violates(b, need) && !b.Resets.IsZero() && noon.Add(before.RetryAfter).Before(b.Resets) {
				t.Fatalf("a retry after %v comes before %s resets", before.RetryAfter, b.Budget)
			}
		}
		if before.Allowed != (len(before.Violated) == 0) {
			t.Fatalf("allowed and violated disagree: %+v", before)
		}
		more := slices.Clone(bs)
		i := rapid.IntRange(0, len(bs)-1).Draw(t, "which")
		more[i].Used += min(rapid.Int64Range(0, math.MaxInt64).Draw(t, "more"), math.MaxInt64-max(0, more[i].Used))
		after := Decide(more, need, noon)
		if !before.Allowed && after.Allowed {
			t.Fatalf("%+v refused, %+v allowed", bs, more)
		}
		if after.RetryAfter < before.RetryAfter {
			t.Fatalf("more used shortens the wait: %v, then %v", before.RetryAfter, after.RetryAfter)
		}
	})
}

// violates says anew, and more slowly, what a balance that refuses is.
func violates(b Balance, need int64) bool {
	if b.Shadow {
		return false
	}
	var all, left big.Int
	all.Add(big.NewInt(max(b.Limit, 0)), big.NewInt(max(b.Granted, 0)))
	left.Sub(&all, big.NewInt(max(b.Used, 0)))
	return b.Remaining < max(need, 1) || left.Cmp(big.NewInt(max(need, 1))) < 0
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"7d", "1d12h", "30m", "0", "106751d24h", "-1d", "1d-1h", "d", "1.5d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		if strings.Contains(s, "d") && d < 0 {
			t.Fatalf("%q overflows to %v", s, d)
		}
		if unit, length, err := ParseWindow(s); err == nil && (unit != UnitRolling || length < MinRolling || length > MaxRolling || length%time.Minute != 0) {
			t.Fatalf("window %q: %s %v", s, unit, length)
		}
	})
}
