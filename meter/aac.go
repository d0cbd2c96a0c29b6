package meter

import "fmt"

// aacFrameBytes is the most that a frame of AAC has per channel: 6144 bits (ISO/IEC 14496-3, 4.5.3.1).
const aacFrameBytes = 6144 / 8

// aacRates are the sampling frequencies by their index (ISO/IEC 14496-3, table 1.18); 15 says that the rate follows.
func aacRates(index int) int64 {
	return [16]int64{96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350}[index]
}

// aac is how long the frames of a stream are.
type aac struct {
	rate     int64
	channels int
	frame    int64 // samples
}

// aacEssence is the clock of AAC packets. A decoder goes on in a packet until nothing is left, so one that is larger
// than a frame can be counts as several.
func aacEssence(config []byte) (essence, error) {
	a, err := aacConfig(config)
	most := int64(a.channels) * aacFrameBytes
	return essence{
		codec: "aac", rate: a.rate, channels: a.channels,
		measure: func(_ []byte, size int64) (int64, error) { return (size + most - 1) / most * a.frame, nil },
	}, err
}

// aacConfig reads AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): how many samples a frame has, at which rate. With
// spectral band replication the rate is that of the core, and so is the number of samples.
func aacConfig(config []byte) (a aac, err error) {
	at := 0
	read := func(n int) int {
		v := bitsAt(config, at, n)
		at += n
		return v
	}
	object := func() int {
		if t := read(5); t != 31 {
			return t
		}
		return 32 + read(6)
	}
	frequency := func() int64 {
		if i := read(4); i != 15 {
			return aacRates(i)
		}
		return int64(read(24))
	}
	kind := object()
	rate := frequency()
	channels := read(4)
	if kind == 5 || kind == 29 { // what follows is what the core is
		frequency()
		kind = object()
	}
	var frame int64
	short := read(1) == 1
	if at > 8*len(config) {
		return a, fmt.Errorf("%w: an AAC track without its configuration", ErrMalformed)
	}
	switch kind {
	case 1, 2, 3, 4, 6, 17, 19, 20:
		if frame = 1024; short {
			frame = 960
		}
	case 23, 39: // low delay
		if frame = 512; short {
			frame = 480
		}
	default:
		return a, fmt.Errorf("%w: MPEG-4 audio of type %d", ErrLate, kind)
	}
	switch channels {
	case 0, 7: // told in the audio itself; 7.1
		channels = 8
	}
	return aac{rate, channels, frame}, checkAudio(rate, channels)
}
