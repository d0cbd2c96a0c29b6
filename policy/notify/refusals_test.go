package notify

import (
	"strconv"
	"testing"
	"time"
)

func TestEqualRefusalsAreToldOnceAMinuteAndNoneIsLost(t *testing.T) {
	r := newRefusals()
	refuse := func(user string, seconds int) *Refused {
		now, ok := r.add(Refused{User: user, Reason: "budget_exhausted", Where: "door", Status: 429, From: at(seconds)})
		if !ok {
			t.Fatal("no room")
		}
		return now
	}
	first := refuse("ann", 0)
	if first == nil || first.Count != 1 || first.id == "" {
		t.Fatalf("the first: %+v", first)
	}
	for s := 1; s <= 50; s++ {
		if refuse("ann", s) != nil {
			t.Fatal("one more was told at once")
		}
	}
	if refuse("bob", 1) == nil {
		t.Error("another user's was not told")
	}
	if got := r.due(at(59)); len(got) != 0 {
		t.Errorf("within the minute: %+v", got)
	}
	got := r.due(at(60))
	if len(got) != 1 {
		t.Fatalf("after it: %+v", got)
	}
	e := got[0].(Refused)
	if e.User != "ann" || e.Count != 50 || !e.From.Equal(at(1)) || !e.To.Equal(at(50)) || e.id == first.id {
		t.Errorf("%+v", e)
	}
	refuse("ann", 100)
	if got := r.all(); len(got) != 1 || got[0].(Refused).Count != 1 {
		t.Errorf("at the end: %+v", got)
	}
	if len(r.open) != 0 {
		t.Error("something is left")
	}
}

func TestWhoIsNotRefusedAnyMoreIsForgotten(t *testing.T) {
	r := newRefusals()
	r.add(Refused{User: "ann", From: at(0)})
	if got := r.due(at(61)); len(got) != 0 || len(r.open) != 0 {
		t.Errorf("%v, %d kinds", got, len(r.open))
	}
	if now, _ := r.add(Refused{User: "ann", From: at(62)}); now == nil {
		t.Error("the next is not told at once")
	}
}

func TestKindsOfRefusalsAreBounded(t *testing.T) {
	r := newRefusals()
	for n := range mostRefusals {
		if _, ok := r.add(Refused{User: strconv.Itoa(n), From: at(0)}); !ok {
			t.Fatal("no room for", n)
		}
	}
	if _, ok := r.add(Refused{User: "one more", From: at(0)}); ok {
		t.Error("there is room without end")
	}
	if now, ok := r.add(Refused{User: "7", From: at(1)}); !ok || now != nil {
		t.Error("those that are known are not counted")
	}
	r.due(at(0).Add(2 * time.Minute))
	r.due(at(0).Add(4 * time.Minute))
	if len(r.open) != 0 {
		t.Errorf("%d are left", len(r.open))
	}
}
