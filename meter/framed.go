package meter

import (
	"fmt"
	"math"
	"time"
)

// frame is what the header of one says.
type frame struct {
	size     int // bytes, with the header; 0: free format, until the next header
	pad      int // of these, the slot that is not in every frame
	samples  int
	rate     int
	channels int    // 0: not told
	key      uint64 // what the frames of one stream have in common
}

// ticks is the time of a frame, exactly.
func (f frame) ticks() int64 { return int64(f.samples) * int64(frameTicks/f.rate) }

// frameTicks per second: every rate of MPEG audio divides it, so that streams joined of
// several rates still add up exactly.
const frameTicks = 28_224_000

// framing is a format made of frames whose headers say how long they are.
type framing struct {
	format string
	method string
	length int                                        // of a header; the first byte is 0xff
	parse  func(word uint64) (fr frame, ok bool)      // the header, its last byte lowest
	codec  func(word uint64) string                   // its name
	silent func(fr frame, begin []byte) (int64, bool) // whether a first frame holds no audio, but a number of frames
}

// framed is the clock of such a format. A frame counts when its header has come, for a
// frame must be bought before it passes.
//
//	header ─► frame ─► header ─► frame ─► header?  no: a tag, or sync is lost
//	                      ▲                            │
//	                      └── two headers in a row ◄───┘ every byte is looked at
//
// After a frame its neighbour is believed. Where none is, the sync is lost until one header
// leads to another of its kind. Bytes in between count as if the last frame went on and
// on, so garbage is never cheaper than audio; those of a tag are free, up to maxLeadIn of them.
// Before the first audio maxLeadIn bytes may come, after that maxGarbage between frames.
type framed struct {
	framing
	state frameState
	have  int    // bytes of a header
	word  uint64 // the last bytes, the newest lowest
	skip  int64  // bytes of a frame to come
	head  header // a tag's, or of a frame that may be silent

	begun  bool // the first frame has come
	last   frame
	frames int64 // counted
	ticks  int64 // of frames and of what counts like them
	shown  int64 // never less, in ticks
	lead   int64 // bytes before the first frame
	search search
	free   freeFormat
	info   Info
	told   int64 // frames that the first one declared
}

// frameState is what the next bytes are.
type frameState byte

const (
	frameHead   frameState = iota // a header
	framePass                     // the rest of a frame
	frameBegin                    // the beginning of a frame that may be silent
	frameTag                      // the head of a tag
	frameSearch                   // anything
	frameFree                     // a frame of free format
)

// Write takes the file, cut anywhere.
func (f *framed) Write(p []byte) error {
	for len(p) > 0 {
		var err error
		switch f.state {
		case framePass:
			n := min(f.skip, int64(len(p)))
			p = p[n:]
			if f.skip -= n; f.skip == 0 {
				f.state = frameHead
			}
		case frameHead:
			f.push(p[0])
			p = p[1:]
			if f.have++; f.have == f.length {
				f.have = 0
				err = f.header()
			}
		case frameBegin:
			p = f.begin(p)
		case frameTag:
			p, err = f.tag(p)
		case frameSearch:
			p, err = f.look(p)
		case frameFree:
			p, err = f.measure(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *framed) push(b byte) {
	f.word = f.word<<8 | uint64(b)
	f.search.at++
}

// header is a whole header, where one is expected.
func (f *framed) header() error {
	fr, ok := f.parse(f.word)
	switch {
	case !ok:
		return f.lost()
	case !f.begun && f.silent != nil && fr.size > 0:
		f.begun, f.last, f.state, f.skip = true, fr, frameBegin, int64(fr.size-f.length)
		return nil
	}
	return f.accept(fr)
}

// begin gathers what tells a silent frame.
func (f *framed) begin(p []byte) []byte {
	before := len(p)
	p, whole := f.head.fill(p, min(silentBytes, f.last.size)-f.length)
	f.skip -= int64(before - len(p))
	if !whole {
		return p
	}
	f.state = framePass
	if f.skip == 0 {
		f.state = frameHead
	}
	told, silent := f.silent(f.last, f.head.take())
	f.inform(f.last)
	if silent {
		f.told = told
		return p
	}
	f.count(f.last)
	return p
}

// silentBytes of a frame show whether it is silent.
const silentBytes = 54

// accept counts a frame whose header has just come.
func (f *framed) accept(fr frame) error {
	if fr.channels == 0 {
		return fmt.Errorf("%w: %s whose channels are not told by its headers", ErrUnsupported, f.format)
	}
	f.inform(fr)
	f.add(f.gap())
	f.count(fr)
	f.begun, f.last = true, fr
	f.search.reset()
	f.state, f.skip = framePass, int64(fr.size-f.length)
	if f.free.on = fr.size == 0; f.free.on {
		f.free.begin(f)
	}
	if f.state == framePass && f.skip == 0 {
		f.state = frameHead
	}
	return nil
}

func (f *framed) count(fr frame) {
	f.frames++
	f.add(fr.ticks())
}

// add saturates: time never wraps.
func (f *framed) add(ticks int64) {
	if f.ticks > math.MaxInt64-ticks {
		ticks = math.MaxInt64 - f.ticks
	}
	f.ticks += ticks
}

// inform keeps what the first header says, and the most channels of all.
func (f *framed) inform(fr frame) {
	if f.info.Format == "" {
		f.info = Info{Format: f.format, Codec: f.codec(f.word), SampleRate: fr.rate, Method: f.method}
	}
	f.info.Channels = max(f.info.Channels, fr.channels)
}

// Elapsed is exact to the sample, and whole frames.
func (f *framed) Elapsed() time.Duration {
	return ticks(max(f.shown, f.ticks+f.gap()), frameTicks)
}

// Info is zero before the first header.
func (f *framed) Info() Info { return f.info }

// Declared is known only where the first frame holds the number of all others.
func (f *framed) Declared(int64) (time.Duration, bool) {
	if f.told <= 0 {
		return 0, false
	}
	return ticks(f.told*int64(f.last.samples), int64(f.last.rate)), true // 32 bits of frames
}
