package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Validate checks rules that [Config.WithDefaults] has filled. The error joins one error per fault, each of the form
// "key.path: what is wrong".
func (c Config) Validate() error {
	var f faults
	seen := map[string]bool{}
	for _, u := range c.ExemptUsers {
		if u == "" || u != strings.TrimSpace(u) {
			f.add("exempt_users", "%q is no user: leave out what is empty, and spaces around a name", u)
		}
		if seen[u] {
			f.add("exempt_users", "%q is listed twice", u)
		}
		seen[u] = true
	}
	if c.Basis != BasisAudio && c.Basis != BasisWords {
		f.add("basis", "%q is not known: use audio or words", c.Basis)
	}
	if c.CheckInterval < time.Second {
		f.add("check_interval", "%s is too short: 1s is the least", c.CheckInterval)
	}
	f.caps("caps", c.Caps)
	for _, t := range []struct {
		key   string
		plans map[string]Plan
	}{{"plans", c.Plans}, {"users", c.Users}} {
		for _, name := range slices.Sorted(maps.Keys(t.plans)) {
			key := t.key + "[" + name + "]"
			if t.plans[name].Caps == nil {
				f.add(key+".caps", "is missing: write the caps, all of them, or [] for none")
			}
			f.caps(key+".caps", t.plans[name].Caps)
		}
	}
	if !slices.Contains([]string{SourceOwn, SourceHTTP, SourceRedis}, c.Source) {
		f.add("source", "%q is not known: use own, http or redis", c.Source)
	}
	c.Review.validate(&f)
	c.validateStages(&f)
	return errors.Join(f...)
}

func (r ReviewRules) validate(f *faults) {
	if r.Cooldown < time.Second {
		f.add("review.cooldown", "%s is too short: 1s is the least", r.Cooldown)
	}
	if !(r.Threshold > 0 && r.Threshold <= 1) {
		f.add("review.threshold", "%v is out of range: more than 0, at most 1", r.Threshold)
	}
	if r.Window <= 0 {
		f.add("review.window", "must be more than 0")
	}
}

func (c Config) validateStages(f *faults) {
	before := 0
	for _, s := range []Stage{Warning, Throttle, Restrict} {
		r, key := c.Stages[s], "stages."+string(s)
		switch {
		case r.EnterAfter < 0 || r.EnterAfter > MaxViolations:
			f.add(key+".enter_after", "%d is out of range: 0 to %d", r.EnterAfter, MaxViolations)
		case r.EnterAfter < before:
			f.add(key+".enter_after", "%d is less than %s needs (%d): a later stage cannot be easier to reach", r.EnterAfter, s.below(), before)
		}
		before = max(before, r.EnterAfter)
		if r.Decay < 0 {
			f.add(key+".decay", "is negative: 0 for never")
		}
		if r.Actions.MaxStreams < 0 {
			f.add(key+".actions.max_streams", "is negative: 0 for no limit")
		}
		// Below real time a live stream falls behind for ever: that is no pace but a slow end.
		if p := r.Actions.Pace; !(p == 0 || p >= 1) {
			f.add(key+".actions.pace", "%v is less than 1, so live audio would fall behind for ever: 1 or more, 0 for no limit", p)
		}
		for _, asked := range slices.Sorted(maps.Keys(r.Actions.Model)) {
			switch used := r.Actions.Model[asked]; {
			case asked == "" || used == "":
				f.add(key+".actions.model", "has an empty name: write what was asked for and what is used")
			case !validModel(used):
				f.add(key+".actions.model["+asked+"]", "%q is no model's name: up to 64 of letters, digits, dot, dash, underscore, colon and slash", used)
			}
		}
	}
}

// validModel keeps a name that is put into a query, or into a message, free of what would have to be escaped there.
func validModel(s string) bool {
	return len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:/") == ""
}

// faults collects errors of the form "key: what is wrong".
type faults []error

func (f *faults) add(key, format string, args ...any) {
	*f = append(*f, fmt.Errorf(key+": "+format, args...))
}

func (f *faults) caps(key string, caps []Cap) {
	names := map[string]bool{}
	for i, c := range caps {
		key := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case c.Name == "":
			f.add(key+".name", "is missing")
		case !validName(c.Name):
			f.add(key+".name", "use up to 64 of a-z, 0-9, dot, dash and underscore, a letter or digit first")
		case names[c.Name]:
			f.add(key+".name", "%q is taken by another cap", c.Name)
		}
		names[c.Name] = true
		if c.Window < MinRolling || c.Window > MaxRolling || c.Window%time.Minute != 0 {
			f.add(key+".window", "%s is no rolling window: whole minutes, 1m to 8d", c.Window)
		}
		if c.Limit <= 0 || c.Limit%time.Millisecond != 0 {
			f.add(key+".limit", "%s is no limit: whole milliseconds, at least one", c.Limit)
		}
	}
}
