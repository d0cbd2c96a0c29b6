package admin

import "time"

// Case is what happened to a user, with the numbers at the time: a review, with a step or without, or a step that had another
// cause. What is in it explains it without the config of that day.
type Case struct {
	Ref        string    `json:"ref,omitempty" doc:"the case's reference"`
	At         time.Time `json:"at" doc:"when it was"`
	User       string    `json:"user" doc:"the user's id"`
	Plan       string    `json:"plan,omitempty" doc:"the user's plan"`
	Cause      string    `json:"cause" doc:"what it came from: a violation, a cap, credits that are spent, an operator, time"`
	Triggers   []Trigger `json:"triggers,omitempty" doc:"the soft caps that were exceeded"`
	Review     Verdict   `json:"review,omitzero" doc:"what the classifier said"`
	From       string    `json:"from" enum:"@stages" doc:"the stage before"`
	To         string    `json:"to" enum:"@stages" doc:"the stage after"`
	Violations int       `json:"violations" doc:"earlier ones that counted"`
	Outcome    string    `json:"outcome,omitempty" doc:"what became of a review"`
	Rule       string    `json:"rule" doc:"the rule that fired, in words"`
	Limits     Rules     `json:"limits,omitzero" doc:"the rules that a review was held by"`
	By         string    `json:"by,omitempty" doc:"the operator"`
	Reason     string    `json:"reason,omitempty" doc:"the operator's"`
	Shadow     bool      `json:"shadow,omitempty" doc:"nobody felt it"`
}

// Trigger is a soft cap that was exceeded.
type Trigger struct {
	Cap    string `json:"cap" doc:"its name"`
	Window int64  `json:"window_ms" doc:"how long its window is"`
	Sum    int64  `json:"sum_ms" doc:"used within it"`
	Limit  int64  `json:"limit_ms" doc:"what may be used within it"`
}

// Verdict is a classifier's.
type Verdict struct {
	Score      float64  `json:"misuse_score" doc:"0 to 1"`
	Type       string   `json:"usage_type,omitempty" doc:"what kind of use it looks like"`
	Confidence float64  `json:"confidence,omitempty" doc:"0 to 1"`
	Evidence   []string `json:"evidence,omitempty" doc:"what spoke for it"`
	Reasoning  string   `json:"reasoning,omitempty" doc:"in the classifier's words"`
}

// Rules are those of a review.
type Rules struct {
	Threshold  float64 `json:"threshold" doc:"a score from here on is a violation"`
	Window     int64   `json:"window_ms" doc:"for how long violations count"`
	Cooldown   int64   `json:"cooldown_ms" doc:"how long after a review there is no other"`
	EnterAfter int     `json:"enter_after" doc:"earlier violations that the next stage needs"`
}
