package simulate

import (
	"time"

	"github.com/sttgate/sttgate/policy"
)

// Report is what would have come of the recorded use. Amounts are milliseconds of audio.
type Report struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Users and Parts are what was read.
	Users int `json:"users"`
	Parts int `json:"parts"`
	// RefusedBefore is what was refused then. What would be refused now is told in parts: nobody knows how often a client would try again.
	RefusedBefore Refused `json:"refused_before"`
	// Before is what was forwarded then, After what would have been.
	Before int64 `json:"before_ms"`
	After  int64 `json:"after_ms"`
	// Cut is the difference, CutUsers who would have felt it, Refused the parts of which nothing would have passed.
	Cut      int64 `json:"cut_ms"`
	CutUsers int   `json:"cut_users"`
	Refused  int   `json:"refused_parts"`
	// ShadowCut is what shadow budgets would cut if they were none.
	ShadowCut int64        `json:"shadow_cut_ms,omitempty"`
	Reviews   int          `json:"reviews"`
	Stages    []StageShare `json:"stages"`
	Steps     []Step       `json:"steps"`
}

// StageShare is how many users are at a stage at the end, and for how many it was the highest they came to.
type StageShare struct {
	Stage policy.Stage `json:"stage"`
	AtEnd int          `json:"at_end"`
	Ever  int          `json:"highest"`
}

// Step is a user who would have been moved.
type Step struct {
	At   time.Time    `json:"at"`
	User string       `json:"user"`
	From policy.Stage `json:"from"`
	To   policy.Stage `json:"to"`
	Cap  string       `json:"cap"` // the first that was exceeded
	Why  string       `json:"why"`
}
