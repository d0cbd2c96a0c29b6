package policy

import (
	"fmt"
	"slices"
)

// Stage is how far a user has been moved. Its effects come from configuration: its actions, and the budgets
// that name it.
type Stage string

// The stages, in the order in which a user moves through them.
const (
	None     Stage = "none"
	Warning  Stage = "warning"
	Throttle Stage = "throttle"
	Restrict Stage = "restrict"
)

// Stages returns all stages in order.
func Stages() []Stage { return []Stage{None, Warning, Throttle, Restrict} }

// ParseStage refuses what is not a stage: an unknown word in a request must not
// become "no stage", which would lift a restriction.
func ParseStage(s string) (Stage, error) {
	if slices.Contains(Stages(), Stage(s)) {
		return Stage(s), nil
	}
	return "", fmt.Errorf("unknown stage %q: use none, warning, throttle or restrict", s)
}

// above is the next stage; that of the last one is itself.
func (s Stage) above() Stage {
	switch s {
	case Warning:
		return Throttle
	case Throttle, Restrict:
		return Restrict
	default:
		return Warning
	}
}

// below is the stage before; that of the first one is itself.
func (s Stage) below() Stage {
	switch s {
	case Restrict:
		return Throttle
	case Throttle:
		return Warning
	default:
		return None
	}
}
