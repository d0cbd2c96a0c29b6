package meter_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

func iff(id string, size uint64, body []byte) []byte { return join([]byte(id), be(size, 4), body) }

// ieee80 is a whole rate as an extended float.
func ieee80(rate uint64) []byte {
	exponent := uint64(16383 + 63)
	for rate>>63 == 0 {
		rate <<= 1
		exponent--
	}
	return join(be(exponent, 2), be(rate, 8))
}

// comm is a COMM chunk; codec "" is that of AIFF.
func comm(channels, bits uint64, rate []byte, codec string) []byte {
	b := join(be(channels, 2), be(1, 4), be(bits, 2), rate)
	if codec != "" {
		b = join(b, []byte(codec), []byte{3, 'a', 'b', 'c'})
	}
	return iff("COMM", uint64(len(b)), b)
}

func aiff(codec string, chunks ...[]byte) []byte {
	kind := "AIFC"
	if codec == "" {
		kind = "AIFF"
	}
	return join([]byte("FORM\x7f\xff\xff\xff"+kind), join(chunks...))
}

func ssnd(size uint64, audio []byte) []byte { return iff("SSND", size, join(make([]byte, 8), audio)) }

func TestEveryAIFFFormatHasItsBlocks(t *testing.T) {
	for name, c := range map[string]struct {
		codec          string
		channels, bits uint64
		block, samples int64
		want           string
	}{
		"AIFF":               {"", 1, 16, 2, 1, "pcm_s16be"},
		"8 bits, stereo":     {"", 2, 8, 2, 1, "pcm_s8"},
		"20 bits":            {"", 1, 20, 3, 1, "pcm_s24be"},
		"NONE":               {"NONE", 2, 24, 6, 1, "pcm_s24be"},
		"twos":               {"twos", 1, 16, 2, 1, "pcm_s16be"},
		"sowt":               {"sowt", 2, 16, 4, 1, "pcm_s16le"},
		"raw":                {"raw ", 1, 8, 1, 1, "pcm_u8"},
		"in24":               {"in24", 1, 24, 3, 1, "pcm_s24be"},
		"in32":               {"in32", 1, 32, 4, 1, "pcm_s32be"},
		"fl32, that says 16": {"fl32", 1, 16, 4, 1, "pcm_f32be"},
		"FL64":               {"FL64", 2, 64, 16, 1, "pcm_f64be"},
		"ulaw, that says 16": {"ulaw", 1, 16, 1, 1, "mulaw"},
		"ALAW":               {"ALAW", 2, 16, 2, 1, "alaw"},
		"ima4":               {"ima4", 2, 16, 68, 64, "adpcm_ima_qt"},
		"GSM":                {"GSM ", 1, 16, 33, 160, "gsm"},
	} {
		t.Run(name, func(t *testing.T) {
			audio := make([]byte, 9*c.block)
			for _, size := range []uint64{uint64(8 + len(audio)), 0, 0xffffffff, 8} {
				file := aiff(c.codec, iff("NAME", 3, []byte("abc\x00")), comm(c.channels, c.bits, ieee80(8000), c.codec), ssnd(size, audio))
				if d := elapsed(t, auto, file); d != samples(9*c.samples, 8000) {
					t.Errorf("size %d: %v, want %v", size, d, samples(9*c.samples, 8000))
				}
				a := meter.NewAuto()
				_ = a.Write(file)
				if i := a.Info(); i.Format != "aiff" || i.Codec != c.want || i.SampleRate != 8000 || i.Channels != int(c.channels) {
					t.Errorf("%+v", i)
				}
				if d, ok := a.Declared(int64(len(file))); !ok || d != samples(9*c.samples, 8000) {
					t.Errorf("declared %v, %v", d, ok)
				}
			}
		})
	}
}

func TestAIFFAroundItsSamples(t *testing.T) {
	audio := make([]byte, 16_000)
	format := comm(1, 16, ieee80(8000), "")
	for name, c := range map[string]struct {
		file []byte
		want time.Duration
	}{
		"an offset":              {aiff("", format, iff("SSND", 16_108, join(be(100, 4), make([]byte, 4+100), audio))), time.Second},
		"tags behind":            {aiff("", format, ssnd(16_008, audio), iff("ANNO", 5, make([]byte, 6))), time.Second},
		"samples behind":         {aiff("", format, ssnd(16_008, audio), make([]byte, 8), audio), 2 * time.Second},
		"many tags behind":       {aiff("", format, ssnd(16_008, audio), iff("ID3 ", 65_528+8000, make([]byte, 65_528+8000))), 1500 * time.Millisecond},
		"an odd number of bytes": {aiff("", comm(1, 8, ieee80(1000), ""), ssnd(507, make([]byte, 500)), iff("AUTH", 2, []byte("ab"))), 499 * time.Millisecond},
		"a rate of 22254.5":      {aiff("", comm(1, 8, []byte{0x40, 0x0d, 0xad, 0xdd, 0x17, 0x45, 0xd1, 0x74, 0x5d, 0x17}, ""), ssnd(0, make([]byte, 22_254))), time.Second},
	} {
		if d := elapsed(t, auto, c.file); d != c.want {
			t.Errorf("%s: %v, want %v", name, d, c.want)
		}
	}
	unallocating(t, auto, aiff("", format, ssnd(0, make([]byte, 100_000))), 1000)
}

func TestHostileAIFFIsRefused(t *testing.T) {
	format, audio := comm(1, 16, ieee80(8000), ""), ssnd(0, make([]byte, 50))
	for name, c := range map[string]struct {
		file []byte
		err  error
	}{
		"no format":             {aiff("", audio), meter.ErrUnsupported},
		"two formats":           {aiff("", format, format, audio), meter.ErrMalformed},
		"samples in two places": {aiff("", format, ssnd(10, make([]byte, 2)), audio), meter.ErrMalformed},
		"a second file":         {aiff("", format, ssnd(10, make([]byte, 2)), aiff("", format, audio)), meter.ErrMalformed},
		"a short format":        {aiff("", iff("COMM", 10, make([]byte, 10))), meter.ErrMalformed},
		"AIFC without a codec":  {aiff("NONE", format, audio), meter.ErrMalformed},
		"no channels":           {aiff("", comm(0, 16, ieee80(8000), ""), audio), meter.ErrUnsupported},
		"no bits":               {aiff("", comm(1, 0, ieee80(8000), ""), audio), meter.ErrUnsupported},
		"64 bits":               {aiff("", comm(1, 64, ieee80(8000), ""), audio), meter.ErrUnsupported},
		"a rate beyond all":     {aiff("", comm(1, 16, ieee80(1<<40), ""), audio), meter.ErrUnsupported},
		"a rate below 0":        {aiff("", comm(1, 16, join([]byte{0xc0}, ieee80(8000)[1:]), ""), audio), meter.ErrUnsupported},
		"a rate below 1":        {aiff("", comm(1, 16, make([]byte, 10), ""), audio), meter.ErrUnsupported},
		"a codec of no kind":    {aiff("QDM2", comm(1, 16, ieee80(8000), "QDM2"), audio), meter.ErrUnsupported},
		"stereo GSM":            {aiff("GSM ", comm(2, 16, ieee80(8000), "GSM "), audio), meter.ErrUnsupported},
		"an endless offset":     {aiff("", format, iff("SSND", 0, join(be(17<<20, 4), make([]byte, 17<<20)))), meter.ErrMalformed},
		"an offset too far":     {aiff("", format, iff("SSND", 100, join(be(93, 4), make([]byte, 100)))), meter.ErrMalformed},
		"endless chunks":        {aiff("", bytes.Repeat(iff("NAME", 0, nil), 2_200_000)), meter.ErrMalformed},
	} {
		if err := refused(t, auto, c.file); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzAIFF(f *testing.F) {
	f.Add(aiff("", comm(1, 16, ieee80(8000), ""), ssnd(28, make([]byte, 20)), iff("ANNO", 2, []byte("ab"))), 3)
	f.Add(aiff("ima4", comm(2, 16, ieee80(44_100), "ima4"), ssnd(0, make([]byte, 100))), 1)
	f.Fuzz(func(t *testing.T, file []byte, cut int) { fuzzClock(t, auto, file, cut) })
}

func BenchmarkAIFF(b *testing.B) {
	bench(b, auto, aiff("", comm(1, 16, ieee80(16_000), ""), ssnd(0, make([]byte, 300_000))))
}
