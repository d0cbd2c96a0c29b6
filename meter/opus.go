package meter

import "fmt"

// An Opus packet lasts at most 120 ms (RFC 6716, 3.2: requirement R5), and its time is always
// counted at 48 kHz, whatever the rate of what was encoded.
const (
	opusRate       = 48_000
	opusMaxSamples = opusRate * 120 / 1000
)

// opusSamples is how long an Opus packet lasts in samples at 48 kHz, by its table of contents (RFC 6716, 3.1):
//
//	config (5 bits) │ stereo (1) │ code (2)        code 3: │ VBR (1) │ padding (1) │ frames M (6)
//
// It reads the first two bytes only, so the rest of the packet need not be there. The packets of several streams
// in one (RFC 7845, 5.1.1) begin with the table of the first, and all last the same.
// The error wraps ErrMalformed: such a packet is decoded by nobody.
func opusSamples(packet []byte) (samples48k int, err error) {
	if len(packet) == 0 {
		return 0, fmt.Errorf("%w: an Opus packet without a byte", ErrMalformed)
	}
	toc, frames := packet[0], 1
	switch toc & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0, fmt.Errorf("%w: an Opus packet that ends before its number of frames", ErrMalformed)
		}
		frames = int(packet[1] & 0x3f)
	}
	samples48k = frames * opusFrame(toc>>3)
	if samples48k == 0 || samples48k > opusMaxSamples {
		return 0, fmt.Errorf("%w: an Opus packet of %d frames, %d samples; 1 to %d samples are possible",
			ErrMalformed, frames, samples48k, opusMaxSamples)
	}
	return samples48k, nil
}

// opusFrame is the length of a frame of a configuration (RFC 6716, table 2): SILK has 10, 20, 40 and
// 60 ms, hybrid 10 and 20 ms, CELT 2.5, 5, 10 and 20 ms.
func opusFrame(config byte) int {
	const ms = opusRate / 1000
	switch {
	case config < 12 && config&3 == 3:
		return 60 * ms
	case config < 12:
		return 10 * ms << (config & 3)
	case config < 16:
		return 10 * ms << (config & 1)
	}
	return 5 * ms / 2 << (config & 3)
}
