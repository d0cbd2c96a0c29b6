package policy

import "time"

// Cap is a soft cap: whoever uses more than Limit within Window is reviewed. Nothing is stopped by it.
type Cap struct {
	Name   string        // in events and explanations; as a budget's
	Window time.Duration // rolling: whole minutes, from [MinRolling] to [MaxRolling]
	Limit  time.Duration // whole milliseconds
}

// Trigger is a cap that is exceeded, with the numbers at the time.
type Trigger struct {
	Cap    string `json:"cap"`
	Window int64  `json:"window_ms"`
	Sum    int64  `json:"sum_ms"`
	Limit  int64  `json:"limit_ms"`
}

// Exceeded returns every cap that sums is over, in the order of the caps. sums is the usage in ms within a
// rolling window that ends now. A cap that is just reached is not exceeded.
func Exceeded(caps []Cap, sums func(window time.Duration) int64) []Trigger {
	var out []Trigger
	for _, c := range caps {
		if sum := sums(c.Window); sum > c.Limit.Milliseconds() {
			out = append(out, Trigger{Cap: c.Name, Window: c.Window.Milliseconds(), Sum: sum, Limit: c.Limit.Milliseconds()})
		}
	}
	return out
}
