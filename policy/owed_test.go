package policy

import (
	"reflect"
	"testing"
	"time"
)

func TestAnEventHasOneNameForGood(t *testing.T) {
	step := Event{Ref: "FU-000000000001", User: "ann", Cause: ByViolation, To: Warning, At: noon}
	if id := step.ID(); id != "FU-000000000001" {
		t.Errorf("an event with a case is named %q", id)
	}
	fall := Event{User: "ann", Cause: ByDecay, To: None, At: noon}
	want := "ann:decay:none:1772625600000000"
	if id := fall.ID(); id != want {
		t.Errorf("an event without one is named %q, want %q", id, want)
	}
	for what, change := range map[string]func(*Event){
		"user": func(e *Event) { e.User = "bob" }, "cause": func(e *Event) { e.Cause = ByHand },
		"stage": func(e *Event) { e.To = Warning }, "time": func(e *Event) { e.At = e.At.Add(time.Microsecond) },
	} {
		other := fall
		if change(&other); other.ID() == want {
			t.Errorf("another %s has the same name", what)
		}
	}
}

func TestABackendsStageIsFollowedOnceAndCountsNothing(t *testing.T) {
	c := Default()
	s := at(Throttle, 2)
	got, e, moved := Follow(s, "ann", Restrict, c, noon)
	if want := (Position{Stage: Restrict, Since: noon, Cause: BySource}); !moved || !reflect.DeepEqual(got.Position, want) {
		t.Fatalf("%v, %+v", moved, got.Position)
	}
	if want := (Event{At: noon, User: "ann", Cause: BySource, From: Throttle, To: Restrict, Rule: "the backend has the user at this stage"}); !reflect.DeepEqual(e, want) {
		t.Errorf("%+v", e)
	}
	if len(got.Violations) != 2 || len(got.History) != 1 {
		t.Errorf("what the machine had counted is gone, or the change is not told: %+v", got)
	}
	again, _, moved := Follow(got, "ann", Restrict, c, noon.Add(time.Minute))
	if moved || !reflect.DeepEqual(again, got) {
		t.Errorf("followed twice: %+v", again)
	}
}
