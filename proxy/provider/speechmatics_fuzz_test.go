package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
)

// refusedOrNot fails where an error of FromClient is not one that a client can be told.
func refusedOrNot(t *testing.T, err error) (refused bool) {
	t.Helper()
	if err == nil {
		return false
	}
	if _, ok := errors.AsType[*provider.Error](err); !ok {
		t.Fatalf("%v is no *Error", err)
	}
	return true
}

// FuzzStartRecognition: a declaration that passes has one meaning. It is read again by a
// parser that ignores case and takes the last of several members.
func FuzzStartRecognition(f *testing.F) {
	for _, s := range []string{
		`{"message":"StartRecognition","audio_format":{"type":"raw","encoding":"pcm_s16le","sample_rate":16000},"transcription_config":{"language":"en"}}`,
		`{"audio_format":{"type":"file"},"message":"StartRecognition"}`, `{"message":"StartRecognition"}`,
		`{"message":"StartRecognition","audio_format":{"type":"raw","encoding":"mulaw","sample_rate":8000,"Sample_Rate":48000}}`,
		`{"message":"StartRecognition","AUDIO_FORMAT":{"type":"file"},"audio_format":{"type":"raw","encoding":"pcm_f32le","sample_rate":48000}}`,
		`{"message":"StartRecognition","message":"EndOfStream"}`, "{\"message\":\"StartRecognition\",\"audio_\u017format\":1}", `[]`, ``, `null`, `{"message":"\`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := provider.Speechmatics{}.Open(provider.Route{Words: true})
		a, err := s.FromClient(text)
		if refusedOrNot(t, err) {
			return
		}
		if a.Replace != nil || a.Hold || a.Also != nil {
			t.Fatalf("%q was changed: %+v", text, a)
		}
		var read struct {
			Message     string
			AudioFormat *struct {
				Type, Encoding string
				SampleRate     int `json:"sample_rate"`
			} `json:"audio_format"`
		}
		if err := json.Unmarshal(text, &read); err != nil && read.Message == "StartRecognition" {
			t.Fatalf("%q passes and does not parse: %v", text, err)
		}
		got, declared := s.Format()
		if declared != (read.Message == "StartRecognition") {
			t.Fatalf("%q: declared %v", text, declared)
		}
		if !declared {
			return
		}
		want := meter.Format{Encoding: "auto"}
		if read.AudioFormat != nil && read.AudioFormat.Type == "raw" {
			enc := map[string]meter.Encoding{"pcm_s16le": meter.Linear16, "pcm_f32le": meter.Linear32, "mulaw": meter.Mulaw}[read.AudioFormat.Encoding]
			want = meter.Format{Encoding: enc, SampleRate: read.AudioFormat.SampleRate, Channels: 1}
		}
		if got != want {
			t.Fatalf("%q is %+v, read again %+v", text, got, want)
		}
	})
}

// FuzzChannelAudio: what passes holds exactly as much audio as was metered, by another
// decoder, and a message that another parser takes for audio is metered.
func FuzzChannelAudio(f *testing.F) {
	for _, s := range []string{
		`{"message":"AddChannelAudio","channel":"a","data":"AAAA"}`, `{"message":"AddChannelAudio","channel":"a","data":"\/\u002bA="}`,
		`{"data":"","channel":"b","message":"AddChannelAudio"}`, `{"message":"AddChannelAudio","channel":"a","data":"AA\nAA"}`,
		`{"Message":"AddChannelAudio","channel":"a","data":"AAAA"}`, `{"message":"AddChannelAudio","channel":"a","data":"AAAA","DATA":"AAAAAAAA"}`,
		`{"message":"\u0041ddChannelAudio","channel":"a","data":"AAAA"}`, `{"message":"AddChannelAudio","channel":"a","data":"A\u"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := provider.Speechmatics{}.Open(provider.Route{Words: true})
		a, err := s.FromClient(text)
		if refusedOrNot(t, err) {
			return
		}
		var read struct{ Message, Channel, Data string }
		bad := json.Unmarshal(text, &read) // lenient about case, and takes the last
		if a.Audio == nil {
			if read.Message == "AddChannelAudio" {
				t.Fatalf("%q is audio to another parser", text)
			}
			return
		}
		if bad != nil || read.Message != "AddChannelAudio" || read.Channel != a.Audio.Channel || !a.Audio.First || !a.Audio.Last {
			t.Fatalf("%q: %+v, another parser: %+v, %v", text, a.Audio, read, bad)
		}
		audio, err := base64.StdEncoding.DecodeString(read.Data)
		if err != nil || int64(len(audio)) != a.Audio.Bytes {
			t.Fatalf("%q: metered %d bytes, another decoder finds %d, %v", text, a.Audio.Bytes, len(audio), err)
		}
	})
}

// FuzzSpeechmaticsVendor: whatever the vendor says, the session survives it and passes it as
// it is while nothing was dropped.
func FuzzSpeechmaticsVendor(f *testing.F) {
	for _, s := range []string{
		`{"message":"AudioAdded","seq_no":1}`, `{"message":"AudioAdded","seq_no":99999999999999999999}`, `{"message":"AudioAdded","seq_no":-1}`,
		`{"message":"ChannelAudioAdded","channel":"a","seq_no":1.5e3}`, `{"message":"AddTranscript","metadata":{"end_time":1e400},"results":[{"start_time":2,"end_time":1}]}`,
		`{"message":"RecognitionStarted","id":"\`, `{"message":"EndOfTranscript"}`, `{"message":"Error"}`, `{`, ``,
	} {
		f.Add([]byte(s), int64(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, drops int64) {
		s := provider.Speechmatics{}.Open(provider.Route{Words: true})
		s.Forwarded(provider.Audio{First: true, Last: true}, time.Second)
		if a, err := s.FromVendor(text); a.Replace != nil || a.Hold || a.Also != nil || err != nil {
			t.Fatalf("touched without a drop: %+v, %v", a, err)
		}
		for range min(max(drops, 0), 8) {
			s.Drop(provider.Audio{First: true, Last: true}, provider.Denial{})
		}
		a, err := s.FromVendor(text)
		if err != nil || a.Hold && len(a.Also) == 0 {
			t.Fatalf("%+v, %v", a, err)
		}
		for _, m := range a.Also {
			if m.To != provider.ToClient || json.Valid(text) && utf8.Valid(text) && !json.Valid(m.Payload) {
				t.Fatalf("%q made %q", text, m.Payload)
			}
		}
	})
}

// FuzzAcks: whatever is forwarded, dropped and cut in the middle, in one channel or in
// several, and however late the vendor acks it, a client that counts gets exactly one ack
// for each of its messages, in their order. ops is what happens.
func FuzzAcks(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 4, 4, 1}, false)
	f.Add([]byte{0, 5, 1, 2, 3, 0, 4, 9, 12, 4}, true)
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose
	for range 64 {
		ops := make([]byte, rnd.IntN(200))
		for i := range ops {
			ops[i] = byte(rnd.Uint32())
		}
		f.Add(ops, rnd.IntN(2) == 0)
	}
	f.Fuzz(func(t *testing.T, ops []byte, final bool) {
		newAckModel(t, final).run(ops)
	})
}
