package meter_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

func claim(t *testing.T, f meter.Format) *meter.Claim {
	t.Helper()
	c, err := meter.New(f)
	if err != nil {
		t.Fatal(err)
	}
	return meter.NewClaim(c, f)
}

func TestAClaimIsPlainWithItsFirstBytes(t *testing.T) {
	c := claim(t, meter.Format{Encoding: meter.Linear16, SampleRate: 16_000, Channels: 1})
	if err := c.Write(make([]byte, 640)); err != nil || !c.Plain() || c.Elapsed() != 20*time.Millisecond || c.MillisAfter(640) != 40 {
		t.Errorf("%v, %v, %v", err, c.Plain(), c.Elapsed())
	}
}

func TestAClaimCountsTheLargerOfHeaderAndDeclaration(t *testing.T) {
	file := wavFile{riff: "RIFF", tag: 1, channels: 1, rate: 16_000, align: 2, bits: 16, size: 32_000, samples: make([]byte, 32_000)}.bytes()
	for name, tc := range map[string]struct {
		rate  int
		plain bool
		least time.Duration
	}{
		"declared faster than it is": {48_000, false, time.Second},
		"declared as it is":          {16_000, true, time.Second},
		"declared slower than it is": {8_000, true, 2 * time.Second},
	} {
		c := claim(t, meter.Format{Encoding: meter.Linear16, SampleRate: tc.rate, Channels: 1})
		for rest := file; len(rest) > 0; {
			n := min(7, len(rest))
			if err := c.Check(rest[:n]); err != nil {
				t.Fatal(err)
			}
			if due := c.MillisAfter(int64(n)); due < c.Elapsed().Milliseconds() {
				t.Fatalf("%s: %d ms are due of %v", name, due, c.Elapsed())
			}
			c.Advance(int64(n))
			rest = rest[n:]
		}
		if c.Plain() != tc.plain || c.Elapsed() < tc.least || c.Elapsed() > tc.least+10*time.Millisecond {
			t.Errorf("%s: plain %v, %v", name, c.Plain(), c.Elapsed())
		}
	}
}

func TestAHeaderThatBreaksEndsAClaimThatItHadMostOf(t *testing.T) {
	c := claim(t, meter.Format{Encoding: meter.Linear32, SampleRate: 192_000, Channels: 20})
	if err := c.Write(mustRead(t, "testdata/jfk-16k.flac")); err != nil {
		t.Fatal(err)
	}
	var err error
	for range 1200 { // more than may stand behind frames
		if err = c.Write(make([]byte, 16<<10)); err != nil {
			break
		}
	}
	if !errors.Is(err, meter.ErrMalformed) {
		t.Errorf("%v after %v", err, c.Elapsed())
	}
}

func TestOpenGivesEachEncodingTheClockOfItsKind(t *testing.T) {
	for e, kind := range map[meter.Encoding]string{
		meter.Linear16: "counter", "pcm_s24be": "counter", meter.RawG729: "counter", meter.RawOpus: "packets", meter.RawSpeex: "packets",
		meter.Container: "bytes", meter.RawAMR: "bytes", meter.RawAMRWB: "bytes", "vorbis": "none", "": "none",
	} {
		c, err := meter.Open(meter.Format{Encoding: e, SampleRate: 8000, Channels: 1})
		got := "bytes"
		switch c.(type) {
		case nil:
			got = "none"
		case meter.Counter:
			got = "counter"
		case meter.Packets:
			got = "packets"
		}
		if got != kind || (got == "none") != errors.Is(err, meter.ErrUnsupported) {
			t.Errorf("%q: %s, want %s; %v", e, got, kind, err)
		}
	}
}
