package policy

import "time"

// Balance is one budget as it stands. Audio is in milliseconds.
type Balance struct {
	Budget    string
	Limit     int64
	Granted   int64 // beside the limit, in this window
	Used      int64 // leases in hand included
	Remaining int64 // never negative
	// Resets is when the window ends or, for a rolling one, when the oldest
	// minute falls out. Zero: unknown, or nothing to reset.
	Resets time.Time
	Shadow bool
}

// left trusts the smaller of what the balance says and what follows from it: two
// numbers that disagree must not give audio away.
func (b Balance) left() int64 {
	room := max(0, b.Limit) - max(0, b.Used)
	if more := room + max(0, b.Granted); more >= room { // or it is more than can be counted
		return max(0, min(b.Remaining, more))
	}
	return max(0, b.Remaining)
}

// Decision is the answer of [Decide].
type Decision struct {
	Allowed bool
	// Violated names the budgets that said no, in the order of the balances.
	Violated []string
	// RetryAfter is the time until the last of the violated budgets resets: before
	// that a retry is refused by at least one. Zero when allowed or unknown. Round
	// it up where whole seconds are asked for.
	RetryAfter time.Duration
	// ShadowViolated names the shadow budgets that would have said no.
	ShadowViolated []string
}

// Decide says whether need more milliseconds fit into every balance. A need below
// one counts as one: a stream that may not spend anything has no room.
// More used never turns a no into a yes.
func Decide(balances []Balance, need int64, now time.Time) Decision {
	d := Decision{Allowed: true}
	for _, b := range balances {
		if b.left() >= max(need, 1) {
			continue
		}
		if b.Shadow {
			d.ShadowViolated = append(d.ShadowViolated, b.Budget)
			continue
		}
		d.Allowed = false
		d.Violated = append(d.Violated, b.Budget)
		if !b.Resets.IsZero() {
			d.RetryAfter = max(d.RetryAfter, b.Resets.Sub(now))
		}
	}
	return d
}
