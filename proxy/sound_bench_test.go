package proxy

import (
	"testing"

	"github.com/sttgate/sttgate/meter"
)

// BenchmarkSound is what a stream's clock costs for a frame of about 20 ms, without the money: bytes are read where they must
// be, and the time in milliseconds is asked for. docs/formats.md has the figures, beside what a relayed frame costs.
func BenchmarkSound(b *testing.B) {
	container := meter.Format{Encoding: meter.Container}
	for _, c := range []struct {
		name, file string
		ms         int
		format     meter.Format
	}{
		{"linear16", "", 10_000, meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 1}},
		{"Ogg Opus", "jfk-opus20.ogg", 11_000, container},
		{"WebM Opus", "jfk-opus60.webm", 11_000, container},
		{"MP3", "call-30s.mp3", 30_000, container},
		{"ADTS", "jfk.aac", 11_000, container},
		{"FLAC", "jfk-16k.flac", 11_000, container},
		{"WAV", "testing-8k-mulaw.wav", 4_680, container},
	} {
		audio := make([]byte, 640*500)
		if c.file != "" {
			audio = recording(b, c.file)
		}
		size := len(audio) * 20 / c.ms
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var s sound
			for i, at := 0, len(audio); i < b.N; i, at = i+1, at+size {
				if at+size > len(audio) { // a file is a stream: its end begins another
					at, s = 0, sound{}
					if err := s.open(c.format); err != nil {
						b.Fatal(err)
					}
				}
				if err := s.hear(audio[at : at+size]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// hear is what a tap does with a frame that it buys.
func (s *sound) hear(p []byte) error {
	if s.counter == nil {
		err := s.read(p)
		_ = millis(s.elapsed())
		return err
	}
	if s.claim != nil {
		if err := s.check(p); err != nil {
			return err
		}
	}
	_ = s.counter.MillisAfter(int64(len(p)))
	s.counter.Advance(int64(len(p)))
	return nil
}
