package meter

import (
	"fmt"
	"time"
)

// Claim is the clock of audio that was declared to have no header, and may have one all the same. A vendor
// may believe the header, so the larger of the two times counts: who declares 192 kHz and sends an MP3
// pays for the MP3. Almost always the first bytes settle it, and then lengths are enough.
//
//	Check(p) ──► plain ──► only Advance and MillisAfter from here on
//	         └─► not yet, or a header: Check the next bytes too, before they are counted
//
// It is not safe for concurrent use.
type Claim struct {
	declared Counter
	format   Format
	auto     *Auto // nil: nothing contradicts the declaration
	floor    time.Duration
}

var _ Counter = (*Claim)(nil)

// maxDoubt is how much more than declared a header may have counted before it turns out to be none, or
// to be broken.
const maxDoubt = time.Second

// NewClaim returns the clock of a declared format.
func NewClaim(c Counter, f Format) *Claim { return &Claim{declared: c, format: f, auto: NewAuto()} }

// Check sees audio before it is counted. The error wraps ErrMalformed: a header has told most of the time so
// far, and cannot be followed any further.
func (c *Claim) Check(p []byte) error {
	if c.auto == nil {
		return nil
	}
	err := c.auto.Write(p)
	c.floor = max(c.floor, c.auto.Elapsed())
	switch {
	case err != nil && c.floor > c.declared.Elapsed()+maxDoubt:
		return fmt.Errorf("%w: declared as %s, and begins as %s: %w", ErrMalformed, c.format.Encoding, c.auto.Info().Format, err)
	case err != nil, c.agrees(c.auto.Info()):
		c.auto = nil
	}
	return nil
}

// agrees says whether a header tells of plain samples that take no more time than declared: then it never counts.
func (c *Claim) agrees(in Info) bool {
	f := Format{Encoding: Encoding(in.Codec), SampleRate: in.SampleRate, Channels: in.Channels}
	return f.Headerless() && c.format.Headerless() && f.BytesPerSecond() >= c.format.BytesPerSecond()
}

// Plain says that lengths are enough from here on.
func (c *Claim) Plain() bool { return c.auto == nil }

// Info is what the header says; zero where there is none.
func (c *Claim) Info() Info {
	if c.auto == nil {
		return Info{}
	}
	return c.auto.Info()
}

// Declared is what Auto.Declared says of the header.
func (c *Claim) Declared(bodyBytes int64) (time.Duration, bool) {
	if c.auto == nil {
		return 0, false
	}
	return c.auto.Declared(bodyBytes)
}

// Write checks and counts p.
func (c *Claim) Write(p []byte) error {
	if err := c.Check(p); err != nil {
		return err
	}
	return c.declared.Write(p)
}

// Advance counts n bytes, which Check has seen unless the audio is plain.
func (c *Claim) Advance(n int64) { c.declared.Advance(n) }

// MillisAfter is what the audio would have come to with n more bytes, which Check has seen unless the
// audio is plain.
func (c *Claim) MillisAfter(n int64) int64 {
	return max(c.declared.MillisAfter(n), int64((c.floor+time.Millisecond-1)/time.Millisecond))
}

// Elapsed is the larger of the two.
func (c *Claim) Elapsed() time.Duration { return max(c.declared.Elapsed(), c.floor) }
