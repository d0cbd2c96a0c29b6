package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// The words of OutageConfig.Mode.
const (
	OutageAllow = "allow" // a bounded grace, charged later
	OutageDeny  = "deny"  // nothing beyond the lease in hand
)

// OutageConfig is the "ledger.outage" part of the configuration: what may be forwarded while
// the server does not answer. It is for a store that is elsewhere: where the embedded one's
// disk fails, a grace could not be written down either.
type OutageConfig struct {
	// Mode is "allow" (default) or "deny".
	Mode string
	// GracePerStream is how much a stream may forward beyond its lease, between two answers (default 10 s).
	GracePerStream time.Duration
	// GracePerUser is how much all streams of a user on one gateway may (default 5 m).
	GracePerUser time.Duration
}

func (c OutageConfig) withDefaults() OutageConfig {
	c.Mode = cmp.Or(c.Mode, OutageAllow)
	c.GracePerStream = cmp.Or(c.GracePerStream, 10*time.Second)
	c.GracePerUser = cmp.Or(c.GracePerUser, 5*time.Minute)
	return c
}

func (c OutageConfig) validate() []error {
	var faults []error
	if c.Mode != OutageAllow && c.Mode != OutageDeny {
		faults = append(faults, fmt.Errorf("outage.mode %q: use %s or %s", c.Mode, OutageAllow, OutageDeny))
	}
	for _, g := range []struct {
		key string
		d   time.Duration
	}{{"grace_per_stream", c.GracePerStream}, {"grace_per_user", c.GracePerUser}} {
		if g.d < time.Millisecond || g.d > 24*time.Hour || g.d%time.Millisecond != 0 {
			faults = append(faults, fmt.Errorf("outage.%s %v is outside 1ms to 24h in whole milliseconds: for no grace say mode: deny", g.key, g.d))
		}
	}
	return faults
}

// retryable says that the store may answer another time, and that the request is in order.
func retryable(err error) bool {
	return !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrSettled)
}
