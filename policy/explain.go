package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Question is what [Explain] is asked about: a user, as they stand.
type Question struct {
	State    State
	Config   Config
	Subject  Subject
	Budgets  []Budget  // the config's
	Balances []Balance // of those that apply; one of a name is found by it
	Sums     func(window time.Duration) int64
	Now      time.Time
}

// What a line says about the rule it looks at.
const (
	SaysInfo = "info" // a fact
	SaysPass = "pass" // nothing against it
	SaysHit  = "hit"  // it fires: something is refused, held back, reviewed or lifted by it
	SaysSkip = "skip" // it does not apply
)

// Line is one rule that was looked at.
type Line struct {
	Rule string `json:"rule"` // lifted, shadow, stage, violations, cap, review, step, action, budget
	Name string `json:"name,omitempty"`
	Says string `json:"says"`
	Text string `json:"text"`
}

// Explain says in words and numbers what [EffectsOf], [Exceeded], [Due], [Step] and [Decide] make of a user now, rule by rule in the
// order in which they are asked.
func Explain(q Question) []Line {
	x := explanation{Question: q, effects: EffectsOf(q.State, q.Config, q.Subject, q.Now)}
	x.State = q.State.Now(q.Config, q.Now)
	x.lifted()
	x.stage()
	x.caps()
	x.step()
	x.actions()
	x.budgets()
	return x.lines
}

type explanation struct {
	Question
	effects Effects
	lines   []Line
}

func (x *explanation) say(rule, name, says, format string, args ...any) {
	x.lines = append(x.lines, Line{Rule: rule, Name: name, Says: says, Text: fmt.Sprintf(format, args...)})
}

func (x *explanation) lifted() {
	switch e := x.State.Exempt; x.effects.Why {
	case "":
		x.say("lifted", "", SaysPass, "the rules hold: policy is enabled, the kill switch is off, the user is not exempt")
	case WhyDisabled:
		x.say("lifted", "", SaysHit, "policy.enabled is false: no rule and no budget of the user's own holds")
	case WhyKillSwitch:
		x.say("lifted", "", SaysHit, "policy.kill_switch is true: no rule and no budget of the user's own holds")
	default:
		by := "by policy.exempt_users"
		if e.holds(x.Now) {
			by = "by " + e.By + " since " + stamp(e.At) + upTo(e.Until)
		}
		x.say("lifted", "", SaysHit, "the user is exempt %s: no rule and no budget of the user's own holds", by)
	}
}

func (x *explanation) stage() {
	p := x.State.Position
	since := ""
	if !p.Since.IsZero() {
		since = " since " + stamp(p.Since)
	}
	why := ""
	if p.Cause != ByNobody {
		why = ", cause " + string(p.Cause)
	}
	if p.Ref != "" {
		why += ", case " + p.Ref
	}
	if p.By != "" {
		why += ", by " + p.By
	}
	x.say("stage", string(p.Stage), SaysInfo, "stage %s%s%s%s", p.Stage, since, why, upTo(p.Ends(x.Config)))
	if p.Before != nil {
		x.say("stage", string(p.Before.Stage), SaysInfo, "beneath it: %s, where the user goes back to", p.Before.at(x.Config, x.Now).Stage)
	}
	if x.effects.Shadow {
		x.say("shadow", string(x.effects.Would), SaysHit, "policy.shadow is true: the user would be at %s and is held at %s", x.effects.Would, x.effects.Stage)
	}
}

func (x *explanation) caps() {
	caps := x.Config.CapsOf(x.Subject.User, x.Subject.Plan)
	for _, c := range caps {
		sum := time.Duration(x.Sums(c.Window)) * time.Millisecond
		if len(Exceeded([]Cap{c}, x.Sums)) > 0 {
			x.say("cap", c.Name, SaysHit, "%s of %s in %s: exceeded by %s", sum, c.Limit, c.Window, sum-c.Limit)
		} else {
			x.say("cap", c.Name, SaysPass, "%s of %s in %s", sum, c.Limit, c.Window)
		}
	}
	due, why := Due(x.State, x.Config, x.Subject.User, Exceeded(caps, x.Sums), x.Now)
	says, until := SaysSkip, ""
	if due {
		says = SaysHit
	}
	if why == WhyUnderReview || why == WhyCooldown || why == WhyPause {
		until = upTo(x.State.Review.Until)
	}
	x.say("review", string(why), says, "a review %s%s", why.words(), until)
}

func (x *explanation) step() {
	t := x.State.track(x.Config)
	n := t.count(x.Now.Add(-x.Config.Review.Window))
	x.say("violations", "", SaysInfo, "%d within %s", n, x.Config.Review.Window)
	if t.Stage == Restrict {
		return
	}
	next := t.Stage.above()
	need := x.Config.Stages[next].EnterAfter
	if n >= need {
		x.say("step", string(next), SaysHit, "a score of %v or more in the next review leads to %s, which needs %d earlier violations", x.Config.Review.Threshold, next, need)
	} else {
		x.say("step", string(next), SaysPass, "a score of %v or more in the next review counts, and leads nowhere: %s needs %d earlier violations", x.Config.Review.Threshold, next, need)
	}
}

func (x *explanation) actions() {
	a := x.effects.Actions
	if a.Refuse {
		x.say("action", "refuse", SaysHit, "stage %s refuses", x.effects.Stage)
	}
	if a.MaxStreams > 0 {
		x.say("action", "max_streams", SaysInfo, "at most %d at once", a.MaxStreams)
	}
	if a.Pace > 0 {
		x.say("action", "pace", SaysInfo, "audio passes at most %v times as fast as it plays", a.Pace)
	}
	if len(a.Model) > 0 {
		x.say("action", "model", SaysInfo, "models are replaced: %d rules", len(a.Model))
	}
}

func (x *explanation) budgets() {
	applying := x.effects.Applying(x.Budgets, x.Subject)
	for _, b := range x.Budgets {
		i := slices.IndexFunc(applying, func(a Budget) bool { return a.Name == b.Name })
		if i < 0 {
			x.say("budget", b.Name, SaysSkip, "does not apply: %s", x.whyNot(b))
			continue
		}
		j := slices.IndexFunc(x.Balances, func(a Balance) bool { return a.Budget == b.Name })
		if j < 0 {
			x.say("budget", b.Name, SaysInfo, "applies: %s per %s; its balance is not known", b.Limit, b.Window)
			continue
		}
		bal := x.Balances[j]
		bal.Shadow = false
		left := time.Duration(bal.left()) * time.Millisecond
		of := b.Limit.String()
		if bal.Granted > 0 {
			of += " and " + (time.Duration(bal.Granted) * time.Millisecond).String() + " granted"
		}
		switch d := Decide([]Balance{bal}, 1, x.Now); {
		case d.Allowed:
			x.say("budget", b.Name, SaysPass, "%s of %s per %s are left", left, of, b.Window)
		case applying[i].Shadow:
			x.say("budget", b.Name, SaysInfo, "%s per %s is spent, and only counted: it is a shadow%s", of, b.Window, again(d))
		default:
			x.say("budget", b.Name, SaysHit, "%s per %s is spent%s", of, b.Window, again(d))
		}
	}
}

// whyNot names the first thing that keeps a budget from applying.
func (x *explanation) whyNot(b Budget) string {
	switch {
	case !meets(b.Providers, x.Subject.Provider):
		return "it is for " + strings.Join(b.Providers, ", ")
	case !b.ForPlan(x.Subject.Plan):
		return "it is for the plans " + strings.Join(b.Plans, ", ")
	case !meets(b.Stages, x.effects.Stage) && !meets(b.Stages, x.effects.Would):
		return "it is for the stages " + strings.Join(words(b.Stages), ", ")
	}
	return "everything of the user's own is lifted"
}

func again(d Decision) string {
	if d.RetryAfter <= 0 {
		return ""
	}
	return "; there is some again in " + d.RetryAfter.Round(time.Second).String()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func upTo(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", until " + stamp(t)
}
