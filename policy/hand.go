package policy

import (
	"slices"
	"time"
)

// What operators do. What an operator decides about a user's stage stands for at least one cooldown: a review that is under way
// is void, and the next one does not begin before.

// Setting is an operator's decision about a user's stage.
type Setting struct {
	User   string
	Stage  Stage
	Until  time.Time // zero: for good; without meaning for stage none
	By     string
	Reason string
}

// Set puts a user at a stage. It replaces whatever was, also what the shadow had thought; violations go on counting.
func Set(s State, d Setting, c Config, now time.Time) (State, Event) {
	s = s.Now(c, now)
	e := Event{At: now, User: d.User, Cause: ByHand, From: s.Stage, To: d.Stage, By: d.By, Reason: d.Reason, Rule: "an operator set the stage"}
	if d.Stage == None {
		d.Until = time.Time{}
	}
	s.Position = Position{Stage: d.Stage, Since: now, Until: d.Until, Cause: ByHand, By: d.By, Reason: d.Reason}
	return s.decided(c, e), e
}

// Reset takes everything back: stage none, and no earlier violation counts. An exemption stays.
func Reset(s State, d Setting, c Config, now time.Time) (State, Event) {
	s = s.Now(c, now)
	e := Event{At: now, User: d.User, Cause: ByReset, From: s.Stage, To: None, By: d.By, Reason: d.Reason, Rule: "an operator took everything back"}
	s.Track = Track{Position: Position{Stage: None, Since: now, By: d.By, Reason: d.Reason}}
	s.ResetAt = now
	return s.decided(c, e), e
}

// decided makes an operator's step stand.
func (s State) decided(c Config, e Event) State {
	s.Shadow = nil
	s.Review = Lock{At: s.Review.At, Until: e.At.Add(c.Review.Cooldown), Last: OutcomeVoid}
	s.History = remember(s.History, e.change())
	return s
}

// Resolve makes one violation not count, for reviews to come: nobody is moved by it. It is false when there is no such violation.
func Resolve(s State, ref string, d Setting, c Config, now time.Time) (State, Event, bool) {
	is := func(v Violation) bool { return v.Ref == ref }
	after := s.Now(c, now)
	e := Event{Ref: ref, At: now, User: d.User, Cause: ByResolve, From: after.Stage, To: after.Stage, By: d.By, Reason: d.Reason, Rule: "an operator took one violation back"}
	found := slices.ContainsFunc(after.Violations, is)
	after.Violations = slices.DeleteFunc(slices.Clone(after.Violations), is)
	if after.Shadow != nil {
		found = found || slices.ContainsFunc(after.Shadow.Violations, is)
		t := *after.Shadow
		t.Violations = slices.DeleteFunc(slices.Clone(t.Violations), is)
		after.Shadow = &t
	}
	if !found {
		return s, Event{}, false
	}
	after.History = remember(after.History, e.change())
	return after, e, true
}

// SetExempt makes a user exempt; nil takes it back.
func SetExempt(s State, user string, x *Exemption, by, reason string, c Config, now time.Time) (State, Event) {
	s = s.Now(c, now)
	e := Event{At: now, User: user, Cause: ByExempt, From: s.Stage, To: s.Stage, By: by, Reason: reason, Rule: "an operator made the user exempt"}
	if x == nil {
		e.Rule = "an operator took the exemption back"
	}
	s.Exempt = x
	s.History = remember(s.History, e.change())
	return s, e
}

// Grant writes down that a user was granted more of a budget: the ledger has done it, and nobody is moved by it. It is false where that is
// known already.
func Grant(s State, g Granted, d Setting, c Config, now time.Time) (State, Event, bool) {
	if slices.ContainsFunc(s.History, func(h Change) bool { return h.Grant != nil && h.Grant.ID == g.ID }) {
		return s, Event{}, false
	}
	s = s.Now(c, now)
	e := Event{At: now, User: d.User, Cause: ByGrant, From: s.Stage, To: s.Stage, By: d.By, Reason: d.Reason, Rule: "an operator granted more of " + g.Budget, Grant: &g}
	if g.MS < 0 {
		e.Rule = "an operator took back what was granted of " + g.Budget
	}
	tooMany := 1 - MaxGrants
	for _, h := range s.History {
		if h.Grant != nil {
			tooMany++
		}
	}
	s.History = slices.DeleteFunc(slices.Clone(s.History), func(h Change) bool {
		if h.Grant == nil || tooMany <= 0 {
			return false
		}
		tooMany--
		return true
	})
	s.History = remember(s.History, e.change())
	return s, e, true
}
