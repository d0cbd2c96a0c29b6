package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

var (
	// ErrNoBudget says that the rules have no budget of a name.
	ErrNoBudget = errors.New("there is no such budget")
	// ErrSharedBudget says that a budget is not a user's own.
	ErrSharedBudget = errors.New("it is shared by users")
)

// Gift is more of one of a user's own budgets, in the window that runs now; as of [ledger.Gift].
type Gift struct {
	User, Budget, ID string
	MS               int64
}

// Given is what became of a Gift.
type Given struct {
	ledger.Given
	Per     string // whose the budget is
	Applies bool   // to the user as they stand, at some vendor and on some plan
}

// Grant carries a gift out. Running streams have it with their next lease. A breaker is refused: what all users may spend together is
// not one user's to be given.
func (u *Users) Grant(ctx context.Context, g Gift) (Given, error) {
	r := u.gate.rules.Load()
	i := slices.IndexFunc(r.Budgets, func(b policy.Budget) bool { return b.Name == g.Budget })
	if i < 0 {
		return Given{}, fmt.Errorf("budget %q: %w; %s", g.Budget, ErrNoBudget, r.grantable())
	}
	b := r.Budgets[i]
	if b.Shared() {
		return Given{}, fmt.Errorf("budget %q: %w (per: %s), so that it cannot be granted to one: raise its limit in the config and reload; %s",
			g.Budget, ErrSharedBudget, b.Per, r.grantable())
	}
	state, err := u.store.State(ctx, g.User)
	if err != nil {
		return Given{}, err
	}
	who := subject{user: g.User}
	out, err := u.store.Grant(ctx, ledger.Gift{ID: g.ID, MS: g.MS, Scope: ledger.Scope{
		Budget: b.Name, Owner: b.Owner(who.policy()), Window: r.windows[b.Name], Limit: b.Limit.Milliseconds(), Shadow: b.Shadow,
	}})
	if err != nil {
		return Given{}, err
	}
	return Given{Given: out, Per: b.Per, Applies: u.applies(r, b, who, state)}, nil
}

// grantable names the budgets that can be granted.
func (r *rules) grantable() string {
	var names []string
	for _, b := range r.Budgets {
		if !b.Shared() {
			names = append(names, b.Name)
		}
	}
	if names == nil {
		return "the config has no budget per user"
	}
	return "budgets per user are " + strings.Join(names, ", ")
}

// applies reports whether a budget meets the user at any vendor. What plan the next stream will have is not known.
func (u *Users) applies(r *rules, b policy.Budget, who subject, state ledger.State) bool {
	if len(b.Plans) > 0 {
		who.plan = b.Plans[0]
	}
	return slices.ContainsFunc(u.vendors, func(vendor string) bool {
		who.provider = vendor
		e := u.gate.effects(r, who, state, time.Now())
		return len(e.Applying([]policy.Budget{b}, who.policy())) > 0
	})
}
