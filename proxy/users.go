package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// Users answers what is known about a user and moves them between stages. Safe for
// concurrent use.
type Users struct {
	gate    *gate
	store   ledger.Store
	vendors []string
}

// User is one user as they stand.
type User struct {
	ID       string
	Plan     string // as asked for
	State    policy.State
	Stage    policy.Stage     // in force now: what has ended and what policy.shadow holds back is left out
	Lifted   bool             // nothing holds but breakers
	Audio    []int64          // ms per window of UsageWindows
	Balances []ledger.Balance // of budgets of the user's own
	Shared   []Shared         // of those that apply and are everybody's
	At       time.Time
}

// Shared is the balance of a budget that users share.
type Shared struct {
	ledger.Balance
	Per      string // policy.PerProvider or policy.PerAll
	Provider string // the vendor, of PerProvider
}

// UsageWindows are the rolling windows that User.Audio sums up.
func UsageWindows() []time.Duration {
	return []time.Duration{24 * time.Hour, 72 * time.Hour, 168 * time.Hour}
}

// User reads one user. A user nobody has heard of is at stage none with no usage.
func (u *Users) User(ctx context.Context, id, plan string) (User, error) {
	state, err := u.store.State(ctx, id)
	if err != nil {
		return User{}, err
	}
	r := u.gate.rules.Load()
	scopes := u.scopes(r, id, plan, u.gate.effects(r, subject{user: id, plan: plan}, state, time.Now()))
	q := ledger.Query{User: id, Windows: UsageWindows()}
	for _, a := range scopes {
		q.Scopes = append(q.Scopes, a.Scope)
	}
	usage, err := u.store.Usage(ctx, q)
	if err != nil {
		return User{}, err
	}
	decoded, err := policy.DecodeState(usage.State.Data)
	if err != nil {
		return User{}, err
	}
	e := policy.EffectsOf(decoded, r.Policy, policy.Subject{User: id, Plan: plan}, usage.At)
	out := User{ID: id, Plan: plan, State: decoded.Now(r.Policy, usage.At), Stage: e.Stage, Lifted: e.Lifted, Audio: usage.Audio, At: usage.At}
	for i, b := range usage.Balances {
		switch per := r.per[b.Budget]; per {
		case policy.PerProvider:
			out.Shared = append(out.Shared, Shared{Balance: b, Per: per, Provider: scopes[i].vendor})
		case policy.PerAll:
			out.Shared = append(out.Shared, Shared{Balance: b, Per: per})
		default:
			out.Balances = append(out.Balances, b)
		}
	}
	return out, nil
}

// asked is a scope that applies to a user, and the first vendor where it does.
type asked struct {
	ledger.Scope
	vendor string
}

// scopes are the budgets that apply to a user at any vendor, each balance once.
func (u *Users) scopes(r *rules, id, plan string, e policy.Effects) []asked {
	var out []asked
	for _, v := range u.vendors {
		for _, s := range r.scopes(subject{user: id, plan: plan, provider: v}, e) {
			if !isStage(s.Budget) && !slices.ContainsFunc(out, func(a asked) bool { return a.Scope == s }) {
				out = append(out, asked{s, v})
			}
		}
	}
	return out
}

// Running is how many streams and uploads of a user run over all gateways. Those of the others are known
// where a limit is set.
func (u *Users) Running(ctx context.Context, id string) (int, error) {
	return u.store.Running(ctx, userOwner(id))
}
