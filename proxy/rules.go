package proxy

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// Rules are what decides about users: the part of the file that reaches running streams.
type Rules struct {
	Budgets []policy.Budget
	Policy  policy.Config
}

// rules are Rules made ready. They are never changed: new ones take their place as a whole, and every
// stream follows with its next lease.
type rules struct {
	Rules
	windows map[string]ledger.Window // of each budget, parsed once
	per     map[string]string        // whose balance each is
}

func newRules(r Rules) (*rules, error) {
	out := &rules{Rules: r, windows: make(map[string]ledger.Window), per: make(map[string]string)}
	for _, b := range r.Budgets {
		unit, length, err := policy.ParseWindow(b.Window)
		if err != nil {
			return nil, fmt.Errorf("budget %s: window %q: %w", b.Name, b.Window, err)
		}
		out.windows[b.Name], out.per[b.Name] = ledger.Window{Unit: ledger.Unit(unit), Length: length}, b.Per
	}
	return out, nil
}

// shared reports whether a budget is a breaker: one that users share.
func (r *rules) shared(budget string) bool { return policy.Budget{Per: r.per[budget]}.Shared() }

// scopes are the budgets that apply to a subject under effects.
func (r *rules) scopes(s subject, e policy.Effects) []ledger.Scope {
	who := policy.Subject{User: s.user, Plan: s.plan, Provider: s.provider}
	applying := e.Applying(r.Budgets, who)
	out := make([]ledger.Scope, len(applying))
	for i, b := range applying {
		out[i] = ledger.Scope{
			Budget: b.Name, Owner: b.Owner(who), Window: r.windows[b.Name],
			Limit: b.Limit.Milliseconds(), Shadow: b.Shadow,
		}
	}
	return out
}

// effects reads the ledger's opaque record. One that cannot be read counts as restrict: not knowing
// must not lift a limit.
func (g *gate) effects(r *rules, s subject, record ledger.State, at time.Time) policy.Effects {
	st, err := policy.DecodeState(record.Data)
	if err != nil {
		g.log.Error("user record is unreadable; treated as restrict", slog.String("user", s.user), slog.Any("error", err))
		st.Position = policy.Position{Stage: policy.Restrict, Cause: policy.ByHand}
	}
	return policy.EffectsOf(st, r.Policy, policy.Subject{User: s.user, Plan: s.plan, Provider: s.provider}, at)
}
