package policy

import (
	"encoding/hex"
	"strings"
	"time"
)

// Event is what happened to a user, with the numbers at the time: a review, with a step or without, or a step that had
// another cause. What is in it explains it without the config of that day.
type Event struct {
	Ref      string    `json:"ref,omitempty"` // the case's
	At       time.Time `json:"at"`
	Found    time.Time `json:"found,omitzero"` // of a step that time alone has taken: when that was noticed
	User     string    `json:"user"`
	Plan     string    `json:"plan,omitempty"`
	Cause    Cause     `json:"cause"`
	Triggers []Trigger `json:"triggers,omitempty"`
	Verdict  Verdict   `json:"review,omitzero"`
	From     Stage     `json:"from"`
	To       Stage     `json:"to"`
	// Violations are the earlier ones that counted.
	Violations int     `json:"violations"`
	Outcome    Outcome `json:"outcome,omitempty"` // of a review
	Rule       string  `json:"rule"`              // that fired, in words
	Limits     Limits  `json:"limits,omitzero"`   // of a review
	By         string  `json:"by,omitempty"`      // an operator
	Reason     string  `json:"reason,omitempty"`
	// Shadow: nobody felt it.
	Shadow bool     `json:"shadow,omitempty"`
	Grant  *Granted `json:"grant,omitempty"`
}

// Limits are the rules that a review was held by.
type Limits struct {
	Threshold  float64 `json:"threshold"`
	WindowMS   int64   `json:"window_ms"`
	CooldownMS int64   `json:"cooldown_ms"`
	EnterAfter int     `json:"enter_after"` // of the stage above
}

// Moved reports whether the user's stage changed.
func (e Event) Moved() bool { return e.From != e.To }

func (e Event) change() Change {
	return Change{At: e.At, From: e.From, To: e.To, Cause: e.Cause, Ref: e.Ref, By: e.By, Reason: e.Reason, Shadow: e.Shadow, Grant: e.Grant}
}

// refPrefix begins every case reference.
const refPrefix = "FU-"

// Reference makes the reference of a case, "FU-" and 12 hex digits, of 6 random bytes.
func Reference(random [6]byte) string {
	return refPrefix + strings.ToUpper(hex.EncodeToString(random[:]))
}

// IsReference reports whether s can be the reference of a case.
func IsReference(s string) bool {
	digits, ok := strings.CutPrefix(s, refPrefix)
	return ok && len(digits) == 12 && strings.Trim(digits, "0123456789ABCDEF") == ""
}
