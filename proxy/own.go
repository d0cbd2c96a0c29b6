package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// Own is one of a user's own budgets as it stands, for who was told that it is spent.
type Own struct {
	Standing
	// Known says that there is such a budget, of users' own and not in shadow; if not, nothing else is said.
	Known bool
	// Again is zero where nothing else keeps the user from what the budget gives. Otherwise it is when to ask again: at every vendor another
	// budget of theirs is spent as well, or the stage refuses.
	Again time.Time
}

// refusalPause is when to ask again about a stage that refuses and ends at no time that is known.
const refusalPause = time.Hour

// Own looks at one budget of a user's on a plan, by the store's clock. Breakers are not looked at: they come and go for all.
func (u *Users) Own(ctx context.Context, user, plan, budget string) (Own, error) {
	r := u.gate.rules.Load()
	i := slices.IndexFunc(r.Budgets, func(b policy.Budget) bool { return b.Name == budget && !b.Shared() && !b.Shadow })
	if i < 0 {
		return Own{}, nil
	}
	now, err := u.store.Usage(ctx, ledger.Query{User: user})
	if err != nil {
		return Own{}, err
	}
	b, who := r.Budgets[i], subject{user: user, plan: plan}
	e := u.gate.effects(r, who, now.State, now.At)
	own := ledger.Scope{Budget: b.Name, Owner: b.Owner(who.policy()), Window: r.windows[b.Name], Limit: b.Limit.Milliseconds()}
	ways := u.ways(r, b, who, e)
	q := ledger.Query{User: user, Scopes: []ledger.Scope{own}}
	for _, w := range ways {
		for _, s := range w.others {
			if !slices.Contains(q.Scopes, s) {
				q.Scopes = append(q.Scopes, s)
			}
		}
	}
	usage, err := u.store.Usage(ctx, q)
	if err != nil {
		return Own{}, err
	}
	x := usage.Balances[0]
	out := Own{Known: true, Standing: Standing{
		user, plan, budget, x.Limit, x.Granted, x.Used, x.Remaining, x.Resets, usage.At, own.Window.Length,
		!slices.ContainsFunc(ways, func(w way) bool { return w.holds }),
	}}
	for n, w := range ways {
		shut := time.Time{}
		for _, s := range w.others {
			if x := usage.Balances[slices.Index(q.Scopes, s)]; x.Remaining <= 0 {
				shut = later(shut, reopens(x, e, usage.At))
			}
		}
		if n == 0 || shut.Before(out.Again) {
			out.Again = shut
		}
	}
	return out, nil
}

// way is one vendor, as far as a budget goes there.
type way struct {
	holds  bool           // the budget holds
	others []ledger.Scope // what else a user's own streams there must pass
}

// ways are the vendors that a budget is for.
func (u *Users) ways(r *rules, b policy.Budget, who subject, e policy.Effects) (out []way) {
	for _, vendor := range u.vendors {
		if len(b.Providers) > 0 && !slices.Contains(b.Providers, vendor) {
			continue
		}
		who.provider = vendor
		var w way
		for _, s := range r.scopes(who, e) {
			switch {
			case s.Shadow || r.shared(s.Budget):
			case s.Budget == b.Name:
				w.holds = true
			default:
				w.others = append(w.others, s)
			}
		}
		out = append(out, w)
	}
	return out
}

// reopens is when what is spent may be so no longer, after now.
func reopens(x ledger.Balance, e policy.Effects, now time.Time) time.Time {
	at := x.Resets
	if isStage(x.Budget) {
		at = e.Until
	}
	if at.After(now) {
		return at
	}
	return now.Add(refusalPause)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
