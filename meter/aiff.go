package meter

import (
	"fmt"
	"math"
)

// aiff is the clock of AIFF and AIFF-C (Apple, 1989 and 1991).
//
//	"FORM" size "AIFF" │ "COMM" channels, frames, bits, rate [, codec] │ other chunks │ "SSND" offset, samples │ other chunks
//
// The samples are counted by their bytes; the number of them in COMM is not believed. A file whose
// samples come before COMM is refused, though the specification allows it: nothing is known of them while they pass.
type aiff struct {
	chunked
	state aiffState
	coded bool  // AIFC
	size  int64 // of SSND
	pad   int64 // bytes behind them
}

func newAIFF() *aiff { return &aiff{chunked: chunked{name: "AIFF"}} }

// aiffState is what the next bytes are.
type aiffState byte

const (
	aiffForm aiffState = iota
	aiffChunk
	aiffCommon
	aiffSound
	aiffSkip
	aiffOffset
	aiffData
)

// Sizes of the chunks' beginnings.
const (
	aiffCommonBytes = 18
	aiffCodedBytes  = 22
	aiffSoundBytes  = 8
)

func matchAIFF(head []byte) (yes, more bool) {
	if len(head) < 12 {
		_, more = startsWith("FORM")(head[:min(len(head), 4)])
		return false, more || len(head) >= 4 && string(head[:4]) == "FORM"
	}
	return string(head[:4]) == "FORM" && (string(head[8:12]) == "AIFF" || string(head[8:12]) == "AIFC"), false
}

// Write takes the file, cut anywhere.
func (a *aiff) Write(p []byte) error {
	for len(p) > 0 {
		var err error
		switch a.state {
		case aiffData:
			if p = a.samples(p); a.left == 0 {
				a.left, a.skip = -1, a.pad
				a.pass()
			}
		case aiffSkip, aiffOffset:
			n := min(a.skip, int64(len(p)))
			p = p[n:]
			err = a.other(n)
			if a.skip -= n; a.skip > 0 {
				break
			}
			if a.state == aiffOffset {
				a.state, a.begun = aiffData, true
			} else {
				a.state = aiffChunk
			}
		default:
			before := len(p)
			var whole bool
			p, whole = a.head.fill(p, a.wants())
			if err = a.other(int64(before - len(p))); err == nil && whole {
				err = a.parse(a.head.take())
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *aiff) wants() int {
	switch a.state { //nolint:exhaustive // the others gather a chunk's head
	case aiffForm:
		return 12
	case aiffCommon:
		return int(min(a.skip, aiffCodedBytes))
	}
	return 8
}

func (a *aiff) parse(h []byte) error {
	switch a.state { //nolint:exhaustive // the others gather nothing
	case aiffForm:
		a.coded, a.state = string(h[8:]) == "AIFC", aiffChunk
	case aiffChunk:
		return a.chunk(string(h[:4]), int64(be32(h[4:])))
	case aiffCommon:
		a.skip -= int64(len(h))
		a.pass()
		return a.common(h)
	case aiffSound:
		return a.sound(int64(be32(h)))
	}
	return nil
}

// pass goes over what is left of a chunk.
func (a *aiff) pass() {
	if a.state = aiffChunk; a.skip > 0 {
		a.state = aiffSkip
	}
}

// chunk begins one. Chunks are padded to an even length.
func (a *aiff) chunk(id string, size int64) error {
	a.skip = size + size&1
	a.pass()
	switch {
	case id == "FORM":
		return fmt.Errorf("%w: an AIFF file behind another one", ErrMalformed)
	case id == "COMM" && a.info.Channels > 0:
		return fmt.Errorf("%w: an AIFF file with two formats", ErrMalformed)
	case id == "COMM" && (size < aiffCommonBytes || a.coded && size < aiffCodedBytes):
		return fmt.Errorf("%w: an AIFF format of %d bytes", ErrMalformed, size)
	case id == "COMM":
		a.state = aiffCommon
	case id == "SSND" && a.info.Channels == 0:
		return fmt.Errorf("%w: an AIFF file with samples before its format", ErrUnsupported)
	case id == "SSND" && a.begun:
		return fmt.Errorf("%w: an AIFF file with samples in two places", ErrMalformed)
	case id == "SSND":
		a.state, a.size = aiffSound, size
	case a.unmarked(id):
		a.state = aiffData
		a.begin(-1)
	}
	return nil
}

// sound begins the samples, whose number a recorder that streams does not know.
func (a *aiff) sound(offset int64) error {
	switch {
	case a.size <= aiffSoundBytes || a.size >= 0xffffff00 || a.size == math.MaxInt32:
		a.begin(-1)
	case offset > a.size-aiffSoundBytes:
		return fmt.Errorf("%w: an AIFF file whose samples begin behind their end", ErrMalformed)
	default:
		a.begin(a.size - aiffSoundBytes - offset)
		a.pad = a.size & 1
	}
	a.begun = offset == 0 // what is passed over stands in front of the samples
	if a.skip, a.state = offset, aiffData; offset > 0 {
		a.state = aiffOffset
	}
	return nil
}
