package meter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// mp3Frame is a frame with a given header and size, filled with what is no header.
func mp3Frame(head uint32, size int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, head), bytes.Repeat([]byte{0x55}, size-4)...)
}

// be is a number in n bytes, the most significant first.
func be(v uint64, n int) []byte { return binary.BigEndian.AppendUint64(nil, v)[8-n:] }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// A frame of the usual kind: MPEG-1 layer III, 128 kbit/s, 44.1 kHz, 26 ms.
const (
	mp3Usual     = 0xfffb9000
	mp3UsualSize = 417
)

func usual(n int) []byte { return bytes.Repeat(mp3Frame(mp3Usual, mp3UsualSize), n) }

func TestEveryKindOfMPEGAudioHasItsFrames(t *testing.T) {
	for name, c := range map[string]struct {
		head          uint32
		size          int
		samples, rate int64
		codec         string
		channels      int
	}{
		"MPEG-1 layer III, 128k, 44.1 kHz":             {mp3Usual, 417, 1152, 44_100, "mp3", 2},
		"the same, padded":                             {0xfffb9200, 418, 1152, 44_100, "mp3", 2},
		"the same, with a CRC":                         {0xfffa9000, 417, 1152, 44_100, "mp3", 2},
		"MPEG-1 layer III, 320k, 48 kHz, joint stereo": {0xfffbe440, 960, 1152, 48_000, "mp3", 2},
		"MPEG-1 layer III, 32k, 32 kHz, mono":          {0xfffb18c0, 144, 1152, 32_000, "mp3", 1},
		"MPEG-2 layer III, 64k, 22.05 kHz":             {0xfff38000, 208, 576, 22_050, "mp3", 2},
		"MPEG-2 layer III, 8k, 24 kHz, mono":           {0xfff314c0, 24, 576, 24_000, "mp3", 1},
		"MPEG-2.5 layer III, 16k, 8 kHz, mono":         {0xffe328c0, 144, 576, 8_000, "mp3", 1},
		"MPEG-2.5 layer III, 160k, 11.025 kHz":         {0xffe3e000, 1044, 576, 11_025, "mp3", 2},
		"MPEG-1 layer II, 192k, 48 kHz":                {0xfffda400, 576, 1152, 48_000, "mp2", 2},
		"MPEG-2 layer II, 64k, 16 kHz":                 {0xfff58800, 576, 1152, 16_000, "mp2", 2},
		"MPEG-1 layer I, 384k, 44.1 kHz":               {0xffffc000, 416, 384, 44_100, "mp1", 2},
		"MPEG-1 layer I, 32k, 48 kHz, padded":          {0xffff1600, 36, 384, 48_000, "mp1", 2},
		"MPEG-2 layer I, 256k, 16 kHz":                 {0xfff7e800, 768, 384, 16_000, "mp1", 2},
	} {
		t.Run(name, func(t *testing.T) {
			file := bytes.Repeat(mp3Frame(c.head, c.size), 9)
			if d := elapsed(t, auto, file); d != samples(9*c.samples, c.rate) {
				t.Errorf("%v, want %v", d, samples(9*c.samples, c.rate))
			}
			a := meter.NewAuto()
			_ = a.Write(file)
			if i := a.Info(); i.Format != "mp3" || i.Codec != c.codec || int64(i.SampleRate) != c.rate || i.Channels != c.channels {
				t.Errorf("%+v", i)
			}
		})
	}
}

func xing(id string, at int, frames uint32) []byte {
	f := mp3Frame(mp3Usual, mp3UsualSize)
	copy(f[4:], make([]byte, 100))
	copy(f[at:], id)
	if id == "VBRI" {
		copy(f[at+14:], be(uint64(frames), 4))
	} else {
		copy(f[at+4:], be(1, 4))
		copy(f[at+8:], be(uint64(frames), 4))
	}
	return f
}

func id3(size int, flags byte) []byte {
	return join([]byte{'I', 'D', '3', 4, 0, flags, byte(size >> 21), byte(size >> 14 & 0x7f), byte(size >> 7 & 0x7f), byte(size & 0x7f)}, make([]byte, size))
}

// ape is an APEv2 tag with head and foot.
func ape(size int) []byte {
	head := join([]byte("APETAGEX"), binary.LittleEndian.AppendUint32(nil, 2000), binary.LittleEndian.AppendUint32(nil, uint32(size+32)), be(1<<24, 4), be(0xa0, 4), make([]byte, 8))
	return join(head, bytes.Repeat([]byte{'x'}, size), head)
}

func id3v1() []byte { return append([]byte("TAG"), bytes.Repeat([]byte{'y'}, 125)...) }

func TestTagsAndTheFrameOfTheWholeFileAreNoAudio(t *testing.T) {
	silent := mp3Frame(mp3Usual, mp3UsualSize)
	for name, c := range map[string]struct {
		file   []byte
		frames int64
	}{
		"Xing":                        {join(xing("Xing", 36, 10), usual(10)), 10},
		"Info":                        {join(xing("Info", 36, 10), usual(10)), 10},
		"VBRI":                        {join(xing("VBRI", 36, 10), usual(10)), 10},
		"a second Xing is audio":      {join(xing("Xing", 36, 10), xing("Xing", 36, 10), usual(10)), 11},
		"Xing further on is audio":    {join(usual(1), xing("Xing", 36, 10), usual(10)), 12},
		"ID3v2":                       {join(id3(3000, 0), usual(10)), 10},
		"ID3v2 with a footer":         {join(id3(300, 0x10), make([]byte, 10), usual(10)), 10},
		"two of them, and Xing":       {join(id3(0, 0), id3(7, 0), xing("Info", 36, 10), usual(10)), 10},
		"ID3v2 and padding behind it": {join(id3(30, 0), make([]byte, 700), usual(10)), 10},
		"ID3v1":                       {join(usual(10), id3v1()), 10},
		"APEv2 and ID3v1":             {join(usual(10), ape(900), id3v1()), 10},
		"Lyrics3 and ID3v1":           {join(usual(10), []byte("LYRICSBEGIN"), bytes.Repeat([]byte{'z'}, 300), []byte("LYRICSEND"), id3v1()), 10},
		"joined files":                {join(usual(10), id3v1(), id3(3000, 0), usual(10), ape(5), usual(1)), 21},
		"frames in a tag are audio":   {join(usual(2), ape(0)[:32], usual(3), usual(2)), 7},
		"frames in a big tag":         {join(usual(2), id3(1<<20-10, 0)[:10], usual(100)), 102},
		"a single frame":              {silent, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if d := elapsed(t, auto, c.file); d != samples(1152*c.frames, 44_100) {
				t.Errorf("%v, want %d frames, %v", d, c.frames, samples(1152*c.frames, 44_100))
			}
		})
	}
}

func TestMP3DeclaresWhatItsFirstFrameSays(t *testing.T) {
	for _, id := range []string{"Xing", "Info", "VBRI"} {
		a := meter.NewAuto()
		if err := a.Write(join(id3(100, 0), xing(id, 36, 44_100), usual(1))); err != nil {
			t.Fatal(err)
		}
		if d, ok := a.Declared(-1); !ok || d != 1152*time.Second {
			t.Errorf("%s: %v, %v", id, d, ok)
		}
	}
	a := meter.NewAuto()
	_ = a.Write(usual(3))
	if d, ok := a.Declared(1 << 20); ok {
		t.Errorf("declared %v, by nothing", d)
	}
}

func TestStreamsJoinedOfSeveralRatesAddUpExactly(t *testing.T) {
	one := join(usual(1), mp3Frame(0xfffbe440, 960), mp3Frame(0xffe328c0, 144), mp3Frame(0xfff38000, 208))
	if d, want := elapsed(t, auto, bytes.Repeat(one, 441)), (11_520+10_584+31_752+11_520)*time.Millisecond; d != want {
		t.Errorf("%v, want %v", d, want)
	}
}

func TestFreeFormatIsMeasuredByTheDistanceOfItsFrames(t *testing.T) {
	frame := func(pad uint32, size int) []byte { return mp3Frame(0xfffb0000|pad<<9, size) }
	if d := elapsed(t, auto, join(frame(0, 700), frame(1, 701), frame(0, 700), frame(0, 700), frame(1, 701))); d != samples(5*1152, 44_100) {
		t.Error(d)
	}
	if err := refused(t, auto, join(frame(0, 700), frame(0, 700), make([]byte, 20<<10))); !errors.Is(err, meter.ErrMalformed) {
		t.Error(err)
	}
	// What does not follow begins again, and every header counts.
	if d := elapsed(t, auto, join(frame(0, 700), frame(0, 900), frame(0, 900), frame(0, 900))); d < samples(4*1152, 44_100) {
		t.Error(d)
	}
}

// between checks that a file lasts some frames of the usual kind, and how many more it may seem to.
func between(t *testing.T, file []byte, frames, more int64) {
	t.Helper()
	d := elapsed(t, auto, file)
	if least, most := samples(1152*frames, 44_100), samples(1152*(frames+more), 44_100); d < least || d > most {
		t.Errorf("%v, want %v to %v", d, least, most)
	}
}

func TestLostSyncIsNeverCheaperThanAudio(t *testing.T) {
	junk := func(n int) []byte { return bytes.Repeat([]byte{0xa5}, n) }
	big, small := mp3Frame(0xfffbe000, 1044), mp3Frame(0xfff314c0, 24) // 26 ms and 24 ms
	between(t, join(usual(3), junk(10), usual(3)), 6, 3)
	between(t, join(usual(3), junk(5*mp3UsualSize), usual(3)), 6+5, 3)
	between(t, join(usual(3), usual(3)[100:], usual(3)), 3+2+3, 3)
	between(t, join(usual(3), junk(1<<20)), 3+1<<20/mp3UsualSize, 1)
	// A chain of frames whose headers hide in the heads of tags.
	hiding := ape(mp3UsualSize - 64)[:mp3UsualSize]
	copy(hiding[8:], usual(1)[:4])
	between(t, join(usual(3), bytes.Repeat(hiding, 20)), 3+19, 3)
	// Small frames behind a header that claims to be large: the true ones are found.
	hidden := bytes.Repeat(small, 40)
	d := elapsed(t, auto, join(big, junk(3), big[:4], hidden, junk(1044), hidden))
	if least := 2*40*24*time.Millisecond + samples(1152, 44_100); d < least {
		t.Errorf("%v, at least %v", d, least)
	}
}

func TestHostileMP3IsRefused(t *testing.T) {
	utf16 := []byte{0xff, 0xfe}
	for range 50_000 {
		utf16 = append(utf16, 'h', 0)
	}
	for name, file := range map[string][]byte{
		"text in UTF-16":                  utf16,
		"a tag that goes on and on":       join(id3(17<<20, 0), usual(3)),
		"tags without an end":             bytes.Repeat(id3(10_000, 0), 1700),
		"nothing but padding":             join(id3(10, 0), make([]byte, 17<<20)),
		"one frame, and no second":        join(usual(1), bytes.Repeat([]byte{1}, 70<<10)),
		"frames, then anything":           join(usual(20), bytes.Repeat([]byte{1}, 2<<20)),
		"tags between frames, no end":     bytes.Repeat(join(usual(1), ape(200_000)), 85),
		"headers everywhere":              join(usual(2), []byte{0}, bytes.Repeat([]byte{0xff, 0xfb, 0x94, 0}, 3000)),
		"tag without an end, then frames": join(id3(16<<20, 0), usual(3)),
	} {
		if err := refused(t, auto, file); !errors.Is(err, meter.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, file := range map[string][]byte{
		"a version that does not exist": mp3Frame(0xffeb9000, 417),
		"a rate that does not exist":    mp3Frame(0xfffb9c00, 417),
		"a bit rate that does not":      mp3Frame(0xfffbf000, 417),
		"an almost ID3":                 []byte("ID3\xff\x00\x00\x00\x00\x00\x00abcdef"),
	} {
		if err := refused(t, auto, file); !errors.Is(err, meter.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzMP3(f *testing.F) {
	f.Add(join(id3(20, 0), xing("Xing", 36, 3), usual(3), id3v1()), 7)
	f.Add(join(usual(2), ape(3), usual(1)), 3)
	f.Add(join(mp3Frame(0xfffb0000, 300), mp3Frame(0xfffb0200, 301), mp3Frame(0xfffb0000, 300)), 1)
	f.Add(join(usual(2), []byte("garbage"), bytes.Repeat(mp3Frame(0xfff314c0, 24), 9)), 5)
	f.Fuzz(func(t *testing.T, file []byte, cut int) { fuzzClock(t, auto, file, cut) })
}

func BenchmarkMP3(b *testing.B) { bench(b, auto, mustRead(b, "testdata/jfk-vbr.mp3")) }
