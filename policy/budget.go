package policy

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// What a budget does at the door (OnConnect) and inside a stream (OnExhausted).
// Auto leaves it to the vendor's dialect.
const (
	Auto   = "auto"
	Refuse = "refuse" // 429 at the handshake
	Accept = "accept" // upgrade, then the vendor's in-band error
	Drop   = "drop"   // swallow audio, keep the stream alive
	Close  = "close"  // the vendor's polite end
)

// Whose balance a budget is. One that users share is a breaker: it bounds what the house spends, and
// when it is spent that is nobody's own doing.
const (
	PerUser     = "user"     // each user has an own one
	PerProvider = "provider" // each vendor has one, for all users
	PerAll      = "all"      // there is one, for all users and vendors
)

// Budget is one entry of the config's list of budgets: so much audio per window
// for those to whom it applies.
type Budget struct {
	// Name appears in headers and errors and keys the balance in the ledger: a
	// renamed budget starts anew. Up to 64 of a-z, 0-9, dot, dash, underscore.
	Name string
	// Providers, Plans and Stages choose the streams; an empty list means all.
	Providers []string
	Plans     []string
	Stages    []Stage
	// Per is whose balance it is: user, provider or all.
	Per string
	// Window is day, week, month or a duration; see [ParseWindow].
	Window string
	// Limit is the audio that may be forwarded in a window: whole milliseconds,
	// at least one.
	Limit time.Duration
	// OnConnect is auto, refuse or accept.
	OnConnect string
	// OnExhausted is auto, drop or close. A shared budget always closes.
	OnExhausted string
	// Shadow counts without ever refusing.
	Shadow bool
}

// WithDefaults fills what was left empty: per user, per day, auto. Absent lists
// become empty ones, which mean the same and show as [] everywhere.
func (b Budget) WithDefaults() Budget {
	if b.Providers == nil {
		b.Providers = []string{}
	}
	if b.Plans == nil {
		b.Plans = []string{}
	}
	if b.Stages == nil {
		b.Stages = []Stage{}
	}
	for _, f := range []struct {
		field *string
		value string
	}{{&b.Per, PerUser}, {&b.Window, UnitDay}, {&b.OnConnect, Auto}, {&b.OnExhausted, Auto}} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	return b
}

// Validate checks a budget that [Budget.WithDefaults] has filled. The error joins
// one error per fault, each of the form "key: what is wrong".
func (b Budget) Validate() error {
	var errs []error
	fault := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf(key+": "+format, args...))
	}
	switch {
	case b.Name == "":
		fault("name", "is missing")
	case !validName(b.Name):
		fault("name", "use up to 64 of a-z, 0-9, dot, dash and underscore, a letter or digit first")
	}
	for _, l := range []struct {
		key   string
		items []string
	}{{"providers", b.Providers}, {"plans", b.Plans}, {"stages", words(b.Stages)}} {
		if dup, ok := duplicate(l.items); ok {
			fault(l.key, "%q is listed twice", dup)
		}
		if slices.Contains(l.items, "") {
			fault(l.key, "has an empty entry")
		}
	}
	for _, s := range b.Stages {
		if _, err := ParseStage(string(s)); err != nil && s != "" {
			fault("stages", "%w", err)
		}
	}
	if !slices.Contains([]string{PerUser, PerProvider, PerAll}, b.Per) {
		fault("per", "%q is not known: use user, provider or all", b.Per)
	}
	if _, _, err := ParseWindow(b.Window); err != nil {
		fault("window", "%q: %w", b.Window, err)
	}
	switch {
	case b.Limit <= 0:
		fault("limit", "is missing or zero: say how much audio a window may have, or leave the budget out")
	case b.Limit%time.Millisecond != 0:
		fault("limit", "%s is not a whole number of milliseconds", b.Limit)
	}
	if !slices.Contains([]string{Auto, Refuse, Accept}, b.OnConnect) {
		fault("on_connect", "%q is not known: use auto, refuse or accept", b.OnConnect)
	}
	if !slices.Contains([]string{Auto, Drop, Close}, b.OnExhausted) {
		fault("on_exhausted", "%q is not known: use auto, drop or close", b.OnExhausted)
	}
	if b.Shared() && b.OnExhausted == Drop {
		fault("on_exhausted", "a budget per %s ends its streams: every one that is kept without audio still costs the vendor's connection; use auto or close", b.Per)
	}
	return errors.Join(errs...)
}

// Shared reports whether users share the balance.
func (b Budget) Shared() bool { return b.Per == PerProvider || b.Per == PerAll }

// Owner names the balance that a stream of s spends from. User ids cannot be chosen to
// name another's: each kind has a word of its own in front.
func (b Budget) Owner(s Subject) string {
	switch b.Per {
	case PerProvider:
		return "provider:" + s.Provider
	case PerAll:
		return "all"
	}
	return "user:" + s.User
}

// Subject is one stream as far as budgets ask.
type Subject struct {
	User     string
	Plan     string // "" for a user without a plan
	Provider string
	Stage    Stage // "" counts as none
}

// Applying returns the budgets that apply to s, in order. An empty list in a
// budget means all of them; a user without a plan is only met by budgets that
// name no plan.
func Applying(bs []Budget, s Subject) []Budget {
	if s.Stage == "" {
		s.Stage = None
	}
	var out []Budget
	for _, b := range bs {
		if b.meets(s) {
			out = append(out, b)
		}
	}
	return out
}

// ForPlan says whether a budget may apply to users on a plan ("": none), at whatever vendor and stage.
func (b Budget) ForPlan(plan string) bool { return meets(b.Plans, plan) }

func (b Budget) meets(s Subject) bool {
	return meets(b.Providers, s.Provider) && b.ForPlan(s.Plan) && meets(b.Stages, s.Stage)
}

func meets[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

// validName keeps a name fit for a structured header field and for a key.
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		word := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !word && (i == 0 || c != '.' && c != '-' && c != '_') {
			return false
		}
	}
	return len(s) <= 64
}

func duplicate(items []string) (string, bool) {
	for i, s := range items {
		if slices.Contains(items[:i], s) {
			return s, true
		}
	}
	return "", false
}

func words(stages []Stage) []string {
	out := make([]string, len(stages))
	for i, s := range stages {
		out[i] = string(s)
	}
	return out
}
