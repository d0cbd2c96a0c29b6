package policy

import "time"

// Lapse is [State.Now] with what happened on the way: one event for each step that time alone has taken since the record was written, oldest first. Whoever
// writes the record down tells of them; until then they are seen by every read, and known to nobody.
func Lapse(s State, c Config, user string, now time.Time) (State, []Event) {
	var falls []Change
	s.fallen(c, now, false, &falls)
	if s.Shadow != nil && c.Shadow {
		s.Shadow.fallen(c, now, true, &falls)
	}
	var events []Event
	for _, f := range falls {
		e := Event{At: f.At, Found: now, User: user, Cause: f.Cause, From: f.From, To: f.To, Shadow: f.Shadow, Rule: "the stage's own time was over"}
		if f.Cause == ByUntil {
			e.Rule = "the time that an operator had set was over"
		}
		events = append(events, e)
	}
	return s.Now(c, now), events
}

// Noticed is when an event came to be known: a step that time alone has taken may lie back.
func (e Event) Noticed() time.Time {
	if e.Found.IsZero() {
		return e.At
	}
	return e.Found
}
