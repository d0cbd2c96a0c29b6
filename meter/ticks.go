package meter

import (
	"fmt"
	"math"
	"time"
)

// ticks is n units of a clock as time, rounded down to the nanosecond. What does not fit stays at the
// maximum. n must not be negative, perSecond must be positive.
func ticks(n, perSecond int64) time.Duration {
	c := PCM{perSecond: perSecond}
	c.Advance(n)
	return c.Elapsed()
}

// plus adds times that are not negative; the sum stays at the maximum.
func plus(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// maxGap is the longest step forward that a container's own timestamps may take at once. A longer one is a
// broken file, and nobody shall be charged for it.
const maxGap = 24 * time.Hour

// maxQuiet bounds what may come between two times: pictures, tags and padding are passed over by their count,
// but a stream of nothing else would be a free channel to the vendor.
const maxQuiet = 32 << 20

// quiet counts the bytes since time last went on.
type quiet struct {
	bytes int64
	heard bool // there was time already
}

// pass counts n bytes.
func (q *quiet) pass(n int64) error {
	most := int64(maxLeadIn)
	if q.heard {
		most = maxQuiet
	}
	if q.bytes += n; q.bytes > most {
		return fmt.Errorf("%w: more than %d bytes without audio", ErrMalformed, most)
	}
	return nil
}

// time went on.
func (q *quiet) time() { q.bytes, q.heard = 0, true }
