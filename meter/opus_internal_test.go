package meter

import (
	"errors"
	"testing"
)

// TestEveryOpusConfigurationLastsAsTheRFCSays holds table 2 of RFC 6716, in tenths of a millisecond.
func TestEveryOpusConfigurationLastsAsTheRFCSays(t *testing.T) {
	silk, hybrid, celt := []int{100, 200, 400, 600}, []int{100, 200}, []int{25, 50, 100, 200}
	var table []int
	for range 3 {
		table = append(table, silk...)
	}
	for range 2 {
		table = append(table, hybrid...)
	}
	for range 4 {
		table = append(table, celt...)
	}
	for config, tenths := range table {
		one := tenths * 48 / 10
		for stereo := range 2 {
			for code := range 4 {
				toc := byte(config<<3 | stereo<<2 | code)
				for frames := range 64 {
					p, want := []byte{toc, 0xc0 | byte(frames)}, one
					switch code {
					case 1, 2:
						want = 2 * one
					case 3:
						want = frames * one
					}
					got, err := opusSamples(p)
					if want == 0 || want > 5760 {
						if !errors.Is(err, ErrMalformed) || got != 0 {
							t.Fatalf("%x: %d, %v; want it refused", p, got, err)
						}
						continue
					}
					if err != nil || got != want {
						t.Fatalf("%x: %d, %v; want %d", p, got, err, want)
					}
					if again, err := opusSamples(append(p, 1, 2, 3)); again != want || err != nil {
						t.Fatalf("%x: the rest of the packet changed it to %d, %v", p, again, err)
					}
				}
			}
		}
	}
}

func TestAnOpusPacketWithoutItsTableIsRefused(t *testing.T) {
	for _, p := range [][]byte{nil, {}, {0x03}, {0xff}} {
		if n, err := opusSamples(p); n != 0 || !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: %d, %v", p, n, err)
		}
	}
	if n, err := opusSamples([]byte{0xfc}); n != 960 || err != nil {
		t.Errorf("a packet of one byte: %d, %v", n, err)
	}
}

func FuzzOpus(f *testing.F) {
	f.Add([]byte{0xfc, 0xff, 0xfe})
	f.Add([]byte{0x0b, 0x83, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, p []byte) {
		n, err := opusSamples(p)
		if (err != nil) != (n == 0) || n < 0 || n > opusMaxSamples {
			t.Fatalf("%x: %d, %v", p, n, err)
		}
		if m, merr := opusSamples(p[:min(2, len(p))]); m != n || (err == nil) != (merr == nil) {
			t.Fatalf("%x: %d; its first bytes: %d, %v", p, n, m, merr)
		}
	})
}

func BenchmarkOpusPacket(b *testing.B) {
	p := []byte{0xff, 0x06}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := opusSamples(p); err != nil {
			b.Fatal(err)
		}
	}
}
