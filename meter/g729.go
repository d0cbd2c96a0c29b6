package meter

import "time"

// G729 is the clock of headerless ITU-T G.729: 10 bytes are 10 ms, in pieces cut anywhere.
//
// Annex B puts a silence descriptor of 2 bytes where a frame of 10 would stand, behind the
// last frame of a message. In a stream of bytes nothing tells it apart, and decoders of
// such streams read tens. A short piece that ends so, though, of 2, 12, … 62 bytes, is a
// message with a descriptor and counts as such, 10 ms: if it was a cut, that is at most 8 ms
// too many. It is not safe for concurrent use.
type G729 struct{ pcm PCM }

var _ Counter = (*G729)(nil)

// The sizes of G.729, and its rate: a byte is a millisecond.
const (
	g729Frame = 10
	g729SID   = 2
	g729Short = 62 // bytes of the longest message that is looked at: 60 ms and a descriptor
	g729Rate  = 1000
)

// NewG729 returns a clock at zero.
func NewG729() *G729 { return &G729{pcm: PCM{perSecond: g729Rate}} }

// g729Bytes is what a piece counts.
func g729Bytes(n int64) int64 {
	if n <= g729Short && n%g729Frame == g729SID {
		return n + g729Frame - g729SID
	}
	return n
}

// Write counts p. The error is always nil.
func (c *G729) Write(p []byte) error {
	c.Advance(int64(len(p)))
	return nil
}

// Advance counts a piece of n bytes. It panics when n is negative.
func (c *G729) Advance(n int64) { c.pcm.Advance(g729Bytes(n)) }

// MillisAfter is what the stream would have lasted after a piece of n bytes.
func (c *G729) MillisAfter(n int64) int64 { return c.pcm.MillisAfter(g729Bytes(n)) }

// Elapsed is the time so far.
func (c *G729) Elapsed() time.Duration { return c.pcm.Elapsed() }
