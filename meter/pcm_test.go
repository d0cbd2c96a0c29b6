package meter_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var encodings = map[meter.Encoding]int64{meter.Linear16: 2, meter.Linear32: 4, meter.Mulaw: 1, meter.Alaw: 1}

// rates holds the usual ones, the bounds and some that divide nothing.
var rates = []int{1_000, 7_350, 8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 47_999, 48_000, 96_000, 191_999, 192_000}

// model is the definition: bytes over rate, as a fraction.
func model(f meter.Format, bytes *big.Int) (nanos, millisUp *big.Int) {
	rate := big.NewInt(encodings[f.Encoding] * int64(f.SampleRate) * int64(f.Channels))
	nanos = new(big.Int).Mul(bytes, big.NewInt(1e9))
	nanos.Div(nanos, rate)
	up := new(big.Int).Mul(bytes, big.NewInt(1000))
	up.Add(up, rate).Sub(up, big.NewInt(1))
	return nanos, up.Div(up, rate)
}

func capped(n *big.Int) int64 {
	if n.IsInt64() {
		return n.Int64()
	}
	return math.MaxInt64
}

func TestEveryFormatIsExact(t *testing.T) {
	for enc := range encodings {
		for _, rate := range rates {
			for ch := 1; ch <= meter.MaxChannels; ch++ {
				f := meter.Format{Encoding: enc, SampleRate: rate, Channels: ch}
				for _, n := range []int64{0, 1, 2, 3, 639, 640, 3199, 3200, f.BytesPerSecond() - 1, f.BytesPerSecond(), f.BytesPerSecond() + 1, 1<<40 + 7} {
					c, err := meter.New(f)
					if err != nil {
						t.Fatal(err)
					}
					nanos, up := model(f, big.NewInt(n))
					if got := c.MillisAfter(n); got != capped(up) {
						t.Fatalf("%+v: MillisAfter(%d) = %d, want %d", f, n, got, up)
					}
					c.Advance(n)
					if got := c.Elapsed(); int64(got) != capped(nanos) {
						t.Fatalf("%+v: Elapsed after %d = %d, want %d", f, n, got, nanos)
					}
				}
			}
		}
	}
}

func format(t *rapid.T) meter.Format {
	return meter.Format{
		Encoding:   rapid.SampledFrom([]meter.Encoding{meter.Linear16, meter.Linear32, meter.Mulaw, meter.Alaw}).Draw(t, "encoding"),
		SampleRate: rapid.IntRange(meter.MinSampleRate, meter.MaxSampleRate).Draw(t, "rate"),
		Channels:   rapid.IntRange(1, meter.MaxChannels).Draw(t, "channels"),
	}
}

func TestCutsDoNotChangeTheTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := format(t)
		cut, whole := meter.NewPCM(f), meter.NewPCM(f)
		total, last := new(big.Int), time.Duration(0)
		for _, n := range rapid.SliceOf(rapid.OneOf(rapid.Int64Range(0, 5000), rapid.Int64Range(0, math.MaxInt64))).Draw(t, "chunks") {
			if n < 1<<16 && n%2 == 0 {
				if err := cut.Write(make([]byte, n)); err != nil {
					t.Fatal(err)
				}
			} else {
				cut.Advance(n)
			}
			total.Add(total, big.NewInt(n))
			if e := cut.Elapsed(); e < last {
				t.Fatalf("time went back from %d to %d", last, e)
			} else {
				last = e
			}
		}
		nanos, up := model(f, total)
		if got := int64(cut.Elapsed()); got != capped(nanos) && !(got == math.MaxInt64 && nanos.Cmp(big.NewInt(math.MaxInt64-2e9)) > 0) {
			t.Fatalf("cut: %d, model %d", got, nanos)
		}
		if !total.IsInt64() {
			return
		}
		whole.Advance(total.Int64())
		if cut.Elapsed() != whole.Elapsed() || cut.MillisAfter(0) != whole.MillisAfter(0) {
			t.Fatalf("cut %v, whole %v", cut.Elapsed(), whole.Elapsed())
		}
		if got := whole.MillisAfter(0); got != capped(up) {
			t.Fatalf("MillisAfter(0) = %d, model %d", got, up)
		}
	})
}

func TestTwentyFiveHoursOfSingleFramesDoNotDrift(t *testing.T) {
	c := meter.NewPCM(meter.Format{Encoding: meter.Linear16, SampleRate: 44_100, Channels: 1})
	const bytes = 25 * 3600 * 88_200
	for n := 0; n < bytes; n += 882 { // 10 ms
		c.Advance(882)
	}
	if c.Elapsed() != 25*time.Hour || c.MillisAfter(0) != 25*3600*1000 {
		t.Fatalf("%v, %d ms", c.Elapsed(), c.MillisAfter(0))
	}
}

func TestHugeCountsStayAtTheMaximum(t *testing.T) {
	c := meter.NewPCM(meter.Format{Encoding: meter.Alaw, SampleRate: meter.MinSampleRate, Channels: 1})
	for range 2000 {
		c.Advance(math.MaxInt64)
	}
	if c.Elapsed() != math.MaxInt64 || c.MillisAfter(math.MaxInt64) != math.MaxInt64 {
		t.Fatalf("%v, %d ms", c.Elapsed(), c.MillisAfter(math.MaxInt64))
	}
}

func TestWhatCannotBeMeteredIsRefused(t *testing.T) {
	for _, f := range []meter.Format{
		{},
		{Encoding: "opus", SampleRate: 48_000, Channels: 1},
		{Encoding: "LINEAR16", SampleRate: 48_000, Channels: 1},
		{Encoding: meter.Linear16, SampleRate: 0, Channels: 1},
		{Encoding: meter.Linear16, SampleRate: -16_000, Channels: 1},
		{Encoding: meter.Linear16, SampleRate: meter.MinSampleRate - 1, Channels: 1},
		{Encoding: meter.Linear16, SampleRate: meter.MaxSampleRate + 1, Channels: 1},
		{Encoding: meter.Linear16, SampleRate: 16_000, Channels: 0},
		{Encoding: meter.Linear16, SampleRate: 16_000, Channels: -1},
		{Encoding: meter.Linear16, SampleRate: 16_000, Channels: meter.MaxChannels + 1},
	} {
		if c, err := meter.New(f); !errors.Is(err, meter.ErrUnsupported) || c != nil {
			t.Errorf("New(%+v) = %v, %v", f, c, err)
		}
		mustPanic(t, func() { meter.NewPCM(f) })
	}
}

func TestNegativeLengthsNeverGiveTimeBack(t *testing.T) {
	c := meter.NewPCM(meter.Format{Encoding: meter.Mulaw, SampleRate: 8_000, Channels: 1})
	c.Advance(8_000)
	mustPanic(t, func() { c.Advance(-1) })
	mustPanic(t, func() { c.MillisAfter(math.MinInt64) })
	if c.Elapsed() != time.Second {
		t.Fatal(c.Elapsed())
	}
}

func mustPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	f()
}

func TestCountingAllocatesNothing(t *testing.T) {
	c, p := meter.NewPCM(meter.Format{Encoding: meter.Linear16, SampleRate: 16_000, Channels: 1}), make([]byte, 640)
	if n := testing.AllocsPerRun(1000, func() {
		_ = c.MillisAfter(640)
		_ = c.Write(p)
		_ = c.Elapsed()
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func FuzzPCM(f *testing.F) {
	f.Add(uint8(0), 16_000, 1, int64(640), int64(1))
	f.Add(uint8(3), 192_000, 20, int64(math.MaxInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, enc uint8, rate, channels int, a, b int64) {
		names := []meter.Encoding{meter.Linear16, meter.Linear32, meter.Mulaw, meter.Alaw, "", "flac"}
		fm := meter.Format{Encoding: names[int(enc)%len(names)], SampleRate: rate, Channels: channels}
		c, err := meter.New(fm)
		if err != nil || a < 0 || b < 0 {
			return
		}
		c.Advance(a)
		first := c.Elapsed()
		ahead := c.MillisAfter(b)
		c.Advance(b)
		total := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		_, up := model(fm, total)
		if ahead != c.MillisAfter(0) || c.Elapsed() < first {
			t.Fatalf("%d ahead, %d then; %v after %v", ahead, c.MillisAfter(0), c.Elapsed(), first)
		}
		if up.IsInt64() && up.Int64() < math.MaxInt64-2000 && ahead != up.Int64() {
			t.Fatalf("%+v %d+%d: %d, model %d", fm, a, b, ahead, up)
		}
	})
}

func BenchmarkPCM(b *testing.B) {
	c := meter.NewPCM(meter.Format{Encoding: meter.Linear16, SampleRate: 16_000, Channels: 1})
	b.ReportAllocs()
	for b.Loop() {
		_ = c.MillisAfter(640)
		c.Advance(640)
	}
}

func ExampleNew() {
	c, err := meter.New(meter.Format{Encoding: meter.Linear16, SampleRate: 16_000, Channels: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.MillisAfter(641), "ms to buy before 641 bytes may pass")
	c.Advance(641)
	fmt.Println(c.Elapsed())
	// Output:
	// 21 ms to buy before 641 bytes may pass
	// 20.03125ms
}
