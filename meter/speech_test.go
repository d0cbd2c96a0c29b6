package meter_test

import (
	"testing"
	"time"
)

// TestSpeechIsMeasured has real files of known length. A meter may be a packet above, or what
// the codec puts in front and behind (priming, padding), and never below.
func TestSpeechIsMeasured(t *testing.T) {
	for _, c := range []struct {
		file    string
		decoded time.Duration
		above   time.Duration
	}{
		{"testing-8k-mulaw.wav", 4680 * time.Millisecond, 0},
		{"jfk-16k.flac", 11 * time.Second, 0},
		{"jfk-vbr.mp3", 11 * time.Second, 110 * time.Millisecond},
		{"call-30s.mp3", 30 * time.Second, 24 * time.Millisecond},
		{"jfk.aac", 11029 * time.Millisecond, 64 * time.Millisecond},
	} {
		t.Run(c.file, func(t *testing.T) {
			file := mustRead(t, "testdata/"+c.file)
			if d := elapsed(t, auto, file); d < c.decoded || d > c.decoded+c.above {
				t.Errorf("%v, decoded %v", d, c.decoded)
			} else {
				t.Logf("%v of %v", d, c.decoded)
			}
			unallocating(t, auto, file, len(file)/2)
		})
	}
}
