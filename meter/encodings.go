package meter

import "strings"

// sampleBytes is the size of one sample of one channel; 0 when unknown.
//
// Beside the four names of Encoding there are those of ffmpeg's raw formats, which Soniox
// takes: "pcm_" (old clients leave it out), s, u or f for signed, unsigned and float, the
// bits, and the order of the bytes. Only the bits say how long a sample lasts.
func (e Encoding) sampleBytes() int {
	switch e { //nolint:exhaustive // the others have none
	case Linear16:
		return 2
	case Linear32:
		return 4
	case Mulaw, Alaw:
		return 1
	}
	switch strings.TrimPrefix(string(e), "pcm_") {
	case "s8", "s8le", "s8be", "u8", "u8le", "u8be":
		return 1
	case "s16le", "s16be", "u16le", "u16be":
		return 2
	case "s24le", "s24be", "u24le", "u24be":
		return 3
	case "s32le", "s32be", "u32le", "u32be", "f32le", "f32be":
		return 4
	case "f64le", "f64be":
		return 8
	}
	return 0
}
