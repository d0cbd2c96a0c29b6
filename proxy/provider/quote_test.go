package provider_test

import (
	"testing"

	"github.com/sttgate/sttgate/proxy/provider"
)

func TestOnlyFinalWordsAreQuoted(t *testing.T) {
	for _, c := range []struct {
		from       provider.Quoter
		text, want string
	}{
		{provider.Deepgram{}, `{"type":"Results","is_final":true,"channel":{"alternatives":[{"transcript":"a \"b\" ü"},{"transcript":"other"}]}}`, ` a "b" ü`},
		{provider.Deepgram{}, `{"type":"Results","is_final":false,"channel":{"alternatives":[{"transcript":"a"}]}}`, ""},
		{provider.Deepgram{}, `{"type":"Results","is_final":true,"channel":{"alternatives":[{"transcript":""}]}}`, ""},
		{provider.Deepgram{}, `{"type":"Results","is_final":true,"channel":{"alternatives":[]}}`, ""},
		{provider.Deepgram{}, `{"type":"Results","is_final":true}`, ""},
		{provider.Deepgram{}, `{"type":"Metadata","transcript":"a"}`, ""},
		{provider.Deepgram{}, `{"type":"TurnInfo","event":"EndOfTurn","transcript":"a turn"}`, " a turn"},
		{provider.Deepgram{}, `{"type":"TurnInfo","event":"Update","transcript":"a turn"}`, ""},
		{provider.Deepgram{}, `{"type":"Results","is_final":true,"channel":{"alternatives":[{"transcript":1}]}}`, ""},
		{provider.Soniox{}, `{"tokens":[{"text":"He","is_final":true},{"text":"llo","is_final":true},{"text":" you","is_final":false},{"text":"<fin>","is_final":true},{"text":"<end>","is_final":true}]}`, "Hello"},
		{provider.Soniox{}, `{"tokens":[{"text":" a","is_final":true,"translation_status":"original"},{"text":" b","is_final":true,"translation_status":"translation"},{"text":" c","is_final":true,"translation_status":"none"}]}`, " a c"},
		{provider.Soniox{}, `{"error_code":400,"error_message":"a"}`, ""},
		{provider.Speechmatics{}, `{"message":"AddTranscript","metadata":{"transcript":"Hello. ","end_time":1},"results":[]}`, " Hello. "},
		{provider.Speechmatics{}, `{"message":"AddPartialTranscript","metadata":{"transcript":"Hello. "}}`, ""},
		{provider.Speechmatics{}, `{"message":"AddTranscript"}`, ""},
		{provider.Speechmatics{}, `no JSON`, ""},
		{provider.Soniox{}, `no JSON`, ""},
		{provider.Deepgram{}, ``, ""},
	} {
		if got := c.from.Quote([]byte(c.text)); got != c.want {
			t.Errorf("%T of %s: %q, want %q", c.from, c.text, got, c.want)
		}
	}
}
