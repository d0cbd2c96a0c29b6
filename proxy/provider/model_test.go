package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/proxy/provider"
)

// cheaper is what a stage may have: of every vendor's models, and for all others one that only some vendors know.
func cheaper() map[string]string {
	return map[string]string{
		"nova-3": "nova-2", "nova-2-general": "base", "kept": "kept", "flux-general-multi": "flux-general-en", "nova-2-finance": "whisper-large",
		"stt-rt-v5": "stt-rt-v4", "stt-async-v5": "stt-async-v4", "stt-rt-wrong": "stt-async-v4", "enhanced": "standard", "melia-1": "standard",
	}
}

func with(m map[string]string, asked, used string) map[string]string {
	m[asked] = used
	return m
}

func TestDeepgramsModelIsReplacedInTheQuery(t *testing.T) {
	everything := func(used string) map[string]string { return with(cheaper(), provider.AnyModel, used) }
	for _, tt := range []struct {
		name, path, query string
		in                map[string]string
		want              string
		asked, used       string
	}{
		{"the one that is named", "/v1/listen", "tag=a&model=nova-3&tag=b%20c", cheaper(), "tag=a&model=nova-2&tag=b%20c", "nova-3", "nova-2"},
		{"written with escapes", "/v1/listen", "model=nova%2D3", cheaper(), "model=nova-2", "nova-3", "nova-2"},
		{"one that is not named", "/v1/listen", "model=nova-3-medical", cheaper(), "model=nova-3-medical", "nova-3-medical", ""},
		{"any", "/v1/listen", "model=nova-3-medical&a=b", everything("base"), "model=base&a=b", "nova-3-medical", "base"},
		{"the one that is named before any", "/v1/listen", "model=nova-3", everything("base"), "model=nova-2", "nova-3", "nova-2"},
		{"one that is to stay", "/v1/listen", "model=kept", everything("base"), "model=kept", "kept", ""},
		{"none, and any is replaced: the vendor's default", "/v1/listen", "a=b", everything("nova-2"), "a=b&model=nova-2", "base-general", "nova-2"},
		{"none at all, and any is replaced", "/v1/listen", "", everything("nova-2"), "model=nova-2", "base-general", "nova-2"},
		{"an empty one", "/v1/listen", "model=&a=b", everything("nova-2"), "model=nova-2&a=b", "base-general", "nova-2"},
		{"none, and the default is named", "/v1/listen", "a=b", map[string]string{"base-general": "nova-2"}, "a=b&model=nova-2", "base-general", "nova-2"},
		{"none, and nothing is meant by it", "/v1/listen", "a=b", cheaper(), "a=b", "", ""},
		{"in the old way, with its version", "/v1/listen", "tier=nova&a=b&model=2-general&version=latest&c=d", cheaper(), "a=b&model=base&c=d", "nova-2-general", "base"},
		{"what is another vendor's model of the name, and any", "/v1/listen", "model=enhanced", everything("base"), "model=base", "enhanced", "base"},
		{"a tier alone", "/v1/listen", "tier=enhanced&a=b", everything("base"), "a=b&model=base", "enhanced", "base"},
		{"a version that stays", "/v1/listen", "model=kept&version=latest", everything("base"), "model=kept&version=latest", "kept", ""},
		{"another vendor's, meant for any", "/v1/listen", "model=x", everything("stt-rt-v4"), "model=x", "x", ""},
		{"Speechmatics' own, meant for any", "/v1/listen", "model=x", everything("standard"), "model=x", "x", ""},
		{"Flux, which v1 has not", "/v1/listen", "model=x", everything("flux-general-en"), "model=x", "x", ""},
		{"files' only", "/v1/listen", "model=nova-2-finance", cheaper(), "model=nova-2-finance", "nova-2-finance", ""},
		{"a name with what is escaped", "/v1/listen", "model=x", everything("a/b:c"), "model=a%2Fb%3Ac", "x", "a/b:c"},
		{"Flux", "/v2/listen", "model=flux-general-multi&eot_threshold=0.7", cheaper(), "model=flux-general-en&eot_threshold=0.7", "flux-general-multi", "flux-general-en"},
		{"Flux, and any is meant for v1", "/v2/listen", "model=flux-general-en", everything("base"), "model=flux-general-en", "flux-general-en", ""},
		{"Flux, and any is Flux", "/v2/listen", "model=flux-other", everything("flux-general-en"), "model=flux-general-en", "flux-other", "flux-general-en"},
		{"Flux without a model: the vendor's to refuse", "/v2/listen", "a=b", everything("flux-general-en"), "a=b", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rt, err := match(tt.path, tt.query)
			if err != nil {
				t.Fatal(err)
			}
			before := rt
			rt = provider.Deepgram{}.Remodel(rt, &provider.Models{Instead: tt.in})
			if rt.Query != tt.want || rt.Model != (provider.Swap{Asked: tt.asked, Used: tt.used}) {
				t.Errorf("%q, %+v", rt.Query, rt.Model)
			}
			// What nobody is to feel is told, and changes nothing.
			told := provider.Deepgram{}.Remodel(before, &provider.Models{Withheld: tt.in})
			if told.Query != before.Query || told.Model.Would != tt.used || told.Model.Used != "" {
				t.Errorf("withheld: %q, %+v", told.Query, told.Model)
			}
		})
	}
}

func TestDeepgramsFilesHaveMoreModels(t *testing.T) {
	for query, want := range map[string]string{
		"model=nova-2-finance": "model=whisper-large", "model=flux-general-multi": "model=flux-general-multi", "a=b": "a=b", "model=nova-3&a=b": "model=nova-2&a=b",
	} {
		rt, err := provider.Deepgram{}.Match(&http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/v1/listen", RawQuery: query}, Header: http.Header{}})
		if err != nil {
			t.Fatal(err)
		}
		if got := (provider.Deepgram{}).Remodel(rt, &provider.Models{Instead: cheaper()}).Query; got != want {
			t.Errorf("%s became %s, want %s", query, got, want)
		}
	}
	grant := provider.Route{Provider: "deepgram", Mode: provider.ModeMint}
	if rt := (provider.Deepgram{}).Remodel(grant, &provider.Models{Instead: map[string]string{"*": "base"}}); rt != grant {
		t.Errorf("a key has a model: %+v", rt)
	}
}

func TestTwoModelsInOneQueryAreRefused(t *testing.T) {
	for _, query := range []string{
		"model=nova-3&model=base", "model=nova-3&Model=base", "model[]=nova-3", "mod%65l=nova-3", "MODEL=nova-3", "m-o-d-e-l=nova-3",
		"tier=nova&tier=base", "Tier=nova", "tier[0]=nova", "t%69er=nova",
	} {
		for _, r := range []*http.Request{
			{Method: http.MethodGet, URL: &url.URL{Path: "/v1/listen", RawQuery: query}, Header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}},
			{Method: http.MethodGet, URL: &url.URL{Path: "/v2/listen", RawQuery: query}, Header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}},
			{Method: http.MethodPost, URL: &url.URL{Path: "/v1/listen", RawQuery: query}, Header: http.Header{}},
		} {
			_, err := provider.Deepgram{}.Match(r)
			if e, ok := err.(*provider.Error); !ok || e.Status != 400 { //nolint:errorlint // Match says so itself
				t.Errorf("%s %s?%s: %v", r.Method, r.URL.Path, query, err)
			}
		}
	}
}

// startOf is what a session makes of the client's first message.
func startOf(t *testing.T, p provider.Provider, m *provider.Models, text string) (string, provider.Swap, error) {
	t.Helper()
	s := p.Open(p.(provider.Remodeler).Remodel(provider.Route{Provider: p.Name(), Mode: provider.ModeStream}, m))
	a, err := s.FromClient([]byte(text))
	if err != nil {
		return "", provider.Swap{}, err
	}
	if a.Model == nil {
		t.Fatalf("%s: no word of the model", text)
	}
	if a.Replace != nil {
		text = string(a.Replace)
	}
	return text, *a.Model, nil
}

// orderOf is what becomes of a job.
func orderOf(t *testing.T, p provider.Provider, m *provider.Models, text string) (string, provider.Swap, error) {
	t.Helper()
	o, err := p.(provider.Batch).Order(p.(provider.Remodeler).Remodel(provider.Route{Provider: p.Name(), Mode: provider.ModeJob}, m), []byte(text))
	if o.Replace != nil {
		text = string(o.Replace)
	}
	return text, o.Model, err
}

func TestTheModelOfAFirstMessageAndOfAJobIsReplaced(t *testing.T) {
	soniox, speechmatics := provider.Soniox{}, provider.Speechmatics{}
	rt := func(model string) string {
		return `{"a": [1, {"model":"stt-rt-v5"}],"model": ` + model + ` ,"audio_format":"auto"}`
	}
	job := func(model string) string { return `{"model":` + model + `, "file_id":"f-1","context":{"model":"x"}}` }
	start := func(config string) string {
		return `{"audio_format":{"type":"file"}, "transcription_config": ` + config + ` ,"message":"StartRecognition"}`
	}
	config := func(config string) string { return `{"type":"transcription","transcription_config":` + config + `}` }
	everything := func(used string) map[string]string { return with(cheaper(), provider.AnyModel, used) }
	for _, tt := range []struct {
		name        string
		of          func(*testing.T, provider.Provider, *provider.Models, string) (string, provider.Swap, error)
		p           provider.Provider
		in          map[string]string
		text, want  string
		asked, used string
	}{
		{"Soniox", startOf, soniox, cheaper(), rt(`"stt-rt-v5"`), rt(`"stt-rt-v4"`), "stt-rt-v5", "stt-rt-v4"},
		{"Soniox, with escapes", startOf, soniox, cheaper(), rt(`"stt\u002drt-v5"`), rt(`"stt-rt-v4"`), "stt-rt-v5", "stt-rt-v4"},
		{"Soniox, not named", startOf, soniox, cheaper(), rt(`"stt-rt-v3"`), rt(`"stt-rt-v3"`), "stt-rt-v3", ""},
		{"Soniox, any", startOf, soniox, everything("stt-rt-v2"), rt(`"stt-rt-v3"`), rt(`"stt-rt-v2"`), "stt-rt-v3", "stt-rt-v2"},
		{"Soniox, any of another vendor", startOf, soniox, everything("base"), rt(`"stt-rt-v3"`), rt(`"stt-rt-v3"`), "stt-rt-v3", ""},
		{"Soniox, one of jobs", startOf, soniox, cheaper(), rt(`"stt-rt-wrong"`), rt(`"stt-rt-wrong"`), "stt-rt-wrong", ""},
		{"Soniox, no name", startOf, soniox, everything("stt-rt-v2"), rt(`7`), rt(`7`), "", ""},
		{"Soniox, none", startOf, soniox, everything("stt-rt-v2"), `{"audio_format":"auto"}`, `{"audio_format":"auto"}`, "", ""},
		{"a job at Soniox", orderOf, soniox, cheaper(), job(`"stt-async-v5"`), job(`"stt-async-v4"`), "stt-async-v5", "stt-async-v4"},
		{"a job at Soniox, any of streams", orderOf, soniox, everything("stt-rt-v2"), job(`"stt-async-v3"`), job(`"stt-async-v3"`), "stt-async-v3", ""},
		{"a job at Soniox, any", orderOf, soniox, everything("stt-async-v2"), job(`"stt-async-v3"`), job(`"stt-async-v2"`), "stt-async-v3", "stt-async-v2"},
		{"Speechmatics", startOf, speechmatics, cheaper(), start(`{"language":"en","model":"enhanced"}`), start(`{"language":"en","model":"standard"}`), "enhanced", "standard"},
		{"Speechmatics, in the old way", startOf, speechmatics, cheaper(), start(`{"operating_point":"enhanced","a":{"model":"enhanced"}}`), start(`{"operating_point":"standard","a":{"model":"enhanced"}}`), "enhanced", "standard"},
		{"Speechmatics, in both", startOf, speechmatics, cheaper(), start(`{"operating_point":"enhanced","model": "melia-1" }`), start(`{"operating_point":"standard","model": "standard" }`), "melia-1", "standard"},
		{"Speechmatics, in both, and they differ", startOf, speechmatics, cheaper(), start(`{"model":"standard","operating_point":"enhanced"}`), start(`{"model":"standard","operating_point":"standard"}`), "enhanced", "standard"},
		{"Speechmatics, the default", startOf, speechmatics, cheaper(), start(`{"language":"en"}`), start(`{"language":"en"}`), "", ""},
		{"Speechmatics, the default is any", startOf, speechmatics, everything("enhanced"), start(`{"language":"en"}`), start(`{"language":"en","model":"enhanced"}`), "standard", "enhanced"},
		{"Speechmatics, the default already", startOf, speechmatics, everything("standard"), start(`{"language":"en"}`), start(`{"language":"en"}`), "", ""},
		{"Speechmatics, any of another vendor", startOf, speechmatics, everything("melia-1"), start(`{"model":"x"}`), start(`{"model":"x"}`), "x", ""},
		{"Speechmatics, no name", startOf, speechmatics, cheaper(), start(`{"model":7}`), start(`{"model":7}`), "", ""},
		{"Speechmatics, no config", startOf, speechmatics, everything("enhanced"), start(`[]`), start(`[]`), "", ""},
		{"a job at Speechmatics", orderOf, speechmatics, cheaper(), config(`{"operating_point":"enhanced"}`), config(`{"operating_point":"standard"}`), "enhanced", "standard"},
		{"an alignment at Speechmatics", orderOf, speechmatics, everything("enhanced"), `{"type":"alignment"}`, `{"type":"alignment"}`, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, swap, err := tt.of(t, tt.p, &provider.Models{Instead: tt.in}, tt.text)
			if err != nil || got != tt.want || swap != (provider.Swap{Asked: tt.asked, Used: tt.used}) {
				t.Errorf("%s, %+v, %v", got, swap, err)
			}
			got, swap, err = tt.of(t, tt.p, &provider.Models{Withheld: tt.in}, tt.text)
			if err != nil || got != tt.text || swap.Used != "" || swap.Would != tt.used {
				t.Errorf("withheld: %s, %+v, %v", got, swap, err)
			}
			got, swap, err = tt.of(t, tt.p, nil, tt.text)
			if err != nil || got != tt.text || swap.Used+swap.Would != "" {
				t.Errorf("nothing to replace: %s, %+v, %v", got, swap, err)
			}
		})
	}
}

func TestAModelThatCouldBeReadInTwoWaysIsRefused(t *testing.T) {
	for _, tt := range []struct {
		of   func(*testing.T, provider.Provider, *provider.Models, string) (string, provider.Swap, error)
		p    provider.Provider
		text string
	}{
		{startOf, provider.Soniox{}, `{"model":"a","audio_format":"auto","model":"b"}`},
		{startOf, provider.Soniox{}, `{"Model":"a","audio_format":"auto"}`},
		{orderOf, provider.Soniox{}, `{"file_id":"f","model":"a","model":"b"}`},
		{orderOf, provider.Soniox{}, `{"file_id":"f","mod\u0065l":"a"}`},
		{startOf, provider.Speechmatics{}, `{"message":"StartRecognition","transcription_config":{"model":"a","model":"b"}}`},
		{startOf, provider.Speechmatics{}, `{"message":"StartRecognition","transcription_config":{"operatingPoint":"a"}}`},
		{startOf, provider.Speechmatics{}, `{"message":"StartRecognition","transcription_config":{},"transcription_config":{}}`},
		{orderOf, provider.Speechmatics{}, `{"type":"transcription","transcription_config":{"operating_point":"a","operating_point":"b"}}`},
		{orderOf, provider.Speechmatics{}, `{"type":"transcription","Transcription_Config":{}}`},
	} {
		_, _, err := tt.of(t, tt.p, nil, tt.text)
		if e, ok := err.(*provider.Error); !ok || e.Status != 400 { //nolint:errorlint // it says so itself
			t.Errorf("%s: %v", tt.text, err)
		}
	}
}

func TestWhichModelsCanEverTakeAnothersPlace(t *testing.T) {
	for _, tt := range []struct{ asked, used, by string }{
		{"nova-3", "nova-2", "deepgram"},
		{"*", "base", "deepgram"},
		{"my-own", "whisper", "deepgram"},
		{"nova-3", "enhanced", "deepgram"},
		{"enhanced", "base", "deepgram"},
		{"flux-general-multi", "Flux-general-en", "deepgram"},
		{"flux-general-en", "nova-3", ""},
		{"nova-3", "flux-general-en", ""},
		{"nova-3", "stt-rt-v4", ""},
		{"nova-3", "standard", ""},
		{"stt-rt-v5", "stt-rt-v4", "soniox"},
		{"stt-async-v5", "stt-async-v4", "soniox"},
		{"*", "stt-rt-v4", "soniox"},
		{"stt-rt-v5", "stt-async-v4", ""},
		{"stt-rt-v5", "base", ""},
		{"stt-rt-v5", "standard", ""},
		{"enhanced", "standard", "speechmatics"},
		{"*", "standard", "speechmatics"},
		{"*", "enhanced", "deepgram speechmatics"},
		{"standard", "enhanced", "speechmatics"},
		{"melia-1", "standard", "speechmatics"},
		{"enhanced", "melia-1", ""},
	} {
		var by []string
		for _, p := range provider.Builtin() {
			if p.(provider.Remodeler).Replaces(tt.asked, tt.used) {
				by = append(by, p.Name())
			}
		}
		if got := strings.Join(by, " "); got != tt.by {
			t.Errorf("%s in the place of %s: %q, want %q", tt.used, tt.asked, got, tt.by)
		}
	}
}

func TestAModelsNameIsShownOnlyIfItCanBeOne(t *testing.T) {
	for query, want := range map[string]string{"model=a%20b": "", "model=%C3%BC": "", "model=" + strings.Repeat("a", 65): "", "model=" + strings.Repeat("a", 64): strings.Repeat("a", 64)} {
		rt, err := match("/v1/listen", query)
		if err != nil || rt.Model.Asked != want {
			t.Errorf("%s: %+v, %v", query, rt.Model, err)
		}
	}
}
