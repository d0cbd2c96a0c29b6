package meter

import (
	"math"
	"time"
)

var _ Counter = (*PCM)(nil)

// PCM is the clock of headerless audio: its length is its time. It keeps whole
// seconds and the bytes of the second begun, never a sum of rounded times, so
// a stream cut into single bytes reads the same as one written at once.
// Times that do not fit their type stay at its maximum; they never wrap.
//
// It is not safe for concurrent use.
type PCM struct {
	perSecond int64 // bytes; 1 000 to 15 360 000 for a valid Format
	seconds   int64
	rest      int64 // bytes beyond seconds, 0 to perSecond-1
}

// NewPCM returns the clock of a format that Validate accepts. It panics on any
// other: a clock of an unknown rate would let audio pass unmetered.
func NewPCM(f Format) *PCM {
	if err := f.Validate(); err != nil {
		panic("meter: NewPCM: " + err.Error())
	}
	return &PCM{perSecond: f.BytesPerSecond()}
}

// Write counts p. The error is always nil.
func (c *PCM) Write(p []byte) error {
	c.Advance(int64(len(p)))
	return nil
}

// Advance counts n more bytes. It panics when n is negative: a length that
// wrapped must end the stream and not give time back.
func (c *PCM) Advance(n int64) { c.seconds, c.rest = c.after(n) }

// Elapsed is bytes/rate in whole nanoseconds, rounded down.
func (c *PCM) Elapsed() time.Duration {
	const most = int64(math.MaxInt64 / time.Second)
	if c.seconds >= most {
		return math.MaxInt64
	}
	// rest*1e9 stays below 1.6e16.
	return time.Duration(c.seconds)*time.Second + time.Duration(c.rest*int64(time.Second)/c.perSecond)
}

// MillisAfter is what the stream would have lasted after n more bytes, in whole
// milliseconds, rounded up. It panics when n is negative.
func (c *PCM) MillisAfter(n int64) int64 {
	s, rest := c.after(n)
	if s >= math.MaxInt64/1000 {
		return math.MaxInt64
	}
	return s*1000 + (rest*1000+c.perSecond-1)/c.perSecond
}

// after adds n bytes. Seconds and remainder are added apart, for the sum of two
// int64 byte counts need not be one.
func (c *PCM) after(n int64) (seconds, rest int64) {
	if n < 0 {
		panic("meter: negative number of bytes")
	}
	seconds, rest = c.seconds, c.rest+n%c.perSecond
	more := n / c.perSecond
	if rest >= c.perSecond {
		rest -= c.perSecond
		more++
	}
	if seconds > math.MaxInt64-more {
		return math.MaxInt64, 0
	}
	return seconds + more, rest
}
