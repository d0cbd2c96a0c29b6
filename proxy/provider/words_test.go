package provider_test

import (
	"testing"

	"github.com/sttgate/sttgate/proxy/provider"
)

// TestWordsAreReadOnlyWhereTheyAreAskedFor shows each vendor's session a final result, and an
// answer to an upload.
func TestWordsAreReadOnlyWhereTheyAreAskedFor(t *testing.T) {
	for _, c := range []struct {
		p    provider.Provider
		rt   provider.Route
		text string
	}{
		{provider.Deepgram{}, provider.Route{Variant: "v1"}, `{"type":"Results","start":0,"duration":1,"is_final":true,"channel":{"alternatives":[{"words":[{"start":0.1,"end":0.5}]}]}}`},
		{provider.Deepgram{}, provider.Route{Variant: "v2"}, `{"type":"TurnInfo","event":"EndOfTurn","audio_window_start":0,"audio_window_end":1,"words":[{"word":"a"}]}`},
		{provider.Soniox{}, provider.Route{}, `{"tokens":[{"text":"a","start_ms":100,"end_ms":500,"is_final":true}],"total_audio_proc_ms":1000}`},
		{provider.Speechmatics{}, provider.Route{}, `{"message":"AddTranscript","metadata":{"end_time":1.0},"results":[{"start_time":0.1,"end_time":0.5}]}`},
	} {
		for _, words := range []bool{false, true} {
			c.rt.Words = words
			s := c.p.Open(c.rt)
			if _, err := s.FromVendor([]byte(c.text)); err != nil {
				t.Fatal(err)
			}
			if d, ok := s.Reported(); !ok || d <= 0 || (s.Speech() > 0) != words {
				t.Errorf("%s: words %v: %v of speech in %v", c.text, words, s.Speech(), d)
			}
		}
	}
	answer := []byte(`{"metadata":{"duration":9},"results":{"channels":[{"alternatives":[{"words":[{"start":1,"end":2}]}]}]}}`)
	if out := (provider.Deepgram{}).Outcome(provider.Route{}, 200, answer); out.Heard || !out.Known {
		t.Errorf("%+v", out)
	}
}
