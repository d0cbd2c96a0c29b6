package meter_test

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// sizes are the pieces that every clock must not care about; 0 stands for random ones.
var sizes = []int{1, 7, 160, 1500, 65536, 0}

// feed writes a file in pieces of a size and returns the first error. Time must not go back.
func feed(t testing.TB, c meter.Clock, file []byte, size int) error {
	t.Helper()
	last := c.Elapsed()
	for rest := file; len(rest) > 0; {
		n := min(size, len(rest))
		if size == 0 {
			n = min(1+rand.IntN(4000), len(rest))
		}
		err := c.Write(rest[:n])
		rest = rest[n:]
		e := c.Elapsed()
		if e < last || e < 0 {
			t.Fatalf("time went from %v to %v", last, e)
		}
		if last = e; err != nil {
			return err
		}
	}
	return nil
}

// elapsed is the time of a file, the same whatever the pieces.
func elapsed(t testing.TB, open func() meter.Clock, file []byte) time.Duration {
	t.Helper()
	var first time.Duration
	for i, size := range sizes {
		c := open()
		if err := feed(t, c, file, size); err != nil {
			t.Fatalf("pieces of %d: %v", size, err)
		}
		if i == 0 {
			first = c.Elapsed()
		} else if e := c.Elapsed(); e != first {
			t.Fatalf("pieces of %d: %v; bytes on their own: %v", size, e, first)
		}
	}
	return first
}

// auto opens the clock that sniffs.
func auto() meter.Clock { return meter.NewAuto() }

// samples is n samples as time.
func samples(n, rate int64) time.Duration {
	return time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
}

// refused checks that a file ends with an error of a kind, whatever the pieces.
func refused(t *testing.T, open func() meter.Clock, file []byte) error {
	t.Helper()
	var first error
	for _, size := range sizes {
		if size != 65536 && len(file) > 1<<20 {
			continue // minutes under the race detector
		}
		c := open()
		err := feed(t, c, file, size)
		if err == nil {
			t.Fatalf("pieces of %d: %v and no error", size, c.Elapsed())
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// fuzzClock is what every clock promises for any bytes.
func fuzzClock(t *testing.T, open func() meter.Clock, file []byte, cut int) {
	t.Helper()
	whole, cuts := open(), open()
	werr := whole.Write(file)
	cerr := feed(t, cuts, file, max(1, cut&0xff))
	if (werr == nil) != (cerr == nil) || werr == nil && whole.Elapsed() != cuts.Elapsed() {
		t.Fatalf("whole %v, %v; cut %v, %v", whole.Elapsed(), werr, cuts.Elapsed(), cerr)
	}
}

// unallocating checks that a file, after its beginning, is measured without a single allocation.
func unallocating(t *testing.T, open func() meter.Clock, file []byte, begin int) {
	t.Helper()
	c := open()
	if err := c.Write(file[:begin]); err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for rest := file[begin:]; len(rest) > 0; {
		n := min(160, len(rest))
		if err := c.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
		_ = c.Elapsed()
	}
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > 2 { // the runtime's own
		t.Errorf("%d allocations for %d bytes", n, len(file)-begin)
	}
}

// bench writes a file again and again in pieces of 640 bytes, and reports ns per KiB.
func bench(b *testing.B, open func() meter.Clock, file []byte) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		c := open()
		for rest := file; len(rest) > 0; {
			n := min(640, len(rest))
			if err := c.Write(rest[:n]); err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(file))*1024, "ns/KiB")
	b.ReportMetric(0, "ns/op")
}
