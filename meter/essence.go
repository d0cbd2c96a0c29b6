package meter

import (
	"fmt"
	"time"
)

// essence is the clock of the packets of one track: what Ogg and Matroska wrap. It looks at the first bytes of a
// packet and at its length, and keeps neither.
type essence struct {
	codec    string
	rate     int64 // units per second
	hz       int   // samples per second, where they are no units
	channels int
	delay    int64 // units at the beginning that a decoder throws away
	early    int64 // units at the beginning that a container may number below 0
	need     int   // bytes of a packet that measure wants
	measure  func(head []byte, size int64) (units int64, err error)

	inner container    // instead of measure: the clock of what the packets hold
	units func() int64 // that it has counted
	taken int64        // of these
	err   error        // of inner

	head [16]byte
	have int
	size int64 // of the packet so far
	sum  int64 // units of all packets
}

// write takes a piece of a packet.
func (e *essence) write(p []byte) {
	if e.inner != nil {
		if e.err == nil {
			e.err = e.inner.Write(p)
		}
		return
	}
	if e.have < e.need {
		e.have += copy(e.head[e.have:e.need], p)
	}
	e.size += int64(len(p))
}

// end is told that the packet is whole, and returns how long it lasts. A packet without a byte lasts no time: a
// decoder fills in for what is lost, and nothing was said.
func (e *essence) end() (units int64, err error) {
	if e.inner != nil {
		n := e.units()
		units, e.taken = n-e.taken, n
		return units, e.err
	}
	head, size := e.head[:e.have], e.size
	e.have, e.size = 0, 0
	if size == 0 {
		return 0, nil
	}
	return e.measure(head, size)
}

// trimShare bounds what is taken off for a decoder's delay and for the end of the last packet: a 16th of the
// audio each. Not every decoder takes it off, and a chain of streams that consist of such would be free.
const trimShare = 16

// heard is the part of the units that a decoder puts out.
func (e *essence) heard(units int64) int64 { return units - min(e.delay, units/trimShare) }

// checkAudio refuses rates and channels that no audio has.
func checkAudio(rate int64, channels int) error {
	switch {
	case rate < MinSampleRate || rate > MaxSampleRate:
		return fmt.Errorf("%w: sample rate %d is outside %d to %d Hz", ErrUnsupported, rate, MinSampleRate, MaxSampleRate)
	case channels < 1 || channels > MaxChannels:
		return fmt.Errorf("%w: %d channels, 1 to %d are possible", ErrUnsupported, channels, MaxChannels)
	}
	return nil
}

// pcmEssence counts bytes.
func pcmEssence(codec string, rate int64, channels, sampleBytes int) (essence, error) {
	return essence{
		codec: codec, rate: rate * int64(channels) * int64(sampleBytes), hz: int(rate), channels: channels,
		measure: func(_ []byte, size int64) (int64, error) { return size, nil },
	}, checkAudio(rate, channels)
}

// flacEssence is the clock of FLAC packets, of which a packet may hold several frames. info is STREAMINFO.
func flacEssence(info []byte) (essence, error) {
	f := &flac{}
	err := f.Write(append([]byte("fLaC\x80\x00\x00\x22"), info...))
	return essence{
		codec: "flac", rate: f.pcm.perSecond, channels: f.info.Channels,
		inner: f, units: func() int64 { return f.pcm.seconds*f.pcm.perSecond + f.pcm.rest },
	}, err
}

// mp3Essence is the clock of MPEG audio in packets. Its rate stands in its frames, so its units are nanoseconds.
func mp3Essence(rate int64, channels int) (essence, error) {
	f := newMP3()
	return essence{
		codec: "mp3", rate: int64(time.Second), hz: int(rate), channels: channels,
		inner: f, units: func() int64 { return int64(f.Elapsed()) },
	}, checkAudio(rate, channels)
}

// hertz is the sample rate.
func (e *essence) hertz() int {
	if e.hz > 0 {
		return e.hz
	}
	return int(e.rate)
}

// opusHeadBytes is the least that an identification header has (RFC 7845, 5.1).
const opusHeadBytes = 19

// opusEssence reads OpusHead (RFC 7845, 5.1). The rate in it is the one before encoding, and means nothing.
func opusEssence(h []byte) (essence, error) {
	if len(h) < opusHeadBytes || string(h[:8]) != "OpusHead" {
		return essence{}, fmt.Errorf("%w: an Opus stream without OpusHead", ErrMalformed)
	}
	if h[8]&0xf0 != 0 {
		return essence{}, fmt.Errorf("%w: version %d of Opus in a container", ErrUnsupported, h[8])
	}
	return essence{
		codec: "opus", rate: opusRate, channels: int(h[9]), delay: int64(le16(h[10:])), need: 2,
		measure: func(head []byte, _ int64) (int64, error) {
			n, err := opusSamples(head)
			return int64(n), err
		},
	}, checkAudio(opusRate, int(h[9]))
}

// speexHeadBytes is the size of the header of Speex (manual of the codec, section 7.3).
const speexHeadBytes = 80

// speexEssence reads the header of Speex. A frame has 160 samples in narrow band and twice and four times that in
// the wider ones; a header that says otherwise would be read in two ways.
func speexEssence(h []byte) (essence, error) {
	if len(h) < speexHeadBytes || string(h[:8]) != "Speex   " {
		return essence{}, fmt.Errorf("%w: a Speex stream without its header", ErrMalformed)
	}
	rate, mode, channels, frame, frames := int64(le32(h[36:])), le32(h[40:]), le32(h[48:]), int64(le32(h[56:])), int64(le32(h[64:]))
	switch {
	case mode > 2 || frame != 160<<mode:
		return essence{}, fmt.Errorf("%w: Speex frames of %d samples in mode %d", ErrMalformed, frame, mode)
	case rate < 6000<<mode || rate > 12_500<<mode:
		return essence{}, fmt.Errorf("%w: Speex in mode %d at %d Hz", ErrMalformed, mode, rate)
	case frames < 1 || frames > 100:
		return essence{}, fmt.Errorf("%w: Speex packets of %d frames", ErrMalformed, frames)
	case channels < 1 || channels > 2:
		return essence{}, fmt.Errorf("%w: Speex with %d channels", ErrMalformed, channels)
	}
	return essence{
		codec: "speex", rate: rate, channels: int(channels), early: frame, // the encoder looks ahead
		measure: func([]byte, int64) (int64, error) { return frame * frames, nil },
	}, nil
}
