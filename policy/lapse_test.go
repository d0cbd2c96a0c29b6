package policy

import (
	"reflect"
	"testing"
	"time"
)

func TestWhatTimeAloneHasDoneIsTold(t *testing.T) {
	c, shadow := Default(), Default()
	shadow.Shadow = true
	thought := placed(Warning, ByViolation, noon, time.Time{})
	thought.Shadow = &Track{Position: Position{Stage: Throttle, Cause: ByViolation, Since: noon.Add(day)}}
	later := noon.Add(40 * day)
	fall := func(days int, from, to Stage, cause Cause, inShadow bool) Event {
		rule := "the stage's own time was over"
		if cause == ByUntil {
			rule = "the time that an operator had set was over"
		}
		return Event{At: noon.Add(time.Duration(days) * day), Found: later, User: "ann", Cause: cause, From: from, To: to, Shadow: inShadow, Rule: rule}
	}
	for name, tc := range map[string]struct {
		s    State
		c    Config
		want []Event
	}{
		"nothing":                       {State{}, c, nil},
		"not yet":                       {placed(Warning, ByViolation, later.Add(-7*day+1), time.Time{}), c, nil},
		"one stage after the other":     {placed(Restrict, ByViolation, noon, time.Time{}), c, []Event{fall(30, Restrict, Throttle, ByDecay, false), fall(37, Throttle, Warning, ByDecay, false)}},
		"an operator's time":            {placed(Throttle, ByHand, noon, noon.Add(2*day)), c, []Event{fall(2, Throttle, None, ByUntil, false)}},
		"the shadow's behind one's own": {thought, shadow, []Event{fall(7, Warning, None, ByDecay, false), fall(8, Throttle, Warning, ByDecay, true), fall(15, Warning, None, ByDecay, true)}},
		"a shadow that is over":         {thought, c, []Event{fall(7, Warning, None, ByDecay, false)}},
	} {
		got, events := Lapse(tc.s, tc.c, "ann", later)
		if !reflect.DeepEqual(events, tc.want) {
			t.Errorf("%s: %+v", name, events)
		}
		if !reflect.DeepEqual(got, tc.s.Now(tc.c, later)) {
			t.Errorf("%s: %+v", name, got)
		}
		for _, e := range events {
			if !e.Noticed().Equal(later) {
				t.Errorf("%s: noticed %v", name, e.Noticed())
			}
		}
		if _, again := Lapse(got, tc.c, "ann", later); again != nil {
			t.Errorf("%s: told again: %+v", name, again)
		}
	}
	if e := (Event{At: noon}); !e.Noticed().Equal(noon) {
		t.Error("what happens now is noticed now")
	}
}
