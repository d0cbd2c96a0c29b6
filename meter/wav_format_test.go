package meter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// rawWAV is a file with any format chunk.
func rawWAV(size uint32, audio []byte, format ...any) []byte {
	var f []byte
	for _, v := range format {
		f, _ = binary.Append(f, binary.LittleEndian, v)
	}
	return join([]byte("RIFF\xff\xff\xff\xffWAVE"), chunk("fmt ", uint32(len(f)), f), chunk("data", size, audio))
}

// wavFmt is the 16 bytes that every format has.
func wavFmt(tag, channels uint16, rate uint32, align, bits uint16) []any {
	return []any{tag, channels, rate, rate * uint32(align), align, bits}
}

func TestEveryWAVFormatHasItsBlocks(t *testing.T) {
	guid := []byte("\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")
	ext := func(tag, channels uint16, rate uint32, align, bits uint16) []any {
		return append(wavFmt(0xfffe, channels, rate, align, bits), uint16(22), bits, uint32(3), tag, guid)
	}
	for name, c := range map[string]struct {
		format         []any
		block          int64 // bytes
		samples        int64 // in it
		codec          string
		rate, channels int
	}{
		"8 bits":                      {wavFmt(1, 1, 8000, 1, 8), 1, 1, "pcm_u8", 8000, 1},
		"12 bits":                     {wavFmt(1, 1, 8000, 2, 12), 2, 1, "pcm_s16le", 8000, 1},
		"20 bits":                     {wavFmt(1, 2, 48_000, 6, 20), 6, 1, "pcm_s24le", 48_000, 2},
		"32 bits, 6 channels":         {wavFmt(1, 6, 192_000, 24, 32), 24, 1, "pcm_s32le", 192_000, 6},
		"64 bits":                     {wavFmt(1, 1, 8000, 8, 64), 8, 1, "pcm_s64le", 8000, 1},
		"float":                       {wavFmt(3, 2, 44_100, 8, 32), 8, 1, "pcm_f32le", 44_100, 2},
		"double":                      {wavFmt(3, 1, 44_100, 8, 64), 8, 1, "pcm_f64le", 44_100, 1},
		"A-law":                       {append(wavFmt(6, 2, 8000, 2, 8), uint16(0)), 2, 1, "alaw", 8000, 2},
		"extensible PCM":              {ext(1, 2, 48_000, 6, 24), 6, 1, "pcm_s24le", 48_000, 2},
		"extensible float":            {ext(3, 1, 16_000, 4, 32), 4, 1, "pcm_f32le", 16_000, 1},
		"extensible mu-law":           {ext(7, 1, 8000, 1, 8), 1, 1, "mulaw", 8000, 1},
		"MS ADPCM":                    {append(wavFmt(2, 1, 8000, 256, 4), uint16(32), uint16(500), uint16(7), make([]byte, 28)), 256, 500, "adpcm_ms", 8000, 1},
		"MS ADPCM, stereo":            {append(wavFmt(2, 2, 44_100, 2048, 4), uint16(32), uint16(2036), uint16(7), make([]byte, 28)), 2048, 2036, "adpcm_ms", 44_100, 2},
		"IMA ADPCM":                   {append(wavFmt(0x11, 1, 8000, 256, 4), uint16(2), uint16(505)), 256, 505, "adpcm_ima_wav", 8000, 1},
		"IMA ADPCM, stereo":           {append(wavFmt(0x11, 2, 22_050, 1024, 4), uint16(2), uint16(1017)), 1024, 1017, "adpcm_ima_wav", 22_050, 2},
		"IMA ADPCM that says less":    {append(wavFmt(0x11, 1, 8000, 256, 4), uint16(2), uint16(1)), 256, 505, "adpcm_ima_wav", 8000, 1},
		"IMA ADPCM that says nothing": {wavFmt(0x11, 1, 8000, 256, 4), 256, 505, "adpcm_ima_wav", 8000, 1},
		"GSM":                         {append(wavFmt(0x31, 1, 8000, 65, 0), uint16(2), uint16(320)), 65, 320, "gsm_ms", 8000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []uint32{0, 0xffffffff, uint32(7 * c.block)} {
				file := rawWAV(size, make([]byte, 7*c.block), c.format...)
				if d := elapsed(t, auto, file); d != samples(7*c.samples, int64(c.rate)) {
					t.Errorf("%v, want %v", d, samples(7*c.samples, int64(c.rate)))
				}
				a := meter.NewAuto()
				_ = a.Write(file[:len(file)-int(7*c.block)+1]) // a block that is begun is whole
				if d := a.Elapsed(); d != samples(c.samples, int64(c.rate)) {
					t.Errorf("a byte: %v, want %v", d, samples(c.samples, int64(c.rate)))
				}
				if i := a.Info(); i.Codec != c.codec || i.SampleRate != c.rate || i.Channels != c.channels {
					t.Errorf("%+v", i)
				}
				if d, ok := a.Declared(int64(len(file))); !ok || d != samples(7*c.samples, int64(c.rate)) {
					t.Errorf("declared %v, %v", d, ok)
				}
			}
		})
	}
}

func TestCompressedWAVAsItIsRecorded(t *testing.T) {
	for name, decoded := range map[string]time.Duration{
		"sine-ima.wav":     samples(8164, 8000), // the last block is padded
		"sine-msadpcm.wav": samples(22_264, 22_050),
		"sine-gsm.wav":     time.Second,
	} {
		if d := elapsed(t, auto, mustRead(t, "testdata/"+name)); d != decoded {
			t.Errorf("%s: %v, decoded %v", name, d, decoded)
		}
	}
}

// TestWhatStandsBehindSamplesIsNotFree: a decoder of streams may go on behind the size that a header tells.
func TestWhatStandsBehindSamplesIsNotFree(t *testing.T) {
	second := make([]byte, 16_000)
	good := wavFile{riff: "RIFF", tag: 7, channels: 1, rate: 8000, align: 1, bits: 8, size: 8000, samples: second[:8000]}
	for name, c := range map[string]struct {
		behind []byte
		want   time.Duration
	}{
		"tags":                      {chunk("LIST", 1000, make([]byte, 1000)), time.Second},
		"as many as there may be":   {chunk("id3 ", 65_528, make([]byte, 65_528)), time.Second},
		"more than that":            {chunk("id3 ", 65_528+8000, make([]byte, 65_528+8000)), 2 * time.Second},
		"samples, with no mark":     {join(make([]byte, 8), second), 3 * time.Second},
		"samples, with a false one": {chunk("abcd", 16_000, second), 3 * time.Second},
		"many small tags":           {bytes.Repeat(chunk("LIST", 0, nil), 8192+1000), 2 * time.Second},
	} {
		f := good
		f.behind = c.behind
		if d := elapsed(t, auto, f.bytes()); d != c.want {
			t.Errorf("%s: %v, want %v", name, d, c.want)
		}
	}
}

func TestASecondWAVAmongSamples(t *testing.T) {
	file := func(rate uint32, size uint32) []byte {
		return wavFile{riff: "RIFF", tag: 1, channels: 1, rate: rate, align: 2, bits: 16, size: size, samples: make([]byte, 3200)}.bytes()
	}
	// Of the same format: it is audio, header and all, as a vendor hears it.
	if d := elapsed(t, auto, join(file(16_000, 0), []byte("RIFRI"), file(16_000, 0), file(16_000, 3200))); d != samples((3*3200+5+2*44+1)/2, 16_000) {
		t.Error(d)
	}
	junk := chunk("JUNK", 4, make([]byte, 4))
	ds64 := wavFile{riff: "RF64", tag: 1, channels: 1, rate: 8000, align: 2, bits: 16}.bytes()
	for name, f := range map[string][]byte{
		"of a lower rate":              join(file(16_000, 0), file(8000, 0)),
		"of a higher rate":             join(file(16_000, 0), file(48_000, 0)),
		"its format not in front":      join(file(16_000, 0), file(16_000, 0)[:12], junk, file(16_000, 0)[12:]),
		"RF64":                         join(file(16_000, 0), ds64),
		"behind samples of known size": join(file(16_000, 3200), file(16_000, 3200)),
	} {
		if err := refused(t, auto, f); !errors.Is(err, meter.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Noise full of its letters is noise.
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = "RIFWAVEB64"[rand.IntN(10)]
	}
	if d := elapsed(t, auto, join(file(16_000, 0), noise)); d != samples((3200+100_000)/2, 16_000) {
		t.Error(d)
	}
}

func TestWAVFormatsThatLieAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		format []any
		err    error
	}{
		"more samples in a block than fit": {append(wavFmt(0x11, 1, 8000, 256, 4), uint16(2), uint16(506)), meter.ErrMalformed},
		"ADPCM of 3 bits":                  {append(wavFmt(0x11, 1, 8000, 256, 3), uint16(2), uint16(673)), meter.ErrUnsupported},
		"IMA blocks of odd length":         {append(wavFmt(0x11, 1, 8000, 255, 4), uint16(2), uint16(503)), meter.ErrUnsupported},
		"blocks that hold no sample":       {append(wavFmt(2, 2, 8000, 8, 4), uint16(2), uint16(0)), meter.ErrMalformed},
		"GSM in other blocks":              {append(wavFmt(0x31, 1, 8000, 66, 0), uint16(2), uint16(320)), meter.ErrMalformed},
		"stereo GSM":                       {append(wavFmt(0x31, 2, 8000, 65, 0), uint16(2), uint16(320)), meter.ErrUnsupported},
		"extensible without its end":       {append(wavFmt(0xfffe, 1, 8000, 2, 16), uint16(22), uint16(16), uint32(0)), meter.ErrUnsupported},
		"extensible of another family":     {append(wavFmt(0xfffe, 1, 8000, 2, 16), uint16(22), uint16(16), uint32(0), uint16(1), make([]byte, 14)), meter.ErrUnsupported},
		"40 bits":                          {wavFmt(1, 1, 8000, 5, 40), meter.ErrUnsupported},
		"no bits":                          {wavFmt(1, 1, 8000, 0, 0), meter.ErrUnsupported},
		"MP3 in WAV":                       {append(wavFmt(0x55, 1, 8000, 1, 0), uint16(12), make([]byte, 12)), meter.ErrUnsupported},
	} {
		if err := refused(t, auto, rawWAV(0, make([]byte, 600), c.format...)); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkWAV(b *testing.B) {
	bench(b, auto, rawWAV(0xffffffff, mustRead(b, "testdata/jfk-16k.flac"), wavFmt(1, 1, 16_000, 2, 16)...))
}
