package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// fairUseDaily is a name that backends with a fair-use feature set already: the
// Deepgram milliseconds per day of a restricted user, 0 for no such budget. It is
// the limit of each daily budget for the stage restrict alone that Deepgram falls
// under, and wins over the file.
const fairUseDaily = "FAIR_USE_RESTRICT_DAILY_DG_MS"

func (l *loader) fairUse(c *Config) {
	l.fairUsePolicy(c)
	value, set := l.environ[fairUseDaily]
	if !set {
		return
	}
	const key = "budgets"
	at := Source{Env: fairUseDaily}
	ms, ok := fairUseInt(value, time.Millisecond, 0)
	if !ok {
		l.fault(at, key, shown(text, value)+"must be a whole number of milliseconds per day, 0 for no budget")
		return
	}
	if ms == 0 {
		l.dropBudgets(c, restrictDaily)
		l.sources[key] = at
		return
	}
	found := false
	for i := range c.Proxy.Budgets {
		if restrictDaily(c.Proxy.Budgets[i]) {
			found = true
			c.Proxy.Budgets[i].Limit = ms
			l.sources[key+"["+strconv.Itoa(i)+"].limit"] = at
		}
	}
	if !found && !l.faults.has(key) {
		l.fault(at, key, "there is no daily budget for the stage restrict and deepgram whose limit this could be")
	}
}

// fairUseInt reads so many units, at least least of them.
func fairUseInt(value string, unit time.Duration, least int64) (time.Duration, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < least || n > math.MaxInt64/int64(unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

func restrictDaily(b policy.Budget) bool {
	return b.Window == policy.UnitDay && slices.Equal(b.Stages, []policy.Stage{policy.Restrict}) &&
		(len(b.Providers) == 0 || slices.Contains(b.Providers, "deepgram"))
}

// dropBudgets removes budgets and moves the sources of the others with them.
func (l *loader) dropBudgets(c *Config, drop func(policy.Budget) bool) {
	var kept []policy.Budget
	moved := Sources{}
	for i, b := range c.Proxy.Budgets {
		if drop(b) {
			continue
		}
		from, to := fmt.Sprintf("budgets[%d]", i), fmt.Sprintf("budgets[%d]", len(kept))
		for path, at := range l.sources {
			if rest, ok := strings.CutPrefix(path, from); ok {
				moved[to+rest] = at
			}
		}
		kept = append(kept, b)
	}
	maps.DeleteFunc(l.sources, func(path string, _ Source) bool { return strings.HasPrefix(path, "budgets[") })
	maps.Copy(l.sources, moved)
	c.Proxy.Budgets = append([]policy.Budget{}, kept...) // not nil, which would mean the default
}
