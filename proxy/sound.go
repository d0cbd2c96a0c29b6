package proxy

import (
	"errors"
	"fmt"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// sound is the clock of a stream's audio: what of it has to be seen, what it has come to, and what the part
// that was dropped would have come to. It belongs to the goroutine that reads the client.
//
//	counter   each piece's length         may be dropped at boundary
//	packets   each message, whole         may be dropped
//	clock     the bytes in order          a piece that is missing damages the rest
//	none      not measured here (meter.unmeasured)
type sound struct {
	format  meter.Format
	clock   meter.Clock // one of the three, or nil: not known yet, or not measured
	counter meter.Counter
	packets meter.Packets
	claim   *meter.Claim // the counter's, as long as a header may contradict what was declared
	doubt   *meter.Auto  // of packets: the same
	outside bool         // not measured here

	dropped  meter.Clock   // of what does not pass; nil where nothing may be dropped
	skipped  time.Duration // of it, before the piece at hand
	boundary int64

	moved time.Duration // what the clock showed when it last moved
	still int64         // bytes since
}

// maxStill bounds the bytes of a stream that make no time: the headers in front of audio, and whatever stands between. Endless
// bytes without time would be a free channel to the vendor.
const maxStill = 1 << 20

// errStill ends a stream whose time does not move.
var errStill = fmt.Errorf("%w: more than %d bytes without a moment of audio", meter.ErrMalformed, maxStill)

// open makes the clock of a declared format.
func (s *sound) open(f meter.Format) error {
	clock, err := meter.Open(f)
	if err != nil {
		return err
	}
	s.format, s.clock, s.boundary = f, clock, int64(f.Boundary())
	switch c := clock.(type) {
	case meter.Counter:
		s.claim = meter.NewClaim(c, f)
		s.counter, s.clock = s.claim, s.claim
	case meter.Packets:
		s.packets, s.doubt = c, meter.NewAuto()
	default:
		return nil
	}
	s.dropped, err = meter.Open(f) // a second one
	return err
}

// known says that there is something to measure with, or that nothing shall be.
func (s *sound) known() bool { return s.clock != nil || s.outside }

// droppable says that audio may be missing.
func (s *sound) droppable() bool { return s.dropped != nil }

// elapsed is what has passed.
func (s *sound) elapsed() time.Duration {
	if s.clock == nil {
		return 0
	}
	return s.clock.Elapsed()
}

// read shows the next bytes to the clock of a container.
func (s *sound) read(p []byte) error {
	if err := s.clock.Write(p); err != nil {
		return err
	}
	if now := s.clock.Elapsed(); now != s.moved {
		s.moved, s.still = now, 0
		return nil
	}
	if s.still += int64(len(p)); s.still > maxStill {
		return errStill
	}
	return nil
}

// check shows the next bytes of headerless audio to whoever doubts that it is such.
func (s *sound) check(p []byte) error {
	err := s.claim.Check(p)
	if err == nil && s.claim.Plain() {
		s.claim = nil
	}
	return err
}

// bare shows a packet to whoever doubts that it is one: a container that is cut into messages may look
// like packets, which last less.
func (s *sound) bare(p []byte) error {
	if s.doubt == nil {
		return nil
	}
	err, in := s.doubt.Write(p), s.doubt.Info()
	switch {
	case err != nil: // no container, then
		s.doubt = nil
	case in.SampleRate > 0:
		return fmt.Errorf("%w: declared as bare packets of %s, and begins as %s", meter.ErrMalformed, s.format.Encoding, in.Format)
	}
	return nil
}

// leave stops measuring audio that cannot be, where that is wanted.
func (s *sound) leave(err error) bool {
	if s.claim != nil || s.packets != nil || errors.Is(err, meter.ErrMalformed) || s.elapsed() > 0 {
		return false
	}
	s.clock, s.outside = nil, true
	return true
}

// drop counts audio that does not pass: n bytes of it, or a packet.
func (s *sound) drop(n int64, packet []byte) (lasted time.Duration) {
	before := s.skipped
	if c, ok := s.dropped.(meter.Counter); ok {
		c.Advance(n)
	} else if s.dropped.Write(packet) != nil {
		return 0 // it was no packet: it has been judged before
	}
	s.skipped = s.dropped.Elapsed()
	return s.skipped - before
}

// info is what the audio itself says of itself.
func (s *sound) info() meter.Info {
	if in, ok := s.clock.(interface{ Info() meter.Info }); ok {
		return in.Info()
	}
	return meter.Info{}
}

// How a stream's time was found: a metric label and a word in its closing line, so from a closed set.
const (
	methodLength    = "length"     // headerless: by its bytes
	methodContainer = "container"  // by its own headers and frames
	methodPackets   = "packets"    // by each packet
	methodVendor    = "vendor"     // by the vendor's figure: nothing here could
	methodWallClock = "wall_clock" // by the time it took: the vendor told nothing
	methodNone      = "none"       // there was none
)

// method tells how; reported says that the vendor told a figure.
func (s *sound) method(reported bool) string {
	switch {
	case s.outside && reported:
		return methodVendor
	case s.outside:
		return methodWallClock
	case s.clock == nil:
		return methodNone
	case s.packets != nil:
		return methodPackets
	case s.counter != nil && s.info() == meter.Info{}:
		return methodLength
	}
	return methodContainer
}
