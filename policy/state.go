package policy

import (
	"encoding/json"
	"fmt"
	"time"
)

// State is what is known about a user besides usage. The zero State is a user
// nobody has decided anything about: stage none.
type State struct {
	Stage  Stage     `json:"stage"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"` // zero: for good
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"` // who decided: "admin:<id>"
}

// At returns the stage that holds at now: none once Until has passed.
func (s State) At(now time.Time) Stage {
	if s.Stage == "" || (!s.Until.IsZero() && !now.Before(s.Until)) {
		return None
	}
	return s.Stage
}

// Encode returns the stored form.
func (s State) Encode() ([]byte, error) { return json.Marshal(s) }

// DecodeState reads the stored form. No bytes are the zero State. An unknown
// stage is an error: a record written by a newer version is not "none".
func DecodeState(b []byte) (State, error) {
	var s State
	if len(b) == 0 {
		return State{Stage: None}, nil
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("user state: %w", err)
	}
	if _, err := ParseStage(string(s.Stage)); err != nil {
		return State{}, fmt.Errorf("user state: %w", err)
	}
	return s, nil
}
