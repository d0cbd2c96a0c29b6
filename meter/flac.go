package meter

import (
	"fmt"
	"time"
)

// flac is the clock of native FLAC (RFC 9639).
//
//	"fLaC" │ STREAMINFO │ other metadata: passed over by count │ frame: header, subframes, checksum │ frame …
//
// A frame counts when its header has come and agrees with its CRC-8 and STREAMINFO. Where it ends, no
// header says: see flacBody. The numbers of frames are not needed for that, and a decoder does not mind them. What
// stands behind the last frame, a tag, is free up to maxLeadIn, but a frame in it ends the measuring: others may decode it.
type flac struct {
	head  header
	state flacPart
	last  bool  // the metadata block at hand is
	skip  int64 // bytes of it
	lead  int64 // bytes before the frames, or behind them

	info  Info
	bits  int
	total int64 // samples by STREAMINFO; 0: not known
	pcm   PCM   // samples
	body  flacBody
	spent int64 // bytes of the frame at hand
	most  int64 // that it may have
}

// flacPart is what the next bytes are.
type flacPart byte

const (
	flacMagic flacPart = iota
	flacBlockHead
	flacStreamInfo
	flacBlockBody
	flacFrameHead
	flacFrameBody
	flacTail
)

const flacInfoBytes = 34

// Write takes the file, cut anywhere.
func (f *flac) Write(p []byte) error {
	for len(p) > 0 || f.held() {
		var err error
		switch f.state {
		case flacFrameHead:
			p, err = f.frameHead(p)
		case flacFrameBody:
			p, err = f.frameBody(p)
		case flacTail:
			p, err = f.tail(p)
		case flacBlockBody:
			n := min(f.skip, int64(len(p)))
			p, f.skip = p[n:], f.skip-n
			if f.skip == 0 {
				f.nextBlock()
			}
			err = f.idle(n)
		default:
			before := len(p)
			var whole bool
			if p, whole = f.head.fill(p, f.wants()); whole {
				err = f.metadata(f.head.take())
			}
			if err == nil {
				err = f.idle(int64(before - len(p)))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// held says that bytes behind a frame are left in its bits.
func (f *flac) held() bool {
	return f.body.q.n >= 8 && (f.state == flacFrameHead || f.state == flacTail)
}

// next is a byte behind a frame.
func (f *flac) next(p []byte) (byte, []byte) {
	if f.held() {
		return byte(f.body.q.take(8)), p //nolint:gosec // 8 bits
	}
	f.body.q.v, f.body.q.n = 0, 0
	return p[0], p[1:]
}

// idle counts bytes that are no frames.
func (f *flac) idle(n int64) error {
	if f.lead += n; f.lead > maxLeadIn {
		return fmt.Errorf("%w: more than %d bytes of a FLAC file that are no frames", ErrMalformed, maxLeadIn)
	}
	return nil
}

func (f *flac) wants() int {
	if f.state == flacStreamInfo {
		return flacInfoBytes
	}
	return 4
}

func (f *flac) metadata(h []byte) error {
	switch f.state { //nolint:exhaustive // the others gather nothing
	case flacMagic:
		if string(h) != "fLaC" {
			return fmt.Errorf("%w: no FLAC file", ErrMalformed)
		}
		f.state = flacBlockHead
	case flacBlockHead:
		kind := h[0] & 0x7f
		f.last, f.skip = h[0]&0x80 != 0, int64(bigEndian(h[1:]))
		switch known := f.info.Channels > 0; {
		case known == (kind == 0), kind == 0 && f.skip != flacInfoBytes:
			return fmt.Errorf("%w: a FLAC file that does not begin with its STREAMINFO, or has two", ErrMalformed)
		case kind == 0:
			f.state = flacStreamInfo
		case f.skip == 0:
			f.nextBlock()
		default:
			f.state = flacBlockBody
		}
	case flacStreamInfo:
		f.nextBlock()
		return f.streamInfo(h)
	}
	return nil
}

func (f *flac) nextBlock() {
	f.state = flacBlockHead
	if f.last {
		f.state = flacFrameHead
	}
}

// streamInfo reads the block of this name (section 8.2).
func (f *flac) streamInfo(h []byte) error {
	s, err := parseStreamInfo(h)
	if err != nil {
		return err
	}
	f.bits, f.total = s.bits, s.samples
	f.info = Info{Format: "flac", Codec: "flac", SampleRate: s.rate, Channels: s.channels, Method: "headers of frames"}
	f.pcm = PCM{perSecond: int64(s.rate)}
	return nil
}

// streamInfo is what STREAMINFO says.
type streamInfo struct {
	rate, channels, bits int
	samples              int64 // in all; 0: not known
}

func parseStreamInfo(h []byte) (streamInfo, error) {
	packed := be64(h[10:]) // 20 bits rate, 3 channels, 5 bits, 36 samples
	s := streamInfo{
		rate: int(packed >> 44), channels: int(packed>>41&7) + 1, bits: int(packed>>36&31) + 1,
		samples: int64(packed & (1<<36 - 1)),
	}
	if s.rate < MinSampleRate || s.rate > MaxSampleRate {
		return s, fmt.Errorf("%w: sample rate %d is outside %d to %d Hz", ErrUnsupported, s.rate, MinSampleRate, MaxSampleRate)
	}
	if s.bits < 4 {
		return s, fmt.Errorf("%w: FLAC of %d bits", ErrMalformed, s.bits)
	}
	return s, nil
}

// frameHead gathers the header of a frame, byte by byte.
func (f *flac) frameHead(p []byte) ([]byte, error) {
	var b byte
	b, p = f.next(p)
	f.head.buf[f.head.have] = b
	f.head.have++
	h := f.head.buf[:f.head.have]
	if h[0] != 0xff || len(h) == 2 && h[1]&0xfe != 0xf8 {
		f.state = flacTail
		return p, f.idle(int64(len(h)))
	}
	fr, want, err := parseFlacFrame(h)
	if err != nil || len(h) < want {
		return p, err
	}
	f.head.take()
	if err := f.accept(fr); err != nil {
		return p, err
	}
	return f.frameBody(p)
}

// accept counts a frame.
func (f *flac) accept(fr flacFrame) error {
	bits := fr.bits
	if bits == 0 {
		bits = f.bits
	}
	if fr.rate != 0 && fr.rate != f.info.SampleRate || fr.channels != f.info.Channels || bits != f.bits {
		return fmt.Errorf("%w: a FLAC frame of %d Hz, %d channels, %d bits; STREAMINFO says %d, %d, %d",
			ErrMalformed, fr.rate, fr.channels, bits, f.info.SampleRate, f.info.Channels, f.bits)
	}
	f.pcm.Advance(int64(fr.block))
	f.body.begin(fr, bits)
	f.state, f.spent = flacFrameBody, 0
	f.most = int64(fr.block)*int64(fr.channels)*int64(bits+1)/4 + maxFlacSlack
	return nil
}

// maxFlacSlack is what a frame may have beyond twice its samples: Rice codes that are chosen badly are longer
// than what they encode, but zeros without an end are no code.
const maxFlacSlack = 4096

func (f *flac) frameBody(p []byte) ([]byte, error) {
	before := len(p)
	rest, err := f.body.walk(p)
	if f.spent += int64(before - len(rest)); err != nil || f.spent > f.most {
		return nil, fmt.Errorf("%w: a FLAC frame that cannot be read", ErrMalformed)
	}
	if f.body.state == flacWhole && f.body.skip == 0 {
		f.state = flacFrameHead
	}
	return rest, nil
}

// tail looks at what is no frame, and refuses it when there is a frame in it.
func (f *flac) tail(p []byte) ([]byte, error) {
	var b byte
	b, p = f.next(p)
	if f.head.have == maxFlacHeader {
		f.head.have = copy(f.head.buf[:], f.head.buf[1:maxFlacHeader])
	}
	f.head.buf[f.head.have] = b
	if f.head.have++; f.head.have == maxFlacHeader && f.head.buf[0] == 0xff {
		if _, want, err := parseFlacFrame(f.head.buf[:maxFlacHeader]); err == nil && want <= maxFlacHeader {
			return nil, fmt.Errorf("%w: a FLAC file that goes on behind something else", ErrMalformed)
		}
	}
	return p, f.idle(1)
}

// Elapsed is exact to the sample.
func (f *flac) Elapsed() time.Duration {
	if f.pcm.perSecond == 0 {
		return 0
	}
	return f.pcm.Elapsed()
}

// Info is zero before STREAMINFO.
func (f *flac) Info() Info { return f.info }

// Declared is what STREAMINFO says, where it does.
func (f *flac) Declared(int64) (time.Duration, bool) {
	if f.total == 0 {
		return 0, false
	}
	return ticks(f.total, f.pcm.perSecond), true
}
