package meter

import (
	"errors"
	"fmt"
	"time"
)

// ErrUnsupported says that a stream's format cannot be turned into time here.
// Such a stream is refused: unmetered audio is free audio.
var ErrUnsupported = errors.New("unsupported audio format")

// Encoding names a headerless sample encoding.
type Encoding string

// The headerless encodings whose length alone tells their time; sampleBytes knows
// more names.
const (
	Linear16 Encoding = "linear16" // 16-bit little-endian PCM
	Linear32 Encoding = "linear32" // 32-bit little-endian PCM, integer or float: 4 bytes either way
	Mulaw    Encoding = "mulaw"    // G.711 mu-law
	Alaw     Encoding = "alaw"     // G.711 A-law
)

// Bounds of what is accepted. A declared rate above the highest real one would
// make audio look shorter than it is; the vendors take up to 192 kHz at most.
const (
	MinSampleRate = 1_000
	MaxSampleRate = 192_000
	MaxChannels   = 20
)

// Format is what a stream declared about its headerless audio.
type Format struct {
	Encoding   Encoding
	SampleRate int // Hz
	Channels   int // interleaved
}

// Align is the number of bytes that hold one sample of every channel.
// Audio may be cut at multiples of it without shifting what follows.
func (f Format) Align() int { return f.Encoding.sampleBytes() * f.Channels }

// BytesPerSecond is the exact byte rate.
func (f Format) BytesPerSecond() int64 { return int64(f.Align()) * int64(f.SampleRate) }

// Duration is the audio time of n bytes, rounded down to the nanosecond. The
// format must be valid.
func (f Format) Duration(n int64) time.Duration {
	bps := f.BytesPerSecond()
	return time.Duration(n/bps)*time.Second + time.Duration(n%bps)*time.Second/time.Duration(bps)
}

// Validate returns an error that wraps ErrUnsupported and names the member that
// cannot be metered.
func (f Format) Validate() error {
	switch {
	case f.Encoding.sampleBytes() == 0:
		return fmt.Errorf("%w: encoding %q", ErrUnsupported, f.Encoding)
	case f.SampleRate < MinSampleRate || f.SampleRate > MaxSampleRate:
		return fmt.Errorf("%w: sample rate %d is outside %d to %d Hz", ErrUnsupported, f.SampleRate, MinSampleRate, MaxSampleRate)
	case f.Channels < 1 || f.Channels > MaxChannels:
		return fmt.Errorf("%w: %d channels, 1 to %d are possible", ErrUnsupported, f.Channels, MaxChannels)
	}
	return nil
}
