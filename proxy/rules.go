package proxy

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// Rules are what decides about users: the part of the file that reaches running streams.
type Rules struct {
	Budgets    []policy.Budget
	Policy     policy.Config
	Unmeasured string // MeterConfig.Unmeasured
}

// rules are Rules made ready. They are never changed: new ones take their place as a whole, and every
// stream follows with its next lease.
type rules struct {
	Rules
	windows map[string]ledger.Window // of each budget, parsed once
	per     map[string]string        // whose balance each is
	counted bool                     // a stage has max_streams: a user at another one may come to it
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
	for _, s := range r.Policy.Stages {
		out.counted = out.counted || r.Policy.Enabled && s.Actions.MaxStreams > 0
	}
	return out, nil
}

// shared reports whether a budget is a breaker: one that users share.
func (r *rules) shared(budget string) bool { return policy.Budget{Per: r.per[budget]}.Shared() }

// stageScope begins the name of what a stage that refuses puts beside the budgets: a scope in which nothing may be spent.
// So the ledger refuses at the door and in running streams with the lease that tells of the stage. It can be no budget's
// name, and its window, in which nothing ever is, resets at no time.
const stageScope = "stage:"

func isStage(scope string) bool { return strings.HasPrefix(scope, stageScope) }

func (r *rules) refusing(s subject, stage policy.Stage, shadow bool) ledger.Scope {
	return ledger.Scope{
		Budget: stageScope + string(stage), Owner: policy.Budget{}.Owner(policy.Subject{User: s.user}),
		Window: ledger.Window{Unit: ledger.Rolling, Length: policy.MinRolling}, Shadow: shadow,
	}
}

// scopes are the budgets that apply to a subject under effects, and what its stage refuses.
func (r *rules) scopes(s subject, e policy.Effects) []ledger.Scope {
	who := s.policy()
	applying := e.Applying(r.Budgets, who)
	out := make([]ledger.Scope, 0, len(applying)+1)
	for _, b := range applying {
		out = append(out, ledger.Scope{
			Budget: b.Name, Owner: b.Owner(who), Window: r.windows[b.Name],
			Limit: b.Limit.Milliseconds(), Shadow: b.Shadow,
		})
	}
	switch {
	case e.Refuse:
		out = append(out, r.refusing(s, e.Stage, false))
	case !e.Lifted && r.Policy.Stages[e.Would].Actions.Refuse: // but for policy.shadow
		out = append(out, r.refusing(s, e.Would, true))
	}
	return out
}

// effects are what the ledger's opaque record means for a subject.
func (g *gate) effects(r *rules, s subject, record ledger.State, at time.Time) policy.Effects {
	return policy.EffectsOf(g.record(s.user, record), r.Policy, s.policy(), at)
}

// record reads the ledger's opaque record. One that cannot be read counts as restrict: not knowing
// must not lift a limit.
func (g *gate) record(user string, record ledger.State) policy.State {
	st, err := policy.DecodeState(record.Data)
	if err != nil {
		g.log.Error("user record is unreadable; treated as restrict", slog.String("user", user), slog.Any("error", err))
		st.Position = policy.Position{Stage: policy.Restrict, Cause: policy.ByHand}
	}
	return st
}
