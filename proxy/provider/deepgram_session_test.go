package provider_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

func open(variant string) provider.Session {
	return provider.Deepgram{}.Open(provider.Route{Variant: variant, Words: true})
}

// result is a final result of the usual length.
var result = []byte(`{"type":"Results","channel_index":[0,1],"duration":3.12,"start":12.5,"is_final":true,"speech_final":true,` +
	`"channel":{"alternatives":[{"transcript":"` + strings.Repeat("word ", 12) + `","confidence":0.99,"words":[` +
	strings.Repeat(`{"word":"word","start":12.61,"end":12.93,"confidence":0.99,"punctuated_word":"Word"},`, 11) +
	`{"word":"word","start":15.1,"end":15.5,"confidence":0.99,"punctuated_word":"Word."}]}]},` +
	`"metadata":{"request_id":"0caee309-30e3-4bf1-9bcc-478437df5c9d","model_info":{"name":"n","version":"v","arch":"a"},"model_uuid":"m"},"from_finalize":false}`)

func TestBigTextIsNoControlMessage(t *testing.T) {
	pad := strings.Repeat("A", 4<<10)
	for _, tc := range []struct {
		name, text string
		passes     bool
	}{
		{"audio in a foreign message", `{"type":"AddAudio","data":"` + pad + `"}`, false},
		{"audio in a known message", `{"type":"KeepAlive","data":"` + pad + `"}`, false},
		{"no JSON", pad + pad, false},
		{"no type", `{"data":"` + pad + `"}`, false},
		{"many key terms", `{"type":"Configure","keyterms":["` + pad + `"]}`, true},
		{"small and foreign", `{"type":"AddAudio","data":"AAAA"}`, true},
	} {
		for _, variant := range []string{"v1", "v2"} {
			a, err := open(variant).FromClient([]byte(tc.text))
			if tc.passes && (err != nil || a.Replace != nil || a.Hold) {
				t.Errorf("%s: %+v, %v", tc.name, a, err)
			}
			if refusal, ok := errors.AsType[*provider.Error](err); !tc.passes && (!ok || refusal.Status != 400) {
				t.Errorf("%s: passed with %v", tc.name, err)
			}
		}
	}
}

func TestFollowingAStreamAllocatesNothing(t *testing.T) {
	turn := []byte(`{"type":"TurnInfo","request_id":"x","sequence_id":7,"event":"Update","turn_index":0,"audio_window_start":0.0,"audio_window_end":0.24,"transcript":"a","words":[{"word":"a","confidence":0.9}]}`)
	keepAlive := []byte(`{"type":"KeepAlive"}`)
	v1, v2 := open("v1"), open("v2")
	allocs := testing.AllocsPerRun(1000, func() {
		v1.Forwarded(provider.Audio{}, time.Second)
		_, _ = v1.FromVendor(result)
		_, _ = v2.FromVendor(turn)
		_, _ = v1.FromClient(keepAlive)
		_, _ = v1.Reported()
	})
	if allocs != 0 {
		t.Errorf("%v allocations for each message", allocs)
	}
}

// The relay calls from one goroutine per direction, timers from a third.
func TestSessionIsSafeForBothDirections(t *testing.T) {
	for _, variant := range []string{"v1", "v2"} {
		s := open(variant)
		var all sync.WaitGroup
		for _, f := range []func(i int){
			func(i int) {
				s.Forwarded(provider.Audio{}, time.Duration(i)*time.Second)
				s.Drop(provider.Audio{Time: time.Second}, provider.Denial{})
			},
			func(int) { _, _ = s.FromVendor(result) },
			func(int) { _, _ = s.FromClient([]byte(`{"type":"Finalize"}`)) },
			func(int) { s.Keepalive(); s.Reported() },
			func(int) { s.Farewell(provider.Denial{}) },
		} {
			all.Go(func() {
				for i := range 300 {
					f(i)
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
			t.Errorf("%s: %d ends of stream were sent", variant, sum)
		}
	}
}

func TestOneNoticePerPeriod(t *testing.T) {
	s := open("v1")
	notices := 0
	total := time.Duration(0)
	for range 500 { // 20 ms forwarded, 20 ms dropped, by turns: 10 s of audio
		total += 20 * time.Millisecond
		s.Forwarded(provider.Audio{}, total)
		notices += len(s.Drop(provider.Audio{Time: 20 * time.Millisecond}, provider.Denial{}))
	}
	if notices != 1 {
		t.Errorf("%d notices on the edge of a budget", notices)
	}
	s.Forwarded(provider.Audio{}, total+time.Second)
	if n := len(s.Drop(provider.Audio{Time: time.Second}, provider.Denial{})); n != 1 {
		t.Errorf("%d notices after a second of audio", n)
	}
}

func BenchmarkFromVendor(b *testing.B) {
	words, shifted, plain := open("v1"), open("v1"), provider.Deepgram{}.Open(provider.Route{Variant: "v1"})
	shifted.Drop(provider.Audio{Time: time.Second}, provider.Denial{})
	for name, s := range map[string]provider.Session{"plain": plain, "words": words, "shifted": shifted} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(result)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.FromVendor(result)
			}
		})
	}
}
