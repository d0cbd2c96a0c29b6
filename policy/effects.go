package policy

import (
	"slices"
	"time"
)

// Effects are what a user's record means for a stream, now.
type Effects struct {
	// Stage is the one in force: the budgets that name it apply.
	Stage Stage
	// Would is the stage without policy.shadow; as Stage where there is no shadow. Budgets that name only it are counted, not enforced.
	Would Stage
	// Until is when Stage ends by itself; zero: it does not, or nobody knows.
	Until time.Time
	// Lifted: nothing holds, the budgets of users included. Breakers, which protect the house and not a fair share, do.
	Lifted bool
	// Why is the reason of Lifted.
	Why Why
	// Shadow says that policy.shadow holds back what the machine would do; an operator's decisions stay in force.
	Shadow bool
	// Actions are those of Stage; none where Lifted.
	Actions
}

// EffectsOf is asked with every lease. It allocates nothing.
func EffectsOf(s State, c Config, who Subject, now time.Time) Effects {
	p := s.Position.at(c, now)
	e := Effects{Stage: p.Stage, Would: p.Stage, Shadow: c.Shadow}
	if c.Shadow {
		e.Would = s.track(c).Position.at(c, now).Stage
		p = p.byHand(c, now)
		e.Stage = p.Stage
	}
	e.Until = p.Ends(c)
	if e.Why = Lifted(s, c, who.User, now); e.Why != "" {
		e.Lifted = true
		return e
	}
	e.Actions = c.Stages[p.Stage].Actions
	return e
}

// byHand is the part of a position that an operator decided.
func (p Position) byHand(c Config, now time.Time) Position {
	for !p.manual() {
		p = p.beneath().at(c, now)
	}
	return p
}

// Lifted says why no rule holds for a user; "" where they do.
func Lifted(s State, c Config, user string, now time.Time) Why {
	switch {
	case !c.Enabled:
		return WhyDisabled
	case c.KillSwitch:
		return WhyKillSwitch
	case slices.Contains(c.ExemptUsers, user), s.Exempt.holds(now):
		return WhyExempt
	}
	return ""
}

func (e *Exemption) holds(now time.Time) bool {
	return e != nil && (e.Until.IsZero() || now.Before(e.Until))
}

// Applying returns the budgets that apply to who under these effects, in order; who.Stage is not looked at. Of a user for whom everything
// is lifted only the shared ones do. What policy.shadow holds back comes as a shadow budget.
func (e Effects) Applying(bs []Budget, who Subject) []Budget {
	var out []Budget
	for _, b := range bs {
		who.Stage = e.Stage
		inForce := b.meets(who)
		who.Stage = e.Would
		if (!inForce && !b.meets(who)) || (e.Lifted && !b.Shared()) {
			continue
		}
		b.Shadow = b.Shadow || !inForce
		out = append(out, b)
	}
	return out
}
