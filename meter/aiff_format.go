package meter

import "fmt"

// common reads the chunk of this name: channels (16 bits), frames (32), bits (16), rate (80), codec (32).
func (a *aiff) common(h []byte) error {
	channels, bits, rate, codec := int(be16(h)), int(be16(h[6:])), rate80(h[8:18]), "NONE"
	if a.coded {
		codec = string(h[18:22])
	}
	if err := checkAudio(int64(rate), channels); err != nil {
		return err
	}
	name, size, samples := aiffCodec(codec, bits)
	if name == "" || name == "gsm" && channels > 1 {
		return fmt.Errorf("%w: AIFF of codec %q with %d channels and %d bits", ErrUnsupported, codec, channels, bits)
	}
	a.info = Info{Format: "aiff", Codec: name, SampleRate: rate, Channels: channels, Method: "bytes of samples"}
	if samples > 1 {
		a.info.Method = "blocks of samples"
	}
	a.blocks = newBlocks(size*channels, samples, rate)
	return nil
}

// aiffCodec is the codec's name, and the bytes and samples of a block of one channel. The bits in COMM are
// those of the samples before compression; only PCM is made of them.
func aiffCodec(id string, bits int) (name string, size, samples int) {
	switch id {
	case "NONE", "twos", "sowt":
		if bits < 1 || bits > 32 {
			return "", 0, 0
		}
		size = (bits + 7) / 8
		if size == 1 {
			return "pcm_s8", size, 1
		}
		if id == "sowt" {
			return fmt.Sprintf("pcm_s%dle", 8*size), size, 1
		}
		return fmt.Sprintf("pcm_s%dbe", 8*size), size, 1
	case "raw ":
		if bits == 8 {
			return "pcm_u8", 1, 1
		}
	case "in24":
		return "pcm_s24be", 3, 1
	case "42ni":
		return "pcm_s24le", 3, 1
	case "in32":
		return "pcm_s32be", 4, 1
	case "23ni":
		return "pcm_s32le", 4, 1
	case "fl32", "FL32":
		return "pcm_f32be", 4, 1
	case "fl64", "FL64":
		return "pcm_f64be", 8, 1
	case "ulaw", "ULAW":
		return "mulaw", 1, 1
	case "alaw", "ALAW":
		return "alaw", 1, 1
	case "ima4":
		return "adpcm_ima_qt", 34, 64
	case "GSM ", "agsm":
		return "gsm", 33, 160
	}
	return "", 0, 0
}

// rate80 is an extended float (IEEE 754) rounded down, so that an odd rate never makes audio shorter; 0 where it
// is no rate.
func rate80(p []byte) int {
	exponent, mantissa := int(be16(p))-16383, be64(p[2:])
	if exponent < 0 || exponent > 30 {
		return 0
	}
	return int(mantissa >> (63 - exponent) & 0x7fffffff)
}
