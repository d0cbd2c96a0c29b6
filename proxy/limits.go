package proxy

import (
	"slices"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// limitsAnswer is the JSON of GET /sttgate/v1/limits: what holds for a caller, whatever was
// used so far. A member that is not there is no limit.
type limitsAnswer struct {
	User           string        `json:"user"`
	Plan           string        `json:"plan,omitempty"`
	Stage          policy.Stage  `json:"stage"`
	Budgets        []limitBudget `json:"budgets"`
	StreamsPerUser int           `json:"streams_per_user,omitzero"`
	MessageBytes   int64         `json:"message_bytes"`
	UploadBytes    int64         `json:"upload_bytes"`
	UploadDuration int64         `json:"upload_duration_ms,omitzero"`
	StreamDuration int64         `json:"stream_duration_ms,omitzero"`
	IdleTimeout    int64         `json:"idle_timeout_ms"`
}

// limitBudget is a budget of the caller's own, and of the caller's plan. It need not apply at the stage where the caller
// stands: a client may show what it would come to.
type limitBudget struct {
	Budget    string         `json:"budget"`
	Applies   bool           `json:"applies"` // at the caller's stage
	Limit     int64          `json:"limit_ms"`
	Window    string         `json:"window"`
	Providers []string       `json:"providers"`
	Stages    []policy.Stage `json:"stages"`
	Shadow    bool           `json:"shadow,omitempty"`
}

// limitsOf makes the answer for callers of a gateway with this config.
func limitsOf(l LimitsConfig, budgets []policy.Budget, vendors []string) func(User) any {
	return func(u User) any {
		a := limitsAnswer{
			User: u.ID, Plan: u.Plan, Stage: u.Stage, Budgets: []limitBudget{},
			StreamsPerUser: l.StreamsPerUser, MessageBytes: l.MessageBytes, UploadBytes: l.UploadBytes,
			UploadDuration: l.UploadDuration.Milliseconds(), StreamDuration: l.StreamDuration.Milliseconds(),
			IdleTimeout: l.IdleTimeout.Round(time.Millisecond).Milliseconds(),
		}
		for _, b := range budgets {
			if b.Shared() || !b.ForPlan(u.Plan) {
				continue
			}
			a.Budgets = append(a.Budgets, limitBudget{
				Budget: b.Name, Applies: !u.Lifted && (len(b.Stages) == 0 || slices.Contains(b.Stages, u.Stage)), Limit: b.Limit.Milliseconds(),
				Window: b.Window, Providers: spelled(b.Providers, vendors), Stages: spelled(b.Stages, policy.Stages()), Shadow: b.Shadow,
			})
		}
		return a
	}
}

// spelled names what an empty list means: all of them.
func spelled[T any](list, all []T) []T {
	if len(list) == 0 {
		return all
	}
	return list
}
