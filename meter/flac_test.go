package meter_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/mewkiz/flac"

	"github.com/sttgate/sttgate/meter"
)

// flacInfo is the beginning of a file: STREAMINFO as its last or only metadata block.
func flacInfo(last bool, rate, channels, depth int, total uint64) []byte {
	head := []byte{'f', 'L', 'a', 'C', 0, 0, 0, 34}
	if last {
		head[4] = 0x80
	}
	packed := uint64(rate)<<44 | uint64(channels-1)<<41 | uint64(depth-1)<<36 | total
	return join(head, be(4096, 2), be(4096, 2), make([]byte, 6), be(packed, 8), make([]byte, 16))
}

func flacBlock(last bool, kind byte, size int) []byte {
	if last {
		kind |= 0x80
	}
	return join([]byte{kind}, be(uint64(size), 3), make([]byte, size))
}

// flacHead is the header of a frame of two codes, with what belongs to them.
func flacHead(variable bool, block, rate, channels, depth byte, number []byte, extra ...byte) []byte {
	h := join([]byte{0xff, 0xf8, block<<4 | rate, channels<<4 | depth<<1}, number, extra)
	if variable {
		h[1] |= 1
	}
	crc := byte(0)
	for _, b := range h {
		crc ^= b
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 7
			} else {
				crc <<= 1
			}
		}
	}
	return append(h, crc)
}

// constant is a mono 16-bit frame of one value, and its checksum.
func constant(head []byte) []byte { return join(head, []byte{0, 0x12, 0x34, 0xab, 0xcd}) }

func TestEveryHeaderOfAFLACFrame(t *testing.T) {
	mono := flacInfo(true, 16_000, 1, 16, 0)
	n := func(b ...byte) []byte { return b }
	for name, c := range map[string]struct {
		frame   []byte
		samples int64
	}{
		"192":                                {constant(flacHead(false, 1, 0, 0, 0, n(0))), 192},
		"576":                                {constant(flacHead(false, 2, 0, 0, 0, n(0))), 576},
		"4608":                               {constant(flacHead(false, 5, 0, 0, 0, n(0))), 4608},
		"a byte of block size":               {constant(flacHead(false, 6, 0, 0, 0, n(0), 99)), 100},
		"two bytes":                          {constant(flacHead(false, 7, 0, 0, 0, n(0), 0x0f, 0xff)), 4096},
		"256":                                {constant(flacHead(false, 8, 0, 0, 0, n(0))), 256},
		"32768":                              {constant(flacHead(false, 15, 0, 0, 0, n(0))), 32_768},
		"its own rate, by code":              {constant(flacHead(false, 8, 5, 0, 0, n(0))), 256},
		"its own rate in kHz":                {constant(flacHead(false, 8, 12, 0, 0, n(0), 16)), 256},
		"its own rate in Hz":                 {constant(flacHead(false, 8, 13, 0, 4, n(0), 0x3e, 0x80)), 256},
		"its own rate in tens, block behind": {constant(flacHead(false, 6, 14, 0, 4, n(0), 255, 0x06, 0x40)), 256},
		"a number of two bytes":              {constant(flacHead(false, 8, 0, 0, 0, n(0xc2, 0x80))), 256},
		"a sample's number of seven":         {constant(flacHead(true, 8, 0, 0, 0, n(0xfe, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf))), 256},
	} {
		t.Run(name, func(t *testing.T) {
			if d := elapsed(t, auto, join(mono, bytes.Repeat(c.frame, 3))); d != samples(3*c.samples, 16_000) {
				t.Errorf("%v, want %v", d, samples(3*c.samples, 16_000))
			}
		})
	}
}

// TestEveryKindOfSubframeEndsWhereItEnds has frames of 16 samples; behind each there is another.
func TestEveryKindOfSubframeEndsWhereItEnds(t *testing.T) {
	head := flacHead(false, 6, 0, 0, 0, []byte{0}, 15)
	codes := func(begin [][2]int, n, k int) [][2]int { // and n Rice codes of a one and k bits
		for range n {
			begin = append(begin, [2]int{1, 1}, [2]int{0x55, k})
		}
		return begin
	}
	for name, fields := range map[string][][2]int{
		"verbatim":                    {{2, 8}, {7, 256}},
		"fixed, Rice":                 codes([][2]int{{8 << 1, 8}, {0, 2}, {0, 4}, {3, 4}}, 16, 3),
		"long Rice codes":             codes([][2]int{{8 << 1, 8}, {1, 2}, {0, 4}, {30, 5}}, 16, 30),
		"fixed, long unary":           {{8 << 1, 8}, {0, 2}, {0, 4}, {0, 4}, {0, 900}, {0xffff, 16}},
		"fixed of order 2, 4 pieces":  {{10 << 1, 8}, {0, 32}, {0, 2}, {2, 4}, {0, 4}, {3, 2}, {0, 4}, {15, 4}, {0, 4}, {15, 4}, {15, 4}, {0, 5}},
		"escaped, 5 bits each":        {{8 << 1, 8}, {0, 2}, {0, 4}, {15, 4}, {5, 5}, {0, 80}},
		"second method":               {{8 << 1, 8}, {1, 2}, {0, 4}, {31, 5}, {1, 5}, {0, 16}},
		"LPC of order 3":              {{34 << 1, 8}, {0, 48}, {11, 4}, {0, 5}, {0, 36}, {0, 2}, {0, 4}, {0, 4}, {0x1fff, 13}},
		"wasted bits":                 {{1, 8}, {1, 3}, {9, 13}},
		"only warm-up in a partition": {{12 << 1, 8}, {0, 64}, {0, 2}, {2, 4}, {2, 4}, {15, 4}, {0, 5}, {15, 4}, {0, 5}, {15, 4}, {0, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			frame := join(head, bits(fields...), []byte{0xab, 0xcd})
			file := join(flacInfo(true, 16_000, 1, 16, 0), bytes.Repeat(frame, 5))
			if d := elapsed(t, auto, file); d != 5*time.Millisecond {
				t.Errorf("%v, want 5 ms", d)
			}
		})
	}
}

// TestFLACAgreesWithADecoder counts what mewkiz/flac decodes.
func TestFLACAgreesWithADecoder(t *testing.T) {
	for _, name := range []string{"jfk-16k.flac", "noise-44k-stereo.flac", "sine-96k-24bit.flac", "surround-8k.flac"} {
		file := mustRead(t, "testdata/"+name)
		s, err := flac.New(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for {
			f, err := s.ParseNext()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			n += int64(f.BlockSize)
		}
		if d := elapsed(t, auto, file); d != samples(n, int64(s.Info.SampleRate)) {
			t.Errorf("%s: %v, decoded %v", name, d, samples(n, int64(s.Info.SampleRate)))
		}
		a := meter.NewAuto()
		_ = a.Write(file)
		if i := a.Info(); i.SampleRate != int(s.Info.SampleRate) || i.Channels != int(s.Info.NChannels) {
			t.Errorf("%s: %+v", name, i)
		}
		if d, ok := a.Declared(-1); !ok || d != a.Elapsed() {
			t.Errorf("%s: declared %v, %v", name, d, ok)
		}
		unallocating(t, auto, file, len(file)/8)
	}
}

func TestMetadataOfFLACIsPassedOver(t *testing.T) {
	frames := bytes.Repeat(constant(flacHead(false, 8, 0, 0, 0, []byte{0})), 5)
	info := flacInfo(false, 16_000, 1, 16, 0)
	for name, file := range map[string][]byte{
		"a picture":        join(info, flacBlock(true, 6, 900_000), frames),
		"empty padding":    join(info, flacBlock(false, 1, 0), flacBlock(false, 4, 33), flacBlock(true, 1, 0), frames),
		"ID3 in front":     join(id3(50, 0), info, flacBlock(true, 4, 3), frames),
		"a tag behind":     join(info, flacBlock(true, 4, 3), frames, id3v1(), ape(900)),
		"numbers that lie": join(info, flacBlock(true, 4, 3), bytes.Repeat(constant(flacHead(true, 8, 0, 0, 0, []byte{0xe0, 0x80, 0x80})), 5)),
	} {
		if d := elapsed(t, auto, file); d != 80*time.Millisecond {
			t.Errorf("%s: %v", name, d)
		}
	}
}

func TestHostileFLACIsRefused(t *testing.T) {
	info, frame := flacInfo(true, 16_000, 1, 16, 0), constant(flacHead(false, 8, 0, 0, 0, []byte{0}))
	bad := bytes.Clone(frame)
	bad[5] ^= 1
	for name, c := range map[string]struct {
		file []byte
		err  error
	}{
		"endless padding":             {join(flacInfo(false, 16_000, 1, 16, 0), bytes.Repeat(flacBlock(false, 1, 60_000), 300)), meter.ErrMalformed},
		"endless empty blocks":        {join(flacInfo(false, 16_000, 1, 16, 0), bytes.Repeat(flacBlock(false, 1, 0), 4_400_000)), meter.ErrMalformed},
		"two STREAMINFO":              {join(flacInfo(false, 16_000, 1, 16, 0), info[4:]), meter.ErrMalformed},
		"no STREAMINFO":               {join([]byte("fLaC"), flacBlock(true, 4, 40)), meter.ErrMalformed},
		"STREAMINFO of another size":  {join([]byte("fLaC"), flacBlock(true, 0, 33)), meter.ErrMalformed},
		"rate 0":                      {join(flacInfo(true, 0, 1, 16, 0), frame), meter.ErrUnsupported},
		"rate beyond all":             {join(flacInfo(true, 655_350, 1, 16, 0), frame), meter.ErrUnsupported},
		"a checksum that is wrong":    {join(info, bad), meter.ErrMalformed},
		"another rate in a frame":     {join(info, constant(flacHead(false, 8, 4, 0, 0, []byte{0}))), meter.ErrMalformed},
		"two channels in a frame":     {join(info, flacHead(false, 8, 0, 1, 0, []byte{0}), make([]byte, 20)), meter.ErrMalformed},
		"24 bits in a frame":          {join(info, constant(flacHead(false, 8, 0, 0, 6, []byte{0}))), meter.ErrMalformed},
		"a reserved block size":       {join(info, constant(flacHead(false, 0, 0, 0, 0, []byte{0}))), meter.ErrMalformed},
		"a number that is no number":  {join(info, constant(flacHead(false, 8, 0, 0, 0, []byte{0xc2, 0x00}))), meter.ErrMalformed},
		"a subframe of no kind":       {join(info, flacHead(false, 8, 0, 0, 0, []byte{0}), []byte{0x04, 0, 0, 0, 0, 0, 0, 0, 0}), meter.ErrMalformed},
		"zeros without an end":        {join(info, flacHead(false, 8, 0, 0, 0, []byte{0}), []byte{0x10}, make([]byte, 20_000)), meter.ErrMalformed},
		"wasted bits without an end":  {join(info, flacHead(false, 8, 0, 0, 0, []byte{0}), []byte{0x01}, make([]byte, 20_000)), meter.ErrMalformed},
		"frames behind a tag":         {join(info, frame, id3v1(), bytes.Repeat(frame, 3)), meter.ErrMalformed},
		"frames in a tag":             {join(info, frame, ape(0)[:32], bytes.Repeat(frame, 3)), meter.ErrMalformed},
		"a second file behind it":     {join(info, frame, info, bytes.Repeat(frame, 3)), meter.ErrMalformed},
		"anything behind, and no end": {join(info, frame, make([]byte, 17<<20)), meter.ErrMalformed},
	} {
		if err := refused(t, auto, c.file); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzFLAC(f *testing.F) {
	frame := constant(flacHead(false, 8, 0, 0, 0, []byte{0}))
	f.Add(join(flacInfo(false, 16_000, 1, 16, 9), flacBlock(true, 4, 3), frame, frame, id3v1()), 3)
	f.Add(join(flacInfo(true, 16_000, 1, 16, 0), flacHead(false, 6, 0, 0, 0, []byte{0}, 15), bits([2]int{34 << 1, 8}, [2]int{0, 48}, [2]int{11, 4}, [2]int{0, 5}, [2]int{0, 36}, [2]int{0, 10}, [2]int{0x1fff, 13}), frame, frame), 1)
	if b, err := io.ReadAll(io.LimitReader(bytes.NewReader(mustRead(f, "testdata/noise-44k-stereo.flac")), 9000)); err == nil {
		f.Add(b, 100)
	}
	f.Fuzz(func(t *testing.T, file []byte, cut int) { fuzzClock(t, auto, file, cut) })
}

func BenchmarkFLAC(b *testing.B) { bench(b, auto, mustRead(b, "testdata/jfk-16k.flac")) }
