package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// fairUsePolicy reads the names of the policy that backends with a fair-use feature set already. They win over the file;
// a STTGATE_ variable of the same key wins over them.
func (l *loader) fairUsePolicy(c *Config) {
	rules, review := &c.Policy.Rules, &c.Policy.Review.Rules
	for _, n := range []struct {
		env, key, wants string
		set             func(value string) bool
	}{
		{"FAIR_USE_ENABLED", "policy.enabled", boolean.wants(), truth(&rules.Enabled)},
		{"FAIR_USE_KILL_SWITCH", "policy.kill_switch", boolean.wants(), truth(&rules.KillSwitch)},
		{"FAIR_USE_EXEMPT_UIDS", "policy.exempt_users", "users, separated by commas", names(&rules.ExemptUsers)},
		{"FAIR_USE_CHECK_INTERVAL_SECONDS", "policy.check_interval", "a whole number of seconds, at least 1", seconds(&rules.CheckInterval)},
		{"FAIR_USE_CLASSIFIER_COOLDOWN_SECONDS", "policy.review.cooldown", "a whole number of seconds, at least 1", seconds(&review.Cooldown)},
		{"FAIR_USE_CLASSIFIER_ABUSE_SCORE_THRESHOLD", "policy.review.threshold", number.wants(), score(&review.Threshold)},
	} {
		value, set := l.environ[n.env]
		if !set || strings.HasPrefix(l.sources[n.key].Env, envPrefix) {
			continue
		}
		at := Source{Env: n.env}
		l.sources[n.key] = at
		if !n.set(strings.TrimSpace(value)) {
			l.fault(at, n.key, shown(text, value)+"must be "+n.wants)
		}
	}
	for _, n := range []struct {
		env    string
		window time.Duration
	}{
		{"FAIR_USE_DAILY_SPEECH_MS", 24 * time.Hour}, {"FAIR_USE_3DAY_SPEECH_MS", 72 * time.Hour}, {"FAIR_USE_WEEKLY_SPEECH_MS", 168 * time.Hour},
	} {
		l.fairUseCap(rules, n.env, n.window)
	}
}

// fairUseCap sets the limit of the general caps over a window.
func (l *loader) fairUseCap(rules *policy.Config, env string, window time.Duration) {
	value, set := l.environ[env]
	if !set {
		return
	}
	const key = "policy.caps"
	at := Source{Env: env}
	limit, ok := fairUseInt(value, time.Millisecond, 1)
	if !ok {
		l.fault(at, key, shown(text, value)+"must be a whole number of milliseconds, at least 1")
		return
	}
	rules.Caps = slices.Clone(rules.Caps)
	found := false
	for i := range rules.Caps {
		if rules.Caps[i].Window == window {
			found = true
			rules.Caps[i].Limit = limit
			l.sources[fmt.Sprintf("%s[%d].limit", key, i)] = at
		}
	}
	if !found && !l.faults.has(key) {
		l.fault(at, key, "there is no cap with the window "+formatDuration(window)+" whose limit this could be")
	}
}

// truth takes what backends write: "True" as well as "true".
func truth(field *bool) func(string) bool {
	return func(value string) bool {
		*field = strings.EqualFold(value, "true")
		return *field || strings.EqualFold(value, "false")
	}
}

// names leaves out spaces and what is empty.
func names(field *[]string) func(string) bool {
	return func(value string) bool {
		*field = []string{}
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.TrimSpace(name); name != "" && !slices.Contains(*field, name) {
				*field = append(*field, name)
			}
		}
		return true
	}
}

func seconds(field *time.Duration) func(string) bool {
	return func(value string) (ok bool) {
		*field, ok = fairUseInt(value, time.Second, 1)
		return ok
	}
}

func score(field *float64) func(string) bool {
	return func(value string) bool {
		v, err := parse(number, value, untyped)
		if err != nil {
			return false
		}
		*field = v.(float64)
		return true
	}
}
