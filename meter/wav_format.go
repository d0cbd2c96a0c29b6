package meter

import "fmt"

// The WAVE format tags that are measured (RFC 2361, and mmreg.h for the extensible one).
const (
	wavPCM        = 0x0001
	wavADPCM      = 0x0002 // Microsoft's
	wavFloat      = 0x0003
	wavAlaw       = 0x0006
	wavMulaw      = 0x0007
	wavIMA        = 0x0011
	wavGSM        = 0x0031 // 6.10, two frames in a block
	wavExtensible = 0xfffe
)

// wavSubFormat is what follows the old tag in a sub-format of the extensible format.
const wavSubFormat = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"

// wavFormat is a format chunk: its first 40 bytes, or as many as there are.
type wavFormat struct {
	tag                         uint16
	channels, rate, align, bits int
	blockSamples                int // samples in a compressed block; 0: not told
}

func readWAVFormat(h []byte) (wavFormat, error) {
	f := wavFormat{tag: le16(h), channels: int(le16(h[2:])), rate: int(le32(h[4:])), align: int(le16(h[12:])), bits: int(le16(h[14:]))}
	switch {
	case f.tag == wavExtensible && (len(h) < 40 || string(h[26:40]) != wavSubFormat):
		return f, fmt.Errorf("%w: an extensible WAV format of %d bytes whose sub-format is not known", ErrUnsupported, len(h))
	case f.tag == wavExtensible:
		f.tag = le16(h[24:])
	case len(h) >= 20:
		f.blockSamples = int(le16(h[18:]))
	}
	return f, checkAudio(int64(f.rate), f.channels)
}

// audio is the codec and the blocks. What the members of the format say must fit together; the byte rate
// is not among them, for nothing here or in a decoder needs it.
func (f wavFormat) audio() (codec string, b blocks, err error) {
	codec, size, samples := f.codec()
	switch {
	case codec == "":
		return "", b, fmt.Errorf("%w: WAV format 0x%04x with %d bits", ErrUnsupported, f.tag, f.bits)
	case size != f.align || samples < 1 || f.blockSamples > samples && samples > 1:
		return "", b, fmt.Errorf("%w: a WAV file whose blocks of %d bytes do not hold %d channels of %s", ErrMalformed, f.align, f.channels, codec)
	}
	return codec, newBlocks(size, samples, f.rate), nil
}

// codec is its name, the bytes of a block and the samples that a decoder makes of it. What the header says of
// these samples may be less, and is not believed then.
func (f wavFormat) codec() (name string, size, samples int) {
	bytes := (f.bits + 7) / 8
	switch f.tag {
	case wavPCM:
		switch {
		case bytes == 1:
			return "pcm_u8", f.channels, 1
		case bytes >= 2 && bytes <= 4 || bytes == 8:
			return fmt.Sprintf("pcm_s%dle", 8*bytes), bytes * f.channels, 1
		}
	case wavFloat:
		if f.bits == 32 || f.bits == 64 {
			return fmt.Sprintf("pcm_f%dle", f.bits), bytes * f.channels, 1
		}
	case wavAlaw, wavMulaw:
		if f.bits == 8 {
			return map[uint16]string{wavAlaw: "alaw", wavMulaw: "mulaw"}[f.tag], f.channels, 1
		}
	case wavADPCM: // each channel begins with 7 bytes that hold two samples
		if f.bits == 4 {
			return "adpcm_ms", f.align, (f.align-7*f.channels)*2/f.channels + 2
		}
	case wavIMA: // each with 4 bytes that hold one
		if f.bits == 4 && f.align%(4*f.channels) == 0 {
			return "adpcm_ima_wav", f.align, (f.align-4*f.channels)*2/f.channels + 1
		}
	case wavGSM:
		if f.channels == 1 {
			return "gsm_ms", 65, 320
		}
	}
	return "", 0, 0
}
