package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// Explained is what a connect would be told now, and everything that went into it.
type Explained struct {
	Stage   policy.Stage
	Allowed bool
	Reason  provider.Reason // where it is not
	Lines   []policy.Line
	At      time.Time
}

// Explain answers for one user and vendor, with the same functions that decide about a stream. Places at once are not
// looked at: they are known when they are taken.
func (u *Users) Explain(ctx context.Context, id, plan, vendor string) (Explained, error) {
	r, who := u.gate.rules.Load(), subject{user: id, plan: plan, provider: vendor}
	state, err := u.store.State(ctx, id)
	if err != nil {
		return Explained{}, err
	}
	q := ledger.Query{User: id, Scopes: r.scopes(who, u.gate.effects(r, who, state, time.Now()))}
	for _, c := range r.Policy.CapsOf(id, plan) {
		if !slices.Contains(q.Windows, c.Window) {
			q.Windows = append(q.Windows, c.Window)
		}
	}
	usage, err := u.store.Usage(ctx, q)
	if err != nil {
		return Explained{}, err
	}
	sums := usage.Audio
	if u.gate.words() {
		sums = usage.Speech
	}
	record := u.gate.record(id, usage.State)
	x := Explained{Stage: policy.EffectsOf(record, r.Policy, who.policy(), usage.At).Stage, At: usage.At}
	dec := decide(ledger.Grant{Balances: usage.Balances, At: usage.At}, 1)
	if x.Allowed = dec.Allowed; !x.Allowed {
		x.Reason = u.gate.reason(dec.Violated)
	}
	x.Lines = policy.Explain(policy.Question{
		State: record, Config: r.Policy, Subject: who.policy(), Budgets: r.Budgets, Balances: balancesOf(usage.Balances),
		Sums: func(w time.Duration) int64 { return sums[slices.Index(q.Windows, w)] }, Now: usage.At,
	})
	return x, nil
}
