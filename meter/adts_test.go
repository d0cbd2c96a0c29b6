package meter_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// adts is a frame; crc makes its header longer.
type adts struct {
	mpeg2, crc             bool
	profile, rate          int
	channels, size, blocks int
}

func (a adts) bytes() []byte {
	h := uint64(0xfff)<<44 | 1<<40 | uint64(a.profile)<<38 | uint64(a.rate)<<34 | uint64(a.channels)<<30 | uint64(a.size)<<13 | 0x7ff<<2 | uint64(a.blocks-1)
	if a.mpeg2 {
		h |= 1 << 43
	}
	if a.crc {
		h &^= 1 << 40
	}
	return append(be(h, 7), bytes.Repeat([]byte{0x21}, max(0, a.size-7))...)
}

// 64 ms of AAC LC, 16 kHz, mono.
func usualAAC() adts { return adts{profile: 1, rate: 8, channels: 1, size: 300, blocks: 1} }

func TestEveryKindOfADTSFrame(t *testing.T) {
	with := func(change func(*adts)) []byte { a := usualAAC(); change(&a); return a.bytes() }
	for name, c := range map[string]struct {
		frame         []byte
		samples, rate int64
		channels      int
	}{
		"AAC LC, 16 kHz, mono": {usualAAC().bytes(), 1024, 16_000, 1},
		"MPEG-2":               {with(func(a *adts) { a.mpeg2 = true }), 1024, 16_000, 1},
		"CRC":                  {with(func(a *adts) { a.crc = true }), 1024, 16_000, 1},
		"four blocks":          {with(func(a *adts) { a.blocks = 4 }), 4096, 16_000, 1},
		"96 kHz, 7.1":          {with(func(a *adts) { a.rate, a.channels = 0, 7 }), 1024, 96_000, 8},
		"7350 Hz, stereo":      {with(func(a *adts) { a.rate, a.channels = 12, 2 }), 1024, 7_350, 2},
		"nothing in it":        {with(func(a *adts) { a.size = 7 }), 1024, 16_000, 1},
		"the longest":          {with(func(a *adts) { a.size = 8191 }), 11 * 1024, 16_000, 1},
		"the longest of six":   {with(func(a *adts) { a.size, a.channels = 8191, 6 }), 2 * 1024, 16_000, 6},
	} {
		t.Run(name, func(t *testing.T) {
			file := bytes.Repeat(c.frame, 5)
			if d := elapsed(t, auto, file); d != samples(5*c.samples, c.rate) {
				t.Errorf("%v, want %v", d, samples(5*c.samples, c.rate))
			}
			a := meter.NewAuto()
			_ = a.Write(file)
			if i := a.Info(); i.Format != "adts" || i.Codec != "aac" || int64(i.SampleRate) != c.rate || i.Channels != c.channels {
				t.Errorf("%+v", i)
			}
		})
	}
}

func TestADTSAroundOtherThings(t *testing.T) {
	n := func(n int) []byte { return bytes.Repeat(usualAAC().bytes(), n) }
	for name, c := range map[string]struct {
		file         []byte
		frames, more int
	}{
		"behind ID3":            {join(id3(63, 0), n(4)), 4, 0},
		"ID3 in every segment":  {join(id3(63, 0), n(4), id3(63, 0), n(4)), 8, 0},
		"ID3v1 at the end":      {join(n(4), id3v1()), 4, 0},
		"garbage in between":    {join(n(4), bytes.Repeat([]byte{7}, 50), n(4)), 8, 3},
		"much of it is charged": {join(n(4), bytes.Repeat([]byte{7}, 30_000), n(4)), 8 + 100, 3},
		"cut in a header":       {join(n(4), usualAAC().bytes()[:6]), 4, 0},
		"cut in a frame":        {join(n(4), usualAAC().bytes()[:8]), 5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if d, one := elapsed(t, auto, c.file), 64*time.Millisecond; d < time.Duration(c.frames)*one || d > time.Duration(c.frames+c.more)*one {
				t.Errorf("%v, want %d frames of %v", d, c.frames, one)
			}
		})
	}
}

func TestHostileADTSIsRefused(t *testing.T) {
	with := func(change func(*adts)) []byte { a := usualAAC(); change(&a); return bytes.Repeat(a.bytes(), 3) }
	for name, c := range map[string]struct {
		file []byte
		err  error
	}{
		"a frame shorter than its header": {with(func(a *adts) { a.size = 6 }), meter.ErrUnsupported},
		"shorter than that with a CRC":    {with(func(a *adts) { a.size, a.crc = 8, true }), meter.ErrUnsupported},
		"a rate that does not exist":      {with(func(a *adts) { a.rate = 13 }), meter.ErrUnsupported},
		"channels that are not told":      {with(func(a *adts) { a.channels = 0 }), meter.ErrUnsupported},
		"one frame, and no second":        {join(usualAAC().bytes(), make([]byte, 70<<10)), meter.ErrMalformed},
		"frames, then anything":           {join(usualAAC().bytes(), usualAAC().bytes(), make([]byte, 2<<20)), meter.ErrMalformed},
	} {
		if err := refused(t, auto, c.file); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzADTS(f *testing.F) {
	one := usualAAC()
	one.size = 20
	f.Add(bytes.Repeat(one.bytes(), 4), 3)
	f.Add(join(one.bytes(), one.bytes(), []byte("junk"), one.bytes(), one.bytes(), id3(5, 0), one.bytes()), 1)
	f.Fuzz(func(t *testing.T, file []byte, cut int) { fuzzClock(t, auto, file, cut) })
}

func BenchmarkADTS(b *testing.B) { bench(b, auto, mustRead(b, "testdata/jfk.aac")) }
