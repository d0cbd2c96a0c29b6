package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// FairUse is what ledger.redis.layout fair_use needs to know from other sections: the one budget that
// is the backend's day, what its minutes count, and which stage a user's record stands for under the rules in force.
func (c Config) FairUse(inForce func() policy.Config) (ledger.FairUse, error) {
	if c.Ledger.Store != ledger.StoreRedis || c.Ledger.Redis.Layout != ledger.LayoutFairUse {
		return ledger.FairUse{}, nil
	}
	var fit, others []string
	for _, b := range c.Proxy.Budgets {
		switch {
		case b.Shared() || !slices.Equal(b.Stages, []policy.Stage{policy.Restrict}):
		case b.Window == string(ledger.Day):
			fit = append(fit, b.Name)
		default:
			others = append(others, fmt.Sprintf("%s counts by %s", b.Name, b.Window))
		}
	}
	const needs = "fair_use needs the one budget that the backend counts: per user, window: day, stages: [restrict]"
	switch {
	case len(fit) > 1:
		return ledger.FairUse{}, fmt.Errorf("ledger.redis.layout: %s; budgets has %s", needs, strings.Join(fit, " and "))
	case len(fit) == 0 && len(others) > 0:
		return ledger.FairUse{}, fmt.Errorf("ledger.redis.layout: %s; %s", needs, strings.Join(others, ", "))
	case len(fit) == 0:
		return ledger.FairUse{}, fmt.Errorf("ledger.redis.layout: %s; budgets has none", needs)
	}
	return ledger.FairUse{Budget: fit[0], Words: c.Policy.Rules.Basis == policy.BasisWords, Stage: func(s ledger.State, at time.Time) string {
		state, err := policy.DecodeState(s.Data)
		if err != nil {
			return string(policy.Restrict) // not knowing must not lift a limit
		}
		return string(state.Now(inForce(), at).Stage)
	}}, nil
}
