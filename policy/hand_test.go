package policy

import (
	"reflect"
	"strconv"
	"testing"
	"time"
)

var amy = Setting{User: "ann", By: "admin:amy", Reason: "ticket"}

func set(stage Stage, until time.Time) Setting {
	d := amy
	d.Stage, d.Until = stage, until
	return d
}

func TestAnOperatorsStageReplacesWhateverWasAndStandsForACooldown(t *testing.T) {
	c := Default()
	s := Begin(at(Throttle, 3), "t", c, noon)
	s.Shadow = &Track{}
	s.Before = &Position{Stage: Warning}
	got, e := Set(s, set(Restrict, noon.Add(time.Hour)), c, noon)
	if want := (Position{Stage: Restrict, Since: noon, Until: noon.Add(time.Hour), Cause: ByHand, By: "admin:amy", Reason: "ticket"}); !reflect.DeepEqual(got.Position, want) {
		t.Errorf("%+v", got.Position)
	}
	if want := (Event{At: noon, User: "ann", Cause: ByHand, From: Throttle, To: Restrict, By: "admin:amy", Reason: "ticket", Rule: "an operator set the stage"}); !reflect.DeepEqual(e, want) {
		t.Errorf("%+v", e)
	}
	if want := (Lock{At: noon, Until: noon.Add(12 * time.Hour), Last: OutcomeVoid}); got.Review != want || got.Shadow != nil || len(got.Violations) != 3 || len(got.History) != 1 {
		t.Errorf("%+v", got)
	}
	if _, _, ok := Finish(got, "t", scored(1), c, noon); ok {
		t.Error("a review that was under way moves the user after the operator")
	}
	none, _ := Set(s, set(None, noon.Add(time.Hour)), c, noon)
	if none.Stage != None || !none.Until.IsZero() || none.Before != nil {
		t.Errorf("none has an end: %+v", none.Position)
	}
}

func TestAfterAResetNothingEarlierCounts(t *testing.T) {
	c := Default()
	s := Begin(at(Restrict, 5), "t", c, noon)
	s.Exempt, s.Shadow, s.Plan, s.LastCase = &Exemption{By: "x"}, &Track{}, "free", "FU-000000000001"
	got, e := Reset(s, amy, c, noon)
	if want := (Track{Position: Position{Stage: None, Since: noon, By: "admin:amy", Reason: "ticket"}}); !reflect.DeepEqual(got.Track, want) || got.Shadow != nil {
		t.Errorf("%+v", got.Track)
	}
	if !got.ResetAt.Equal(noon) || got.Exempt == nil || got.LastCase == "" {
		t.Errorf("%+v", got)
	}
	if want := (Event{At: noon, User: "ann", Cause: ByReset, From: Restrict, To: None, By: "admin:amy", Reason: "ticket", Rule: "an operator took everything back"}); !reflect.DeepEqual(e, want) {
		t.Errorf("%+v", e)
	}
	if want := []Change{{At: noon, From: Restrict, To: None, Cause: ByReset, By: "admin:amy", Reason: "ticket"}}; !reflect.DeepEqual(got.History, want) {
		t.Errorf("%+v", got.History)
	}
	got.Exempt = nil
	if due, why := Due(got, c, "ann", trigger, noon.Add(12*time.Hour-1)); due || why != WhyCooldown {
		t.Errorf("reviewed a moment after the reset: %s", why)
	}
	for i, want := range []Stage{Warning, Warning, Throttle, Restrict} { // as from the beginning
		if got, e = Step(got, scored(1), c, noon.Add(time.Duration(i)*time.Hour)); got.Stage != want || e.Violations != i {
			t.Errorf("review %d: %s, %+v", i, got.Stage, e)
		}
	}
}

func TestAResolvedViolationDoesNotCount(t *testing.T) {
	c := Default()
	s := at(Warning, 2)
	s.Shadow = &Track{Violations: violations(3, ByCap)}
	if got, e, ok := Resolve(s, "FU-000000000009", amy, c, noon); ok || !reflect.DeepEqual(got, s) || !reflect.DeepEqual(e, Event{}) {
		t.Errorf("resolved what is not there: %+v", e)
	}
	got, e, ok := Resolve(s, "FU-000000000002", amy, c, noon)
	if !ok || len(got.Violations) != 1 || got.Violations[0].Ref != "FU-000000000001" || got.Stage != Warning || len(s.Violations) != 2 || got.Shadow != nil {
		t.Fatalf("%+v", got)
	}
	if want := (Event{Ref: "FU-000000000002", At: noon, User: "ann", Cause: ByResolve, From: Warning, To: Warning, By: "admin:amy", Reason: "ticket", Rule: "an operator took one violation back"}); !reflect.DeepEqual(e, want) {
		t.Errorf("%+v", e)
	}
	if want := []Change{{At: noon, From: Warning, To: Warning, Cause: ByResolve, Ref: "FU-000000000002", By: "admin:amy", Reason: "ticket"}}; !reflect.DeepEqual(got.History, want) {
		t.Errorf("%+v", got.History)
	}
	if up, _ := Step(got, scored(1), c, noon); up.Stage != Warning {
		t.Error("it counts all the same")
	}
	c.Shadow = true
	got, _, ok = Resolve(s, "FU-000000000003", amy, c, noon) // only the shadow has it
	if !ok || len(got.Shadow.Violations) != 2 || len(s.Shadow.Violations) != 3 || len(got.Violations) != 2 {
		t.Errorf("%+v", got.Shadow)
	}
	if got, _, ok = Resolve(s, "FU-000000000002", amy, c, noon); !ok || len(got.Shadow.Violations) != 2 || len(got.Violations) != 1 {
		t.Errorf("%+v", got)
	}
	if _, _, ok = Resolve(got, "FU-000000000002", amy, c, noon); ok {
		t.Error("resolved twice")
	}
}

func TestExemptionsAreAuditedAndMoveNobody(t *testing.T) {
	c := Default()
	x := &Exemption{By: "admin:amy", At: noon}
	s, e := SetExempt(at(Restrict, 3), "ann", x, "admin:amy", "press", c, noon)
	if s.Exempt != x || s.Stage != Restrict || len(s.Violations) != 3 {
		t.Errorf("%+v", s)
	}
	want := Event{At: noon, User: "ann", Cause: ByExempt, From: Restrict, To: Restrict, By: "admin:amy", Reason: "press", Rule: "an operator made the user exempt"}
	if !reflect.DeepEqual(e, want) || len(s.History) != 1 {
		t.Errorf("%+v", e)
	}
	if f := EffectsOf(s, c, Subject{User: "ann"}, noon); !f.Lifted || f.Why != WhyExempt || f.Stage != Restrict {
		t.Errorf("%+v", f)
	}
	s, e = SetExempt(s, "ann", nil, "admin:amy", "over", c, noon)
	if s.Exempt != nil || e.Rule != "an operator took the exemption back" || len(s.History) != 2 {
		t.Errorf("%+v", e)
	}
	if f := EffectsOf(s, c, Subject{User: "ann"}, noon); f.Lifted {
		t.Errorf("%+v", f)
	}
}

func TestAGrantIsInTheHistoryOnceAndPushesNoStepOut(t *testing.T) {
	c := Default()
	s, _ := Set(State{}, set(Warning, time.Time{}), c, noon)
	for i := range 30 {
		g := Granted{ID: strconv.Itoa(i), Budget: "daily", MS: int64(1000 - 100*i)}
		before := s
		var e Event
		var ok bool
		if s, e, ok = Grant(s, g, amy, c, noon.Add(time.Duration(i)*time.Minute)); !ok || e.Moved() || e.Cause != ByGrant || *e.Grant != g || e.Reason != "ticket" {
			t.Fatalf("%+v, %v", e, ok)
		}
		rule := "an operator granted more of daily" // also where the ledger had nothing to take back: 0 ms
		if g.MS < 0 {
			rule = "an operator took back what was granted of daily"
		}
		if e.Rule != rule {
			t.Errorf("%d ms: %q", g.MS, e.Rule)
		}
		if again, _, ok := Grant(s, g, amy, c, noon); ok || !reflect.DeepEqual(again, s) {
			t.Fatalf("%d is there twice", i)
		}
		if len(before.History) != min(i, MaxGrants)+1 {
			t.Fatalf("%d changes the history that it was given, or it has %d entries", i, len(before.History))
		}
	}
	last := s.History[len(s.History)-1]
	if s.History[0].To != Warning || len(s.History) != MaxGrants+1 || last.Grant.ID != "29" || s.History[1].Grant.ID != "22" || last.From != Warning || last.To != Warning {
		t.Errorf("%+v", s.History)
	}
	if s.Stage != Warning || s.Review.Last != OutcomeVoid {
		t.Errorf("%+v: nobody is moved by a grant", s.Position)
	}
}
