package meter_test

import (
	"errors"
	"testing"

	"github.com/sttgate/sttgate/meter"
)

func TestEveryRawFormatOfSonioxHasItsSampleSize(t *testing.T) {
	for size, names := range map[int64][]meter.Encoding{
		1: {"pcm_s8", "pcm_s8le", "pcm_s8be", "pcm_u8", "pcm_u8le", "pcm_u8be", "mulaw", "alaw", "s8", "u8"},
		2: {"pcm_s16le", "pcm_s16be", "pcm_u16le", "pcm_u16be", "s16le", "u16be", "linear16"},
		3: {"pcm_s24le", "pcm_s24be", "pcm_u24le", "pcm_u24be", "s24le", "u24be"},
		4: {"pcm_s32le", "pcm_s32be", "pcm_u32le", "pcm_u32be", "pcm_f32le", "pcm_f32be", "f32le", "s32be", "linear32"},
		8: {"pcm_f64le", "pcm_f64be", "f64le", "f64be"},
	} {
		for _, name := range names {
			f := meter.Format{Encoding: name, SampleRate: 16_000, Channels: 2}
			if _, err := meter.New(f); err != nil {
				t.Error(err)
			}
			if got := f.BytesPerSecond(); got != size*32_000 {
				t.Errorf("%s: %d bytes per second, want %d", name, got, size*32_000)
			}
		}
	}
}

func TestNamesThatAreAlmostRawFormatsAreRefused(t *testing.T) {
	for _, name := range []meter.Encoding{"", "pcm_", "pcm_s16", "s16", "PCM_S16LE", "pcm_pcm_s16le", "pcm_mulaw", "pcm_linear16", "pcm_s64le", "pcm_f16le", "pcm_s16le ", "auto"} {
		if _, err := meter.New(meter.Format{Encoding: name, SampleRate: 16_000, Channels: 1}); !errors.Is(err, meter.ErrUnsupported) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
