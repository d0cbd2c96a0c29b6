package meter

import (
	"fmt"
	"time"
)

// blocks counts audio in blocks of so many bytes and samples of each channel. A block counts whole
// from its first byte on: a decoder makes no less of it. A sample of PCM is a block.
type blocks struct {
	size, samples int64
	into          int64 // bytes of the block begun
	pcm           PCM   // samples
}

func newBlocks(size, samples, rate int) blocks {
	return blocks{size: int64(size), samples: int64(samples), pcm: PCM{perSecond: int64(rate)}}
}

// advance counts n more bytes, at most maxBlocks.
func (b *blocks) advance(n int64) {
	begun := (b.into+n+b.size-1)/b.size - (b.into+b.size-1)/b.size
	b.into = (b.into + n) % b.size
	b.pcm.Advance(begun * b.samples)
}

// maxBlocks keeps the numbers of bytes and samples within their type.
const maxBlocks = 1 << 60

// elapsed is 0 while nothing is known of the blocks.
func (b *blocks) elapsed() time.Duration {
	if b.size == 0 {
		return 0
	}
	return b.pcm.Elapsed()
}

// after is how long n bytes last from the beginning.
func (b *blocks) after(n int64) time.Duration {
	return ticks((min(n, maxBlocks)+b.size-1)/b.size*b.samples, b.pcm.perSecond)
}

// chunked is what WAV and AIFF have in common: chunks with an identifier and a size, of which one
// holds the samples.
//
// What else there is counts for nothing up to maxLeadIn. Behind the samples that is dangerous: a
// decoder that reads a stream may take no notice of a size and go on decoding. So, behind them, only what
// is known to stand there is no audio, and no more than maxBehind of it.
type chunked struct {
	name   string // for people
	head   header
	skip   int64 // bytes of a chunk that is passed over
	idle   int64 // bytes that are no samples
	behind int64 // of these, behind the first samples

	info   Info
	blocks blocks
	begun  bool  // samples have come
	left   int64 // bytes of samples to come; -1: until the end
	total  int64 // of samples as declared; -1: unknown
}

const maxBehind = 64 << 10

// other counts bytes that are no samples.
func (c *chunked) other(n int64) error {
	if c.idle += n; c.idle > maxLeadIn {
		return fmt.Errorf("%w: more than %d bytes of a %s file that are no samples", ErrMalformed, maxLeadIn, c.name)
	}
	if c.begun {
		free := min(n, max(maxBehind-c.behind, 0))
		c.behind += n
		c.blocks.advance(n - free)
	}
	return nil
}

// begin is told how many bytes of samples come; -1: nobody knows.
func (c *chunked) begin(n int64) {
	c.begun, c.left = true, min(n, maxBlocks)
	if c.total < 0 || n < 0 {
		c.total = -1
	} else {
		c.total = min(c.total+c.left, maxBlocks)
	}
}

// samples counts them and returns what stands behind.
func (c *chunked) samples(p []byte) (rest []byte) {
	n := int64(len(p))
	if c.left >= 0 {
		n = min(n, c.left)
		c.left -= n
	}
	c.blocks.advance(n)
	return p[n:]
}

// unmarked says that what stands behind samples is no chunk that may be there: samples go on.
func (c *chunked) unmarked(id string) bool {
	if !c.begun {
		return false
	}
	switch id {
	case "LIST", "id3 ", "ID3 ", "bext", "cue ", "smpl", "inst", "plst", "fact", "PEAK", "JUNK", "junk", "PAD ", "FLLR",
		"iXML", "aXML", "axml", "chna", "cart", "umid", "levl", "acid", "DISP", "_PMX", "afsp", "LGWV", "minf", "elm1", "regn",
		"NAME", "AUTH", "(c) ", "ANNO", "COMT", "MARK", "INST", "MIDI", "APPL", "AESD", "CHAN", "FVER":
		return false
	}
	return true
}

// Elapsed is exact to the sample, or the block where samples are compressed.
func (c *chunked) Elapsed() time.Duration { return c.blocks.elapsed() }

// Info is zero before the format is known.
func (c *chunked) Info() Info { return c.info }

// Declared is known when the samples begin: by what their header says or, where that is
// less, by the length of the body.
func (c *chunked) Declared(bodyBytes int64) (time.Duration, bool) {
	if !c.begun {
		return 0, false
	}
	total := c.total
	if most := bodyBytes - c.idle; bodyBytes >= 0 && (total < 0 || most < total) {
		total = max(most, 0)
	}
	if total < 0 {
		return 0, false
	}
	return c.blocks.after(total), true
}
