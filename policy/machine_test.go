package policy

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func rank(s Stage) int { return slices.Index(Stages(), s) }

// anyRules draws rules that are valid.
func anyRules(t *rapid.T) Config {
	c := Default()
	c.Review.Cooldown = time.Duration(rapid.Int64Range(1, 48).Draw(t, "cooldown")) * time.Hour
	c.Review.Window = time.Duration(rapid.Int64Range(1, 300).Draw(t, "window")) * time.Hour
	c.Shadow = rapid.Bool().Draw(t, "shadow")
	enter := 0
	for _, s := range []Stage{Warning, Throttle, Restrict} {
		enter = rapid.IntRange(enter, enter+2).Draw(t, "enter after")
		c.Stages[s] = StageRules{EnterAfter: enter, Decay: time.Duration(rapid.Int64Range(0, 100).Draw(t, "decay")) * time.Hour}
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// anyLife lives a user through some events and calls look after each with what was before.
func anyLife(t *rapid.T, c Config, look func(what string, before, after State, now time.Time)) State {
	s, now := State{}, noon
	for range rapid.IntRange(1, 25).Draw(t, "events") {
		now = now.Add(time.Duration(rapid.Int64Range(0, 120).Draw(t, "later")) * time.Hour)
		before, what := s, rapid.SampledFrom([]string{"violation", "violation", "free", "free", "low", "set", "reset", "resolve", "restored"}).Draw(t, "what")
		r := Review{Ref: Reference([6]byte{byte(len(s.Violations))}), User: "ann", Cause: ByViolation, Verdict: Verdict{Score: 1}}
		switch what {
		case "free":
			r.Cause = FreeExhausted
			s, _ = Step(s, r, c, now)
		case "violation":
			s, _ = Step(s, r, c, now)
		case "low":
			r.Score = 0.2
			s, _ = Step(s, r, c, now)
		case "set":
			d := Setting{Stage: rapid.SampledFrom(Stages()).Draw(t, "stage")}
			if rapid.Bool().Draw(t, "for a time") {
				d.Until = now.Add(time.Hour)
			}
			s, _ = Set(s, d, c, now)
		case "reset":
			s, _ = Reset(s, Setting{}, c, now)
		case "resolve":
			s, _, _ = Resolve(s, Reference([6]byte{1}), Setting{}, c, now)
		case "restored":
			s, _, _ = Restored(s, c, "ann", now)
		}
		look(what, before, s, now)
	}
	return s
}

func TestOneReviewMovesAtMostOneStageAndOnlyWithTheViolationsItTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyRules(t)
		anyLife(t, c, func(what string, before, after State, now time.Time) {
			was, is := before.Now(c, now).track(c), after.Now(c, now).track(c)
			up := rank(is.Stage) - rank(was.Stage)
			switch what {
			case "violation", "free":
			case "set", "reset":
				return
			default:
				if up > 0 {
					t.Fatalf("%s moves up: %+v to %+v", what, was.Position, is.Position)
				}
				return
			}
			earlier := 0
			for _, v := range was.Violations {
				if now.Sub(v.At) <= c.Review.Window {
					earlier++
				}
			}
			if up < 0 || up > 1 || (up == 1) != (was.Stage != Restrict && earlier >= c.Stages[was.Stage.above()].EnterAfter) {
				t.Fatalf("%d steps up from %s with %d earlier violations: %+v", up, was.Stage, earlier, c.Stages)
			}
			if c.Shadow && !reflect.DeepEqual(after.Track, before.Now(c, now).Track) {
				t.Fatal("a shadow moves somebody")
			}
		})
	})
}

func TestDecayOnlyFallsAndIsTheSameInOneStepAsInMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyRules(t)
		now := noon
		s := anyLife(t, c, func(_ string, _, _ State, at time.Time) { now = at })
		last, steps := s.Now(c, now), s.Now(c, now)
		for range rapid.IntRange(1, 10).Draw(t, "reads") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 90).Draw(t, "later")) * time.Hour)
			steps = steps.Now(c, now)
			at := s.Now(c, now)
			if rank(at.Stage) > rank(last.Stage) || !reflect.DeepEqual(at, steps) {
				t.Fatalf("%+v, in steps %+v, before %+v", at, steps, last)
			}
			if e := EffectsOf(s, c, ann, now); !c.Shadow && e.Stage != at.Stage || e.Would != at.track(c).Stage {
				t.Fatalf("a stream sees %+v of %+v", e, at)
			}
			last = at
		}
	})
}

func TestWhatIsBeneathIsAlwaysLower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyRules(t)
		anyLife(t, c, func(what string, _, s State, now time.Time) {
			for p := s.track(c).Position; p.Before != nil; p = *p.Before {
				if b := p.Before.at(c, now); rank(b.Stage) >= rank(p.Stage) || (p.Before.Cause == FreeExhausted) {
					t.Fatalf("after %s: %+v on top of %+v", what, p, b)
				}
			}
			if b, err := s.Encode(); err != nil || len(b) > 16<<10 {
				t.Fatalf("a record of %d bytes, %v", len(b), err)
			}
		})
	})
}

func TestWhenTheCreditsAreBackTheUserIsAsIfTheyHadNeverBeenSpent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyRules(t)
		now := noon
		start := anyLife(t, c, func(_ string, _, s State, at time.Time) { now = at })
		start, _, _ = Restored(start, c, "ann", now)
		s := start
		for range rapid.IntRange(1, 5).Draw(t, "reviews") {
			s, _ = Step(s, Review{Ref: "FU-FFFFFFFFFFFF", Cause: FreeExhausted, Verdict: Verdict{Score: 1}}, c, now)
			now = now.Add(time.Duration(rapid.Int64Range(0, 50).Draw(t, "later")) * time.Hour)
		}
		s, _, _ = Restored(s, c, "ann", now)
		got, want := s.Now(c, now).track(c), start.Now(c, now).track(c)
		if len(want.Violations) <= MaxViolations-5 {
			if len(got.Violations) != len(want.Violations) {
				t.Fatalf("%d violations, want %d", len(got.Violations), len(want.Violations))
			}
		}
		if got.Stage != want.Stage || got.Cause != want.Cause {
			t.Fatalf("%+v, want %+v", got.Position, want.Position)
		}
	})
}

func TestAReplayOfAReviewThatIsOverChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyRules(t)
		now := noon
		s := anyLife(t, c, func(_ string, _, _ State, at time.Time) { now = at })
		s = Begin(s, "old", c, now)
		r := Review{Cause: ByCap, Verdict: Verdict{Score: 1}}
		switch rapid.IntRange(0, 4).Draw(t, "end") {
		case 0:
			s, _, _ = Finish(s, "old", r, c, now)
		case 1:
			s, _ = Fail(s, "old", c, now)
		case 2:
			s = Begin(s, "new", c, now)
		case 3:
			s, _ = Set(s, Setting{Stage: Throttle}, c, now)
		default:
			s, _ = Reset(s, Setting{}, c, now)
		}
		later := now.Add(time.Duration(rapid.Int64Range(0, 1000).Draw(t, "later")) * time.Hour)
		if got, _, ok := Finish(s, "old", r, c, later); ok || !reflect.DeepEqual(got, s) {
			t.Fatalf("finished again: %+v", got)
		}
		if got, ok := Fail(s, "old", c, later); ok || !reflect.DeepEqual(got, s) {
			t.Fatalf("failed again: %+v", got)
		}
	})
}
