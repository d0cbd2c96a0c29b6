package policy

import (
	"fmt"
	"slices"
	"time"
)

// Review is what a review has found: what [Step] goes by.
type Review struct {
	Ref      string // of the case; see [Reference]
	User     string
	Plan     string
	Cause    Cause // ByViolation, ByCap or FreeExhausted
	Triggers []Trigger
	// Credits says that the user was found to have free credits, or to need none: what free_exhausted did is
	// undone before anything else. A question that failed has found nothing.
	Credits bool
	Verdict
}

// Verdict is a classifier's answer.
type Verdict struct {
	Score      float64  `json:"misuse_score"` // 0 to 1
	Type       string   `json:"usage_type,omitempty"`
	Confidence float64  `json:"confidence,omitempty"`
	Evidence   []string `json:"evidence,omitempty"`
	Reasoning  string   `json:"reasoning,omitempty"`
}

// Step applies one review: at most one stage up. A score at or over the threshold is a violation; it moves the user if there
// have been enough earlier ones within the window. The event says what was looked at, also when nobody was moved.
func Step(s State, r Review, c Config, now time.Time) (State, Event) {
	s = s.Now(c, now)
	t := s.track(c)
	e := Event{
		Ref: r.Ref, At: now, User: r.User, Plan: r.Plan, Cause: r.Cause, Triggers: r.Triggers, Verdict: r.Verdict,
		From: t.Stage, Shadow: c.Shadow,
		Limits: Limits{Threshold: c.Review.Threshold, WindowMS: c.Review.Window.Milliseconds(), CooldownMS: c.Review.Cooldown.Milliseconds()},
	}
	if r.Credits {
		t = t.restored(c, now)
	}
	next := t.Stage.above()
	e.Violations = t.count(now.Add(-c.Review.Window))
	e.Limits.EnterAfter = c.Stages[next].EnterAfter
	switch why := Lifted(s, c, r.User, now); {
	case why != "":
		e.Outcome, e.Rule = OutcomeVoid, "no rule holds for this user ("+string(why)+"): nothing counts"
	case t.Stage == Restrict:
		e.Outcome, e.Rule = OutcomeVoid, "the user is at restrict already: nothing counts"
	case !(r.Score >= c.Review.Threshold): // so that what is no number is below, too
		e.Outcome, e.Rule = OutcomeLow, fmt.Sprintf("score %.2f is below the threshold %.2f: nothing counts", r.Score, c.Review.Threshold)
	default:
		t.Violations = append(slices.Clone(t.Violations[max(0, len(t.Violations)+1-MaxViolations):]), Violation{At: now, Ref: r.Ref, Score: r.Score, Cause: r.Cause})
		if r.Cause == FreeExhausted {
			t.Plan = r.Plan
		}
		if e.Violations < e.Limits.EnterAfter {
			e.Outcome, e.Rule = OutcomeNoStep, fmt.Sprintf("%s needs %d earlier violations in %s, there are %d", next, e.Limits.EnterAfter, c.Review.Window, e.Violations)
			break
		}
		e.Outcome, e.Rule = OutcomeStepped, fmt.Sprintf("score %.2f is at or over the threshold %.2f and %s needs %d earlier violations in %s: there are %d", r.Score, c.Review.Threshold, next, e.Limits.EnterAfter, c.Review.Window, e.Violations)
		t.Position = t.climb(Position{Since: now, Cause: r.Cause, Ref: r.Ref, Reason: r.Type}, c)
		s.LastCase = r.Ref
	}
	e.To = t.Stage
	if e.From != e.To {
		s.History = remember(s.History, e.change())
	}
	return s.moved(c, t), e
}

// climb is the position one stage above p, taken for what by says.
//
// Free_exhausted lies on top of everything else and goes as a whole: what is beneath it is where the user would
// be without it, so a violation meanwhile lifts both. An operator's decision is kept beneath what the machine adds to it.
func (p Position) climb(by Position, c Config) Position {
	next := by
	next.Stage = p.Stage.above()
	switch {
	case p.Cause == FreeExhausted && by.Cause == FreeExhausted:
		next.Before = p.Before
	case p.Cause == FreeExhausted:
		beneath := p.beneath().at(c, by.Since).climb(by, c)
		next.Cause, next.Before = FreeExhausted, &beneath
	case by.Cause == FreeExhausted, p.Stage != None && p.manual():
		next.Before = &p
	default:
		next.Before = p.Before
	}
	return next
}

// count is how many violations there are since a time.
func (t Track) count(since time.Time) int {
	n := 0
	for _, v := range t.Violations {
		if !v.At.Before(since) {
			n++
		}
	}
	return n
}

// Restored undoes what free_exhausted did, because the cause is gone: the user stands where they would without it, at once, and
// what was counted against them for it counts no longer. It is false, and changes nothing, where there is nothing to undo.
func Restored(s State, c Config, user string, now time.Time) (State, Event, bool) {
	after := s.Now(c, now)
	t := after.track(c)
	if !t.owes() {
		return s, Event{}, false
	}
	e := Event{At: now, User: user, Plan: t.Plan, Cause: ByCredits, From: t.Stage, Shadow: c.Shadow, Rule: "the free credits are back, or the plan is another"}
	t = t.restored(c, now)
	e.To = t.Stage
	if e.From != e.To {
		after.History = remember(after.History, e.change())
	}
	return after.moved(c, t), e, true
}

// owes reports whether free_exhausted has left anything.
func (t Track) owes() bool {
	return t.Cause == FreeExhausted || slices.ContainsFunc(t.Violations, Violation.free)
}

func (t Track) restored(c Config, now time.Time) Track {
	if t.Cause == FreeExhausted {
		t.Position = t.beneath().at(c, now)
	}
	t.Violations = slices.DeleteFunc(slices.Clone(t.Violations), Violation.free)
	t.Plan = ""
	return t
}

func (v Violation) free() bool { return v.Cause == FreeExhausted }
