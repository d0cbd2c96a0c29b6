package policy

import (
	"reflect"
	"testing"
	"time"
)

func TestEveryStageFallsOneAtATimeWithItsOwnDecay(t *testing.T) {
	c := Default()
	s := placed(Restrict, ByViolation, noon, time.Time{})
	s.Ref, s.Reason = "FU-000000000001", "bulk"
	got := s.Now(c, noon.Add(100*day))
	if want := (Position{Stage: None, Since: noon.Add(44 * day)}); !reflect.DeepEqual(got.Position, want) {
		t.Errorf("%+v", got.Position)
	}
	want := []Change{
		{At: noon.Add(30 * day), From: Restrict, To: Throttle, Cause: ByDecay},
		{At: noon.Add(37 * day), From: Throttle, To: Warning, Cause: ByDecay},
		{At: noon.Add(44 * day), From: Warning, To: None, Cause: ByDecay},
	}
	if !reflect.DeepEqual(got.History, want) {
		t.Errorf("history %+v", got.History)
	}
	mid := s.Now(c, noon.Add(30*day))
	if mid.Stage != Throttle || mid.Cause != ByViolation || mid.Ref != s.Ref || !mid.Since.Equal(noon.Add(30*day)) {
		t.Errorf("%+v", mid.Position)
	}
	if s.Stage != Restrict || len(s.History) != 0 {
		t.Error("the state that came in was changed")
	}
}

func TestWhatNeverEndsNeverFalls(t *testing.T) {
	c := Default()
	forever := Default()
	forever.Stages[Restrict] = StageRules{EnterAfter: 3}
	outside := Default()
	outside.Source = SourceHTTP
	for name, tc := range map[string]struct {
		s State
		c Config
	}{
		"no decay":        {placed(Restrict, ByViolation, noon, time.Time{}), forever},
		"by hand":         {placed(Restrict, ByHand, noon, time.Time{}), c},
		"an old record":   {placed(Throttle, ByNobody, time.Time{}, time.Time{}), c},
		"told by backend": {placed(Throttle, ByViolation, noon, time.Time{}), outside},
	} {
		if got := tc.s.Now(tc.c, noon.Add(20000*day)); !reflect.DeepEqual(got, tc.s) {
			t.Errorf("%s: %+v", name, got)
		}
		if !tc.s.Ends(tc.c).IsZero() {
			t.Errorf("%s ends at %v", name, tc.s.Ends(tc.c))
		}
	}
	if !placed(None, ByHand, noon, noon.Add(1)).Ends(c).IsZero() || !(Position{}).Ends(c).IsZero() {
		t.Error("none has an end")
	}
}

func TestAStageSetByHandEndsAtNoneAndTheHistorySaysSo(t *testing.T) {
	s := placed(Restrict, ByHand, noon, noon.Add(time.Hour))
	s.By = "admin:amy"
	got := s.Now(Default(), noon.Add(2*time.Hour))
	if want := (Position{Stage: None, Since: noon.Add(time.Hour)}); !reflect.DeepEqual(got.Position, want) {
		t.Errorf("%+v", got.Position)
	}
	if want := []Change{{At: noon.Add(time.Hour), From: Restrict, To: None, Cause: ByUntil}}; !reflect.DeepEqual(got.History, want) {
		t.Errorf("%+v", got.History)
	}
}

func TestAShadowDecaysAndEndsWithTheShadow(t *testing.T) {
	c := Default()
	c.Shadow = true
	s := placed(Warning, ByHand, noon, time.Time{})
	s.Shadow = &Track{Position: Position{Stage: Throttle, Since: noon, Cause: ByCap}, Violations: violations(1, ByCap)}
	got := s.Now(c, noon.Add(7*day))
	if got.Stage != Warning || got.Shadow.Stage != Warning || len(got.Shadow.Violations) != 1 {
		t.Errorf("%+v, %+v", got.Position, got.Shadow)
	}
	if want := []Change{{At: noon.Add(7 * day), From: Throttle, To: Warning, Cause: ByDecay, Shadow: true}}; !reflect.DeepEqual(got.History, want) {
		t.Errorf("%+v", got.History)
	}
	if s.Shadow.Stage != Throttle {
		t.Error("the state that came in was changed")
	}
	if got := s.Now(Default(), noon); got.Shadow != nil || got.Stage != Warning {
		t.Errorf("the shadow outlives itself: %+v", got.Shadow)
	}
}

func TestAShadowMovesNobody(t *testing.T) {
	c := Default()
	c.Shadow = true
	s, e := Step(at(None, 0), scored(1), c, noon)
	if s.Stage != None || len(s.Violations) != 0 || s.Shadow.Stage != Warning || !e.Shadow || e.To != Warning || !s.History[0].Shadow {
		t.Fatalf("%+v, %+v", s, e)
	}
	s, _ = Step(s, scored(1), c, noon)
	s, e = Step(s, scored(1), c, noon)
	if s.Stage != None || s.Shadow.Stage != Throttle || len(s.Shadow.Violations) != 3 || e.From != Warning {
		t.Fatalf("%+v, %+v", s, e)
	}
	if f := EffectsOf(s, c, Subject{User: "ann"}, noon); f.Stage != None || f.Would != Throttle || f.Actions.MaxStreams != 0 || !f.Shadow || f.Lifted {
		t.Errorf("%+v", f)
	}
	// It ends: everybody is where they really were, and nothing that was thought in it counts.
	if s, e = Step(s, scored(1), Default(), noon); s.Stage != Warning || s.Shadow != nil || e.Violations != 0 || e.Shadow {
		t.Errorf("%+v, %+v", s, e)
	}
	// What credits did in the shadow is undone in it.
	free, _ := Step(at(None, 0), Review{Cause: FreeExhausted, Verdict: Verdict{Score: 1}}, c, noon)
	if got, e, ok := Restored(free, c, "ann", noon); !ok || got.Shadow.Stage != None || got.Stage != None || !e.Shadow {
		t.Errorf("%+v, %+v", got, e)
	}
}
