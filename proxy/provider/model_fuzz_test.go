package provider_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/proxy/provider"
)

// FuzzRemodelQuery: whatever a query asks for, the forwarded one asks for ours, once, and for everything else as before, in the same order and
// byte for byte.
func FuzzRemodelQuery(f *testing.F) {
	for _, s := range []string{
		"model=nova-3&encoding=linear16&sample_rate=16000&tag=a&tag=b", "", "model=", "tier=nova&model=2-general&version=latest", "a=%26&model=nova%2D3&b",
		"keyterm=model%3Dx&smodel=y&model", "Version=1&model=x", "&&model=x&&a=b&",
	} {
		f.Add(false, s)
	}
	f.Add(true, "model=flux-general-en&eot_threshold=0.7")
	f.Fuzz(func(t *testing.T, v2 bool, raw string) {
		path, ours := "/v1/listen", "base"
		if v2 {
			path, ours = "/v2/listen", "flux-general-xx"
		}
		rt, err := match(path, raw)
		if err != nil {
			return
		}
		got := provider.Deepgram{}.Remodel(rt, &provider.Models{Instead: map[string]string{provider.AnyModel: ours}})
		if got.Model.Used == "" {
			if got.Query != rt.Query || rt.Model.Asked != ours && !v2 {
				t.Fatalf("%q: %q stayed, and is not ours", rt.Query, got.Query)
			}
			return
		}
		q, err := url.ParseQuery(got.Query)
		if err != nil || !slices.Equal(q["model"], []string{ours}) || len(q["tier"])+len(q["version"]) > 0 {
			t.Fatalf("%q became %q: %v", rt.Query, got.Query, err)
		}
		if before, after := others(rt.Query), others(got.Query); !slices.Equal(before, after) {
			t.Fatalf("%q became %q", rt.Query, got.Query)
		}
		if again, err := match(path, got.Query); err != nil || again.Model.Asked != ours || again.Format != rt.Format || again.Weight != rt.Weight {
			t.Fatalf("%q is another audio than %q: %+v, %v", got.Query, rt.Query, again, err)
		}
	})
}

// others are the parameters that do not name a model, as they are written.
func others(query string) []string {
	return slices.DeleteFunc(strings.Split(query, "&"), func(raw string) bool {
		key, _, _ := strings.Cut(raw, "=")
		key, _ = url.QueryUnescape(key)
		key, _, _ = strings.Cut(key, "[")
		word := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
				return r | 0x20
			}
			return -1
		}, key)
		return raw == "" || word == "model" || word == "tier" || word == "version"
	})
}

// FuzzRemodelStart: a start message, or a job, that passes names our model wherever one is named, and says all else as before.
func FuzzRemodelStart(f *testing.F) {
	for _, s := range []string{
		`{"model":"stt-rt-v5","audio_format":"auto","context":{"model":"x"}}`, `{ "a":1.50, "model" : "stt\u002drt" , "audio_format":"auto"}`, `{"file_id":"f","model":"m"}`,
		`{"message":"StartRecognition","transcription_config":{"language":"en","model":"enhanced","operating_point":"enhanced","x":[1e400]}}`,
		`{"message":"StartRecognition","transcription_config":{}}`, `{"type":"transcription","transcription_config":{"operating_point":"melia-1"}}`, `{"transcription_config":{"model":null}}`,
	} {
		for kind := range byte(4) {
			f.Add(kind, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, text []byte) {
		var p provider.Provider = provider.Soniox{}
		ours, paths := "stt-rt-ours", [][]string{{"model"}}
		if kind&1 != 0 {
			p, ours, paths = provider.Speechmatics{}, "standard", [][]string{{"transcription_config", "model"}, {"transcription_config", "operating_point"}}
		}
		of := startOf
		if kind&2 != 0 {
			of = orderOf
			if kind&1 == 0 {
				ours = "stt-async-ours"
			}
		} else if a, err := p.Open(provider.Route{}).FromClient(text); err != nil || a.Model == nil {
			return // no start
		}
		plain, _, err := of(t, p, nil, string(text))
		if err != nil {
			return
		}
		got, swap, err := of(t, p, &provider.Models{Instead: map[string]string{provider.AnyModel: ours}}, string(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		before, after := decode(t, plain), decode(t, got)
		for _, path := range paths {
			was, is := at(before, path), at(after, path)
			switch name, ok := was.(string); {
			case ok && is != ours:
				t.Fatalf("%q became %q: %v names %v", text, got, path, is)
			case ok && name != ours && swap.Used != ours:
				t.Fatalf("%q became %q, and %+v is told", text, got, swap)
			case ok:
				at(after, path[:len(path)-1]).(map[string]any)[path[len(path)-1]] = name
			}
		}
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

// decode reads JSON without rounding its numbers.
func decode(t *testing.T, text string) (v map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// at is the member at a path; nil where there is none.
func at(v any, path []string) any {
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}
