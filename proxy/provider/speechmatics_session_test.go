package provider_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

const speechmaticsRaw = `{"message":"StartRecognition","audio_format":{"type":"raw","encoding":"mulaw","sample_rate":8000}}`

func speechmatics(t *testing.T) provider.Session {
	t.Helper()
	s := provider.Speechmatics{}.Open(provider.Route{Words: true})
	if _, err := s.FromClient([]byte(speechmaticsRaw)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTextOfSpeechmaticsIsBounded(t *testing.T) {
	pad := strings.Repeat("A", 64<<10)
	for _, tc := range []struct {
		name, text string
		passes     bool
	}{
		{"audio of any size", `{"message":"AddChannelAudio","channel":"a","data":"` + pad + `"}`, true},
		{"a large vocabulary", `{"message":"SetRecognitionConfig","x":"` + pad[:60<<10] + `"}`, true},
		{"too large a vocabulary", `{"message":"SetRecognitionConfig","x":"` + pad + `"}`, false},
		{"audio beside the end", `{"message":"EndOfStream","last_seq_no":1,"data":"` + pad + `"}`, false},
		{"a foreign message", `{"message":"SomethingNew","x":"` + pad[:1000] + `"}`, true},
		{"a large foreign message", `{"message":"SomethingNew","x":"` + pad[:5000] + `"}`, false},
		{"a foreign message with audio", `{"message":"AddMoreAudio"}`, false},
	} {
		_, err := speechmatics(t).FromClient([]byte(tc.text))
		if refusedOrNot(t, err) == tc.passes {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestAStreamHasNoEndlessNumberOfChannels(t *testing.T) {
	s := speechmatics(t)
	refused := 0
	for i := range 100 {
		name := strings.Repeat("x", i+1)
		for _, kind := range []string{`{"message":"AddChannelAudio","data":"AAAA","channel":"`, `{"message":"EndOfChannel","last_seq_no":0,"channel":"`} {
			if _, err := s.FromClient([]byte(kind + name + `"}`)); err != nil {
				refused++
			}
		}
	}
	if refused != 2*(100-32) {
		t.Errorf("%d were refused", refused)
	}
}

func TestFollowingASpeechmaticsStreamAllocatesNothing(t *testing.T) {
	s := speechmatics(t)
	final := []byte(`{"message":"AddTranscript","metadata":{"start_time":0,"end_time":1.0,"transcript":"a"},"results":[{"type":"word","start_time":0.1,"end_time":0.4,"alternatives":[]}]}`)
	ack := []byte(`{"message":"AudioAdded","seq_no":1}`)
	a := provider.Audio{Bytes: 160, First: true, Last: true}
	s.Forwarded(a, time.Second)
	_, _ = s.FromVendor(final)
	allocs := testing.AllocsPerRun(1000, func() {
		s.Forwarded(a, time.Second)
		_, _ = s.FromVendor(ack)
		_, _ = s.FromVendor(final)
		_, _ = s.Reported()
		s.Speech()
	})
	if allocs != 0 {
		t.Errorf("%v allocations for each message", allocs)
	}
}

// The relay calls from one goroutine per direction, timers from a third.
func TestASpeechmaticsSessionIsSafeForBothDirections(t *testing.T) {
	s := speechmatics(t)
	var all sync.WaitGroup
	for _, f := range []func(){
		func() {
			s.Forwarded(provider.Audio{First: true, Last: true}, time.Second)
			s.Drop(provider.Audio{First: true, Last: true}, provider.Denial{})
		},
		func() { _, _ = s.FromVendor([]byte(`{"message":"AudioAdded","seq_no":7}`)) },
		func() { _, _ = s.FromClient([]byte(`{"message":"GetSpeakers"}`)) },
		func() { s.Keepalive(); s.Reported(); s.Speech(); s.Format() },
		func() { s.Farewell(provider.Denial{}) },
	} {
		all.Go(func() {
			for range 300 {
				f()
			}
		})
	}
	finished := make(chan int, 4)
	for range 4 {
		all.Go(func() { finished <- len(s.Finish(nil)) })
	}
	all.Wait()
	close(finished)
	sum := 0
	for n := range finished {
		sum += n
	}
	if sum != 1 {
		t.Errorf("%d ends of stream were sent", sum)
	}
}

func TestTheVendorsIDIsPlain(t *testing.T) {
	for text, want := range map[string]string{
		`{"message":"RecognitionStarted","id":"807670e9-14af-4fa2-9e8f-5d525c22156e"}`: "807670e9-14af-4fa2-9e8f-5d525c22156e",
		`{"message":"RecognitionStarted","id":"a\nb"}`:                                 "",
		`{"message":"RecognitionStarted"}`:                                             "",
	} {
		s := speechmatics(t)
		_, _ = s.FromVendor([]byte(text))
		if got := s.(provider.Identified).VendorID(); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func BenchmarkChannelAudio(b *testing.B) {
	s := provider.Speechmatics{}.Open(provider.Route{Words: true})
	text := []byte(`{"message":"AddChannelAudio","channel":"a","data":"` + strings.Repeat("AAAA", 1024) + `"}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.FromClient(text)
	}
}
