package meter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// wavFile is a header and samples; size and the others may lie.
type wavFile struct {
	riff     string
	tag      uint16
	channels uint16
	rate     uint32
	align    uint16
	bits     uint16
	size     uint32
	before   []byte // chunks in front of data
	samples  []byte
	behind   []byte
}

func (f wavFile) bytes() []byte {
	le := binary.LittleEndian
	b := append([]byte(f.riff), 0, 0, 0, 0)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, f.tag)
	b = le.AppendUint16(b, f.channels)
	b = le.AppendUint32(b, f.rate)
	b = le.AppendUint32(b, 7) // the byte rate is a lie in all of them
	b = le.AppendUint16(b, f.align)
	b = le.AppendUint16(b, f.bits)
	b = append(b, f.before...)
	b = append(b, "data"...)
	b = le.AppendUint32(b, f.size)
	b = append(b, f.samples...)
	return append(b, f.behind...)
}

func chunk(id string, size uint32, body []byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte(id), size), body...)
}

func TestWAVIsExactWhateverTheChunks(t *testing.T) {
	second := make([]byte, 32_000)
	good := wavFile{riff: "RIFF", tag: 1, channels: 1, rate: 16_000, align: 2, bits: 16, size: 32_000, samples: second}
	with := func(change func(*wavFile)) []byte { f := good; change(&f); return f.bytes() }
	ds64 := chunk("ds64", 28, append(make([]byte, 8), append(binary.LittleEndian.AppendUint64(nil, 32_000), make([]byte, 12)...)...))
	for name, c := range map[string]struct {
		file     []byte
		want     time.Duration
		declared bool
	}{
		"plain":                    {good.bytes(), time.Second, true},
		"size 0":                   {with(func(f *wavFile) { f.size = 0 }), time.Second, false},
		"size unknown":             {with(func(f *wavFile) { f.size = 0xffffffff }), time.Second, false},
		"cut":                      {with(func(f *wavFile) { f.samples = second[:16_000] }), 500 * time.Millisecond, true},
		"tags behind":              {with(func(f *wavFile) { f.behind = chunk("LIST", 5, []byte("12345\x00")) }), time.Second, true},
		"tags before, odd":         {with(func(f *wavFile) { f.before = chunk("JUNK", 3, []byte("123\x00")) }), time.Second, true},
		"a second piece of data":   {with(func(f *wavFile) { f.behind = chunk("data", 16_000, second[:16_000]) }), 1500 * time.Millisecond, true},
		"stereo":                   {with(func(f *wavFile) { f.channels, f.align = 2, 4 }), 500 * time.Millisecond, true},
		"24 bits":                  {with(func(f *wavFile) { f.bits, f.align = 24, 3 }), 32_000 * time.Second / 48_000, true},
		"float":                    {with(func(f *wavFile) { f.tag, f.bits, f.align = 3, 32, 4 }), 500 * time.Millisecond, true},
		"mu-law":                   {with(func(f *wavFile) { f.tag, f.bits, f.align, f.rate = 7, 8, 1, 8000 }), 4 * time.Second, true},
		"RF64":                     {append([]byte("RF64\x00\x00\x00\x00WAVE"), append(ds64, with(func(f *wavFile) { f.size = 0xffffffff })[12:]...)...), time.Second, true},
		"a file of the other kind": {mustRead(t, "testdata/testing-8k-mulaw.wav"), 4680 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, 160, 1500, 65536, 0} {
				a := meter.NewAuto()
				last := time.Duration(0)
				for rest := c.file; len(rest) > 0; {
					n := min(size, len(rest))
					if size == 0 {
						n = min(1+rand.IntN(4000), len(rest))
					}
					if err := a.Write(rest[:n]); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
					if e := a.Elapsed(); e < last {
						t.Fatalf("time went back to %v", e)
					} else {
						last = e
					}
				}
				if last.Milliseconds() != c.want.Milliseconds() {
					t.Errorf("chunks of %d: %v, want %v", size, last, c.want)
				}
				if _, ok := a.Declared(-1); ok != c.declared {
					t.Errorf("declared without a length: %v", ok)
				}
			}
		})
	}
}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWAVDeclaresItsLengthWithItsFirstBytes(t *testing.T) {
	f := wavFile{riff: "RIFF", tag: 1, channels: 1, rate: 16_000, align: 2, bits: 16, size: 30 * 60 * 32_000}
	a := meter.NewAuto()
	if err := a.Write(f.bytes()); err != nil {
		t.Fatal(err)
	}
	if d, ok := a.Declared(-1); !ok || d != 30*time.Minute {
		t.Errorf("declared %v, %v", d, ok)
	}
	if d, ok := a.Declared(int64(len(f.bytes())) + 32_000); !ok || d != time.Second {
		t.Errorf("in a body of a second: %v, %v", d, ok)
	}
}

func TestHostileWAVIsRefused(t *testing.T) {
	good := wavFile{riff: "RIFF", tag: 1, channels: 1, rate: 16_000, align: 2, bits: 16, size: 2, samples: []byte{0, 0}}
	with := func(change func(*wavFile)) []byte { f := good; change(&f); return f.bytes() }
	for name, c := range map[string]struct {
		file []byte
		err  error
	}{
		"blocks that hold more than the bits": {with(func(f *wavFile) { f.align = 64 }), meter.ErrMalformed},
		"no channels":                         {with(func(f *wavFile) { f.channels, f.align = 0, 0 }), meter.ErrUnsupported},
		"a rate beyond all":                   {with(func(f *wavFile) { f.rate = 1 << 30 }), meter.ErrUnsupported},
		"rate 0":                              {with(func(f *wavFile) { f.rate = 0 }), meter.ErrUnsupported},
		"a codec that is compressed":          {with(func(f *wavFile) { f.tag, f.bits, f.align = 0x55, 0, 1 }), meter.ErrUnsupported},
		"two formats":                         {with(func(f *wavFile) { f.before = chunk("fmt ", 16, make([]byte, 16)) }), meter.ErrMalformed},
		"data before its format":              {append([]byte("RIFF\x00\x00\x00\x00WAVE"), chunk("data", 2, []byte{0, 0})...), meter.ErrMalformed},
		"endless tags":                        {with(func(f *wavFile) { f.before = chunk("JUNK", 17<<20, make([]byte, 17<<20)) }), meter.ErrMalformed},
		"endless tags behind":                 {with(func(f *wavFile) { f.behind = bytes.Repeat(chunk("JUNK", 0, nil), 2_200_000) }), meter.ErrMalformed},
		"another container":                   {[]byte("RIFF\x00\x10\x00\x00AVI LIST"), meter.ErrLate},
		"text":                                {[]byte("hello, this is no audio at all"), meter.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			a := meter.NewAuto()
			if err := a.Write(c.file); !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if err := a.Write([]byte{0}); !errors.Is(err, c.err) {
				t.Errorf("afterwards %v", err)
			}
		})
	}
}

func FuzzWAV(f *testing.F) {
	f.Add(wavFile{riff: "RIFF", tag: 1, channels: 1, rate: 16_000, align: 2, bits: 16, size: 4, samples: []byte{1, 2, 3, 4}}.bytes(), 3)
	f.Add(wavFile{riff: "RF64", tag: 3, channels: 2, rate: 48_000, align: 8, bits: 32, size: 0xffffffff, samples: make([]byte, 99)}.bytes(), 1)
	f.Fuzz(func(t *testing.T, file []byte, cut int) {
		whole, cuts := meter.NewAuto(), meter.NewAuto()
		werr := whole.Write(file)
		cut = max(1, cut&0xff)
		var cerr error
		last := time.Duration(0)
		for rest := file; len(rest) > 0 && cerr == nil; {
			n := min(cut, len(rest))
			cerr = cuts.Write(rest[:n])
			rest = rest[n:]
			if e := cuts.Elapsed(); e < last || e < 0 {
				t.Fatalf("from %v to %v", last, e)
			} else {
				last = e
			}
		}
		if (werr == nil) != (cerr == nil) || whole.Elapsed() != cuts.Elapsed() {
			t.Fatalf("whole %v, %v; cut %v, %v", whole.Elapsed(), werr, cuts.Elapsed(), cerr)
		}
	})
}

func TestWAVAllocatesNothingInSteadyState(t *testing.T) {
	a, p := meter.NewAuto(), make([]byte, 640)
	if err := a.Write(wavFile{riff: "RIFF", tag: 1, channels: 1, rate: 16_000, align: 2, bits: 16}.bytes()); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { _ = a.Write(p); _ = a.Elapsed() }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
