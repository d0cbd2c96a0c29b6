package provider_test

import (
	"testing"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
)

func TestEachEncodingIsMeteredAsWhatItIs(t *testing.T) {
	container := meter.Format{Encoding: meter.Container}
	for query, want := range map[string]struct {
		format     meter.Format
		weight     int64
		perChannel bool
	}{
		"/v1/listen": {container, 1, false},
		"/v1/listen?sample_rate=16000&channels=2":                                    {container, 1, false}, // not read by the vendor without an encoding
		"/v1/listen?multichannel=true":                                               {container, 1, true},
		"/v1/listen?encoding=flac&sample_rate=16000":                                 {container, 1, false},
		"/v1/listen?encoding=ogg-opus":                                               {container, 1, false},
		"/v1/listen?encoding=opus&sample_rate=48000":                                 {meter.Format{Encoding: meter.RawOpus, SampleRate: 48000, Channels: 1}, 1, false},
		"/v1/listen?encoding=opus&channels=2&multichannel=true":                      {meter.Format{Encoding: meter.RawOpus, Channels: 2}, 2, false},
		"/v1/listen?encoding=speex&sample_rate=16000":                                {meter.Format{Encoding: meter.RawSpeex, SampleRate: 16000, Channels: 1}, 1, false},
		"/v1/listen?encoding=amr-nb&sample_rate=8000":                                {meter.Format{Encoding: meter.RawAMR, SampleRate: 8000, Channels: 1}, 1, false},
		"/v1/listen?encoding=g729&sample_rate=8000":                                  {meter.Format{Encoding: meter.RawG729, SampleRate: 8000, Channels: 1}, 1, false},
		"/v1/listen?encoding=linear16&sample_rate=8000&channels=2&multichannel=true": {meter.Format{Encoding: meter.Linear16, SampleRate: 8000, Channels: 2}, 2, false},
		"/v2/listen?model=flux-general-en":                                           {container, 1, false},
		"/v2/listen?model=flux-general-en&encoding=ogg-opus&sample_rate=48000":       {container, 1, false},
		"/v2/listen?model=flux-general-en&encoding=opus&sample_rate=48000":           {meter.Format{Encoding: meter.RawOpus, SampleRate: 48000, Channels: 1}, 1, false},
		"/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000":           {meter.Format{Encoding: meter.Mulaw, SampleRate: 8000, Channels: 1}, 1, false},
	} {
		rt, err := provider.Deepgram{}.Match(upgrade(t, query))
		if err != nil || rt.Format != want.format || rt.Weight != want.weight || rt.PerChannel != want.perChannel {
			t.Errorf("%s: %+v weight %d, per channel %v, %v", query, rt.Format, rt.Weight, rt.PerChannel, err)
		}
	}
}
