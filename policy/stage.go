package policy

import "fmt"

// Stage is how far a user has been moved. Its effects come from configuration:
// which budgets name it.
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
	for _, st := range Stages() {
		if s == string(st) {
			return st, nil
		}
	}
	return "", fmt.Errorf("unknown stage %q: use none, warning, throttle or restrict", s)
}
