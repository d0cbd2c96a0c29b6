package meter

import "fmt"

// Container is audio that says itself what it is: a file, or a stream that begins like one. Whatever
// name its sender has for it, only its own headers are believed.
const Container Encoding = "auto"

// The encodings of bare packets and frames: they begin with no header and need no declared rate.
const (
	RawOpus  Encoding = "opus"   // RFC 6716, one packet per message
	RawSpeex Encoding = "speex"  // one packet per message
	RawG729  Encoding = "g729"   // ITU-T G.729
	RawAMR   Encoding = "amr-nb" // RFC 4867, with or without the header of a file
	RawAMRWB Encoding = "amr-wb"
)

// Open returns the clock of what a stream declares, or an error that wraps ErrUnsupported. The kind
// of the clock says what it has to see:
//
//	linear16, mulaw, pcm_…, g729   Counter   how long each piece is
//	opus, speex                    Packets   each message, whole
//	Container, amr-nb, amr-wb      Clock     the bytes in order, cut anywhere
func Open(f Format) (Clock, error) {
	if f.Headerless() {
		return New(f)
	}
	switch f.Encoding { //nolint:exhaustive // the others are headerless
	case Container:
		return NewAuto(), nil
	case RawOpus:
		return NewOpusPackets(), nil
	case RawSpeex:
		return NewSpeexPackets(), nil
	case RawG729:
		return NewG729(), nil
	case RawAMR:
		return NewAMR(), nil
	case RawAMRWB:
		return NewAMRWB(), nil
	}
	return nil, fmt.Errorf("%w: encoding %q", ErrUnsupported, f.Encoding)
}

// Headerless reports plain samples: their length alone, with the declared rate and channels, tells their time.
func (f Format) Headerless() bool { return f.Encoding.sampleBytes() > 0 }

// Boundary is where audio may be cut without shifting what follows: a multiple of so many bytes of it.
func (f Format) Boundary() int {
	if f.Encoding == RawG729 {
		return g729Frame
	}
	return max(f.Align(), 1)
}
