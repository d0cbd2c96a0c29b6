package policy

import (
	"encoding/json"
	"fmt"
	"time"
)

// Cause is why a user was moved, or is where they are.
type Cause string

// The causes. The last ones are never a position's: they say why a step of the [State]'s history was taken.
const (
	ByNobody      Cause = ""               // where everybody begins; with a stage, in an old record, [ByHand]
	ByViolation   Cause = "violation"      // a classifier's score
	ByCap         Cause = "cap"            // the caps alone, where there is no classifier
	FreeExhausted Cause = "free_exhausted" // over the caps on credits that are spent
	ByHand        Cause = "manual"         // an operator

	ByDecay   Cause = "decay"    // the stage's own time was over
	ByUntil   Cause = "until"    // the time that an operator had set was over
	ByCredits Cause = "restored" // the cause free_exhausted is gone
	ByReset   Cause = "reset"    // an operator took everything back
	ByResolve Cause = "resolve"  // an operator took one violation back
	ByExempt  Cause = "exempt"   // an operator made a user exempt, or no longer
	ByGrant   Cause = "grant"    // an operator granted more of a budget, or took that back
)

// Position is where a user stands, since when and why.
type Position struct {
	Stage  Stage     `json:"stage"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"` // of what was set by hand; zero: for good
	Cause  Cause     `json:"cause,omitempty"`
	Ref    string    `json:"ref,omitempty"` // the case that led here
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"` // who decided: "admin:<id>"
	// Before is the position beneath: where the user goes back to when free_exhausted is over, and below which
	// a step on top of an operator's decision does not decay. Its stage is lower than this one's.
	Before *Position `json:"before,omitempty"`
}

// Track is what the machine moves: a position, and what the next review will count.
type Track struct {
	Position
	// Plan is the caller's at the last review that found the credits spent: another one is a reason to ask again.
	Plan string `json:"plan,omitempty"`
	// Violations are the reviews at or over the threshold since the last reset, oldest first, at most [MaxViolations].
	Violations []Violation `json:"violations,omitempty"`
}

// State is the record of a user: everything that is known besides usage, changed only as a whole (by
// compare-and-set, in the ledger). The zero State is a user nobody has decided anything about: stage none.
type State struct {
	Track
	// Shadow is where policy.shadow would have moved the user. It never has an effect and is dropped when the shadow ends.
	Shadow   *Track     `json:"shadow,omitempty"`
	ResetAt  time.Time  `json:"reset_at,omitzero"`
	Exempt   *Exemption `json:"exempt,omitempty"`
	Review   Lock       `json:"review,omitzero"`
	History  []Change   `json:"history,omitempty"` // oldest first, at most [MaxHistory]
	LastCase string     `json:"last_case,omitempty"`
	// Owed are the events that moved the user and of which nobody has said yet that they are delivered, at most [MaxOwed]. They come and go
	// with the record, so that none is lost with the process that wrote it.
	Owed []Event `json:"owed,omitempty"`
}

// What a record keeps at most: the newest of each.
const (
	MaxViolations = 32
	MaxHistory    = 20
	MaxGrants     = 8 // of the history: steps are not to be lost behind what a program grants every day
	MaxOwed       = 8
)

// Violation is a review at or over the threshold.
type Violation struct {
	At    time.Time `json:"at"`
	Ref   string    `json:"ref"`
	Score float64   `json:"score"`
	Cause Cause     `json:"cause"`
}

// Exemption says that a user is under no rule of this package.
type Exemption struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"` // zero: for good
}

// Lock is the right to review a user and, after the review, its cooldown: nobody begins before Until.
type Lock struct {
	Token    string    `json:"token,omitempty"` // of the review that is under way
	At       time.Time `json:"at,omitzero"`     // when it began
	Until    time.Time `json:"until,omitzero"`
	Failures int       `json:"failures,omitempty"` // in a row
	Last     Outcome   `json:"last,omitempty"`
}

// Change is one step of a user's history.
type Change struct {
	At     time.Time `json:"at"`
	From   Stage     `json:"from"`
	To     Stage     `json:"to"`
	Cause  Cause     `json:"cause"`
	Ref    string    `json:"ref,omitempty"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Shadow bool      `json:"shadow,omitempty"` // of the shadow's track
	Grant  *Granted  `json:"grant,omitempty"`
}

// Granted is what an operator granted of a budget, or took back (less than 0).
type Granted struct {
	ID     string `json:"id"`
	Budget string `json:"budget"`
	MS     int64  `json:"granted_ms"`
}

// Encode returns the stored form.
func (s State) Encode() ([]byte, error) { return json.Marshal(s) }

// DecodeState reads the stored form. No bytes are the zero State. An unknown
// stage is an error: a record written by a newer version is not "none".
func DecodeState(b []byte) (State, error) {
	var s State
	if len(b) == 0 {
		s.Stage = None
		return s, nil
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("user state: %w", err)
	}
	for p := &s.Position; p != nil; p = p.Before {
		if _, err := ParseStage(string(p.Stage)); err != nil {
			return State{}, fmt.Errorf("user state: %w", err)
		}
	}
	if s.Shadow != nil {
		for p := &s.Shadow.Position; p != nil; p = p.Before {
			if _, err := ParseStage(string(p.Stage)); err != nil {
				return State{}, fmt.Errorf("user state: shadow: %w", err)
			}
		}
	}
	return s, nil
}
