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
	Stage    policy.Stage // that holds now: State.Until is taken into account
	Audio    []int64      // ms per window of UsageWindows
	Balances []ledger.Balance
	At       time.Time
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
	stage := u.gate.stage(id, state, time.Now())
	usage, err := u.store.Usage(ctx, ledger.Query{User: id, Scopes: u.scopes(id, plan, stage), Windows: UsageWindows()})
	if err != nil {
		return User{}, err
	}
	decoded, err := policy.DecodeState(usage.State.Data)
	if err != nil {
		return User{}, err
	}
	return User{
		ID: id, Plan: plan, State: decoded, Stage: decoded.At(usage.At), Audio: usage.Audio,
		Balances: usage.Balances, At: usage.At,
	}, nil
}

// scopes are the budgets that apply to a user at any vendor, each once.
func (u *Users) scopes(id, plan string, stage policy.Stage) []ledger.Scope {
	var out []ledger.Scope
	for _, v := range u.vendors {
		for _, s := range u.gate.scopes(subject{user: id, plan: plan, provider: v}, stage) {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// SetStage replaces a user's state and returns what was before. It fails with
// ledger.ErrConflict when somebody else changed the user meanwhile. Running streams follow
// with their next lease.
func (u *Users) SetStage(ctx context.Context, id string, s policy.State) (before policy.State, err error) {
	old, err := u.store.State(ctx, id)
	if err != nil {
		return policy.State{}, err
	}
	if before, err = policy.DecodeState(old.Data); err != nil {
		return policy.State{}, err
	}
	data, err := s.Encode()
	if err != nil {
		return policy.State{}, err
	}
	_, err = u.store.SetState(ctx, id, ledger.State{Version: old.Version, Data: data})
	return before, err
}
