package fake

import (
	"strings"
)

// sonioxTiming is how a declared format's bytes are time. known
// is false for what the vendor does not take.
func sonioxTiming(format string, rate, channels int64) (t timing, known bool) {
	switch format {
	case "auto", "aac", "aiff", "amr", "asf", "flac", "mp3", "ogg", "wav", "webm":
		return reads(container), true
	}
	sample := sonioxSample(strings.TrimPrefix(format, "pcm_"))
	if sample == 0 || rate < 1 || channels < 1 {
		return timing{}, false
	}
	return timing{bps: sample * channels * rate, align: sample * channels}, true
}

// sonioxSample is how many bytes a sample takes; 0 for what is no sample.
func sonioxSample(name string) int64 {
	switch name {
	case "s8", "s8le", "s8be", "u8", "u8le", "u8be", "mulaw", "alaw":
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
