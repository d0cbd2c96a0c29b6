package meter_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// amrFrames has one frame of each type, by the sizes of RFC 4867 with the type's byte.
func amrFrames(sizes map[byte]int) (all []byte) {
	for kind, size := range sizes {
		all = append(all, kind<<3|4)
		all = append(all, bytes.Repeat([]byte{0xff}, size-1)...)
	}
	return all
}

var (
	narrow = map[byte]int{0: 13, 1: 14, 2: 16, 3: 18, 4: 20, 5: 21, 6: 27, 7: 32, 8: 6, 15: 1}
	wide   = map[byte]int{0: 18, 1: 24, 2: 33, 3: 37, 4: 41, 5: 47, 6: 51, 7: 59, 8: 61, 9: 6, 14: 1, 15: 1}
)

func TestAMRIsTwentyMillisecondsAFrame(t *testing.T) {
	nb, wb := amrFrames(narrow), amrFrames(wide)
	headerless := func() meter.Clock { return meter.NewAMR() }
	headerlessWB := func() meter.Clock { return meter.NewAMRWB() }
	for name, c := range map[string]struct {
		open   func() meter.Clock
		file   []byte
		frames int64
	}{
		"a file":                        {auto, join([]byte("#!AMR\n"), nb, nb), 20},
		"a file of the wide band":       {auto, join([]byte("#!AMR-WB\n"), wb), 12},
		"two channels":                  {auto, join([]byte("#!AMR_MC1.0\n"), be(2, 4), nb, nb), 10},
		"five channels, wide":           {auto, join([]byte("#!AMR-WB_MC1.0\n"), be(5, 4), wb), 3}, // 2.4: the third has begun
		"headerless":                    {headerless, nb, 10},
		"headerless, with its line":     {headerless, join([]byte("#!AMR\n"), nb), 10},
		"headerless, wide":              {headerlessWB, wb, 12},
		"headerless, wide, with a line": {headerlessWB, join([]byte("#!AMR-WB\n"), wb), 12},
		"headerless, like a line":       {headerless, join([]byte("#!AMX"), make([]byte, 15), nb), 11}, // '#' is a type as well
		"silence":                       {headerless, bytes.Repeat([]byte{0x7c}, 100), 100},
		"cut in a frame":                {headerless, join(nb, []byte{0x3c, 1, 2}), 11},
	} {
		t.Run(name, func(t *testing.T) {
			if d := elapsed(t, c.open, c.file); d != time.Duration(c.frames)*20*time.Millisecond {
				t.Errorf("%v, want %d frames", d, c.frames)
			}
		})
	}
	unallocating(t, auto, join([]byte("#!AMR\n"), bytes.Repeat(nb, 20)), 100)
	a := meter.NewAuto()
	_ = a.Write(join([]byte("#!AMR-WB_MC1.0\n"), be(2, 4)))
	if i := a.Info(); i.Format != "amr" || i.Codec != "amr_wb" || i.SampleRate != 16_000 || i.Channels != 2 {
		t.Errorf("%+v", i)
	}
}

func TestHostileAMRIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		open func() meter.Clock
		file []byte
		err  error
	}{
		"a type that is not defined":      {auto, []byte("#!AMR\n\x4c......"), meter.ErrMalformed},
		"a wide one that is not":          {auto, []byte("#!AMR-WB\n\x54......"), meter.ErrMalformed},
		"no channels":                     {auto, []byte("#!AMR_MC1.0\n\x00\x00\x00\x00..."), meter.ErrMalformed},
		"seven channels":                  {auto, []byte("#!AMR_MC1.0\n\x00\x00\x00\x07..."), meter.ErrMalformed},
		"an unknown version":              {auto, []byte("#!AMR_MC2.0\n\x00\x00\x00\x01..."), meter.ErrMalformed},
		"a line that does not end":        {auto, []byte("#!AMR-WB_MC1.000000000"), meter.ErrMalformed},
		"wide where narrow is declared":   {func() meter.Clock { return meter.NewAMR() }, []byte("#!AMR-WB\n\x04"), meter.ErrMalformed},
		"narrow where wide is declared":   {func() meter.Clock { return meter.NewAMRWB() }, []byte("#!AMR\n\x04"), meter.ErrMalformed},
		"something else with this prefix": {auto, []byte("#!AMRX\n\x04\x00\x00\x00\x00\x00\x00"), meter.ErrUnsupported},
	} {
		if err := refused(t, c.open, c.file); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzAMR(f *testing.F) {
	f.Add([]byte("#!AMR\n"), amrFrames(narrow), 3)
	f.Add([]byte("#!AMR-WB_MC1.0\n"), join(be(2, 4), amrFrames(wide)), 1)
	f.Add([]byte("#!A"), []byte("MR-WB\n\x04"), 1)
	f.Fuzz(func(t *testing.T, line, frames []byte, cut int) {
		file := join(line, frames)
		fuzzClock(t, auto, file, cut)
		fuzzClock(t, func() meter.Clock { return meter.NewAMR() }, file, cut)
		fuzzClock(t, func() meter.Clock { return meter.NewAMRWB() }, file, cut)
	})
}

func BenchmarkAMR(b *testing.B) {
	bench(b, auto, join([]byte("#!AMR\n"), bytes.Repeat(amrFrames(narrow), 100)))
}
