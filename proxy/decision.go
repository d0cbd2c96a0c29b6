package proxy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// What a decision of the budgets means for a stream: whose doing it is, how it is told, what the
// stream does.

// split tells a user's own budgets from those that all users share: breakers. What a stage refuses is neither.
func (g *gate) split(names []string) (own, breakers []string) {
	r := g.rules.Load()
	for _, n := range names {
		switch {
		case isStage(n):
		case r.shared(n):
			breakers = append(breakers, n)
		default:
			own = append(own, n)
		}
	}
	return own, breakers
}

// decided counts a decision, and of one that allows whether a budget is nearly spent. A shadow of each kind that would have said
// no counts once.
func (g *gate) decided(d policy.Decision, now []ledger.Balance) {
	switch {
	case !d.Allowed:
		g.metrics.decided(refusing, string(g.reason(d.Violated)), false)
	case slices.ContainsFunc(now, nearlySpent):
		g.metrics.decided(allowed, nearLimit, false)
	default:
		g.metrics.decided(allowed, withinBudget, false)
	}
	own, breakers := g.split(d.ShadowViolated)
	if slices.ContainsFunc(d.ShadowViolated, isStage) {
		g.metrics.decided(refusing, string(provider.StageRestrict), true)
	}
	if len(own) > 0 {
		g.metrics.decided(refusing, string(provider.BudgetExhausted), true)
	}
	if len(breakers) > 0 {
		g.metrics.decided(refusing, string(provider.BreakerOpen), true)
	}
}

// nearlySpent says that a budget is spent to four fifths: users are told from there on, too.
func nearlySpent(b ledger.Balance) bool {
	return !b.Shadow && b.Limit > 0 && b.Used >= b.Limit-b.Limit/5
}

// reason is why the violated budgets refuse. A stage that refuses would still do so when every budget is back. Where the user's own is spent, too, that is what counts: it
// would still be when the breaker has closed.
func (g *gate) reason(violated []string) provider.Reason {
	if slices.ContainsFunc(violated, isStage) {
		return provider.StageRestrict
	}
	if own, breakers := g.split(violated); len(own) == 0 && len(breakers) > 0 {
		return provider.BreakerOpen
	}
	return provider.BudgetExhausted
}

// exhausted is the denial of a decision about a grant.
func (g *gate) exhausted(dec policy.Decision, s subject, last ledger.Grant) *provider.Denial {
	reason := g.reason(dec.Violated)
	if reason == provider.StageRestrict {
		return g.refusedByStage(dec, s, last)
	}
	d := deny(reason, g.exhaustedDetail(dec, s))
	d.Violated, d.RetryAfter = dec.Violated, dec.RetryAfter
	return d
}

// refusedByStage is the denial of a stage that refuses. It is over when the stage is, which may be never.
func (g *gate) refusedByStage(dec policy.Decision, s subject, last ledger.Grant) *provider.Denial {
	e := g.effects(g.rules.Load(), s, last.State, last.At)
	msg, left := "user "+s.user+" is at stage "+string(e.Stage)+", which refuses", time.Duration(0)
	if !e.Until.IsZero() {
		left = e.Until.Sub(last.At)
		msg += "; it ends in " + about(left)
	}
	d := deny(provider.StageRestrict, msg)
	d.Violated, d.RetryAfter = dec.Violated, max(left, 0)
	return d
}

func (g *gate) exhaustedDetail(dec policy.Decision, s subject) string {
	own, breakers := g.split(dec.Violated)
	windows, rolling := g.rules.Load().windows, time.Duration(0)
	for _, n := range dec.Violated {
		rolling = max(rolling, windows[n].Length)
	}
	var msg string
	switch {
	case len(own) > 0:
		msg = "budget " + strings.Join(own, ", ") + " of user " + s.user + " is spent"
		if len(breakers) > 0 {
			msg += ", and so is " + strings.Join(breakers, ", ") + ", which all users share"
		}
	case len(breakers) > 0:
		msg = "budget " + strings.Join(breakers, ", ") + ", which all users share, is spent"
	default:
		msg = "a budget of user " + s.user + " is spent"
	}
	switch left := dec.RetryAfter; {
	case left <= 0:
	case rolling > 0:
		// Usage is kept by the minute, so it may be one more than the window: nobody wants to read that.
		msg += "; the first of it comes back in " + about(min(left, rolling))
	default:
		msg += "; it resets in " + about(left)
	}
	return msg
}

// about writes a duration for people: 59m30s, 9h59m, 24h. Programs have Retry-After.
func about(d time.Duration) string {
	if d = d.Round(time.Second); d < time.Hour {
		return d.String()
	}
	d = d.Round(time.Minute)
	h, m := d/time.Hour, d%time.Hour/time.Minute
	if m == 0 {
		return fmt.Sprintf("%dh", h)
	}
	return fmt.Sprintf("%dh%dm", h, m)
}

// accepts reports whether a spent budget should be told in-band after the upgrade. An open
// breaker is not, unless its budget says so: clients take a refused upgrade for a vendor that is
// down, which comes close to the truth, and thousands of them cost less so.
func (g *gate) accepts(violated []string, rt provider.Route) bool {
	auto := rt.AcceptByDefault
	if own, breakers := g.split(violated); len(own) > 0 {
		violated = own
	} else if len(breakers) > 0 {
		auto = false
	}
	return g.choose(violated, func(b policy.Budget) string { return b.OnConnect }, "accept", "refuse", auto)
}

// drops reports whether a running stream goes on without its audio. A route that
// cannot lose messages is closed whatever the file says: a cut container helps nobody. So is
// a stream that meets a breaker, or whose user's stage refuses: a vendor may charge for the connection that is kept.
func (g *gate) drops(violated []string, rt provider.Route) bool {
	_, breakers := g.split(violated)
	return rt.Droppable && len(breakers) == 0 && !slices.ContainsFunc(violated, isStage) && g.choose(violated, func(b policy.Budget) string { return b.OnExhausted }, "drop", "close", rt.DropByDefault)
}

// choose reads a setting of the violated budgets: the stricter word wins, auto
// means the route's default.
func (g *gate) choose(violated []string, get func(policy.Budget) string, soft, strict string, auto bool) bool {
	result := auto
	for _, name := range violated {
		for _, b := range g.rules.Load().Budgets {
			if b.Name != name {
				continue
			}
			switch get(b) {
			case strict:
				return false
			case soft:
				result = true
			}
		}
	}
	return result
}
