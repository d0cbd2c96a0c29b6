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

func TestTheModelIsWhatWasAskedFor(t *testing.T) {
	for query, want := range map[string]string{
		"": "", "model=nova-3": "nova-3", "a=b&model=nova-2%2Dmedical&model=x": "nova-2-medical", "smodel=x": "", "model=": "", "model=%zz": "", "model=a%20b": "", "model=%C3%BC": "",
	} {
		if got := provider.QueryModel(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for _, c := range []struct {
		from       provider.Provider
		text, want string
	}{
		{provider.Soniox{}, `{"model":"stt-rt-v5","audio_format":"auto"}`, "stt-rt-v5"},
		{provider.Soniox{}, `{"model":7,"audio_format":"auto"}`, ""},
		{provider.Speechmatics{}, `{"message":"StartRecognition","transcription_config":{"language":"en","operating_point":"enhanced"}}`, "enhanced"},
		{provider.Speechmatics{}, `{"message":"StartRecognition","transcription_config":{"language":"en"}}`, ""},
	} {
		s := c.from.Open(provider.Route{Provider: c.from.Name(), Mode: provider.ModeStream})
		if got := s.(provider.Modelled).Model(); got != "" {
			t.Errorf("before the start: %q", got)
		}
		if _, err := s.FromClient([]byte(c.text)); err != nil {
			t.Fatal(err)
		}
		if got := s.(provider.Modelled).Model(); got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
	o, err := provider.Speechmatics{}.Order(provider.Route{}, []byte(`{"type":"transcription","transcription_config":{"operating_point":"standard"}}`))
	if err != nil || o.Model != "standard" {
		t.Errorf("%+v, %v", o, err)
	}
}
