package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The units that [ParseWindow] returns.
const (
	UnitDay     = "day"
	UnitWeek    = "week"
	UnitMonth   = "month"
	UnitRolling = "rolling"
)

// The bounds of a rolling window. The ledger counts in buckets of a minute and
// keeps them for eight days.
const (
	MinRolling = time.Minute
	MaxRolling = 8 * 24 * time.Hour
)

// ParseWindow reads a budget's window: "day", "week" and "month" are calendar
// windows and have no length; a duration ("24h", "7d") is a rolling window of
// whole minutes, from [MinRolling] to [MaxRolling].
func ParseWindow(s string) (unit string, length time.Duration, err error) {
	switch s {
	case UnitDay, UnitWeek, UnitMonth:
		return s, 0, nil
	}
	d, err := ParseDuration(s)
	if err != nil {
		return "", 0, errors.New("is no window: use day, week, month or a duration such as 24h or 7d")
	}
	if d < MinRolling || d > MaxRolling || d%time.Minute != 0 {
		return "", 0, errors.New("a rolling window is of whole minutes, 1m to 8d")
	}
	return UnitRolling, d, nil
}

// ParseDuration reads what [time.ParseDuration] reads and, in front of it, a
// number of days of 24 hours: "7d", "1d12h". Operators think of caps in days,
// and "168h" hides a typo that "7d" does not.
func ParseDuration(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	days, rest, found := strings.Cut(s, "d")
	if !found {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("invalid duration %q", s)
	}
	if n > uint64(maxDuration/day) {
		return 0, fmt.Errorf("duration %q is too long", s)
	}
	d := time.Duration(n) * day
	if rest == "" {
		return d, nil
	}
	r, err := time.ParseDuration(rest)
	if err != nil || r < 0 || strings.HasPrefix(rest, "+") {
		return 0, fmt.Errorf("invalid duration %q", s)
	}
	if r > maxDuration-d {
		return 0, fmt.Errorf("duration %q is too long", s)
	}
	return d + r, nil
}

const maxDuration = time.Duration(1<<63 - 1)
