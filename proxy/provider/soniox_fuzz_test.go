package provider_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

// FuzzSonioxStart: a start message that passes holds no key, in whatever spelling a
// lenient parser may find one, the reference is ours, nothing else has changed, and it
// passes a second time as it is.
func FuzzSonioxStart(f *testing.F) {
	for _, s := range []string{
		`{"api_key":"CANARY","model":"stt-rt-v5","audio_format":"pcm_s16le","sample_rate":16000,"num_channels":1}`,
		`{"model":"m","api_key":"CANARY"}`, ` { "api_key" : "CANARY" } `, `{"client_reference_id":"x","api_key":"CANARY","a":[{"api_key":1}]}`,
		`{"API_KEY":"CANARY"}`, `{"api\u005fkey":"CANARY"}`, `{"api_ey":"CANARY"}`, `{"type":"keepalive"}`, `{"api_key":null}`, `{}`, `[]`, ``,
		`{"api_key":"CANARY",}`, `{"api_key":"CANARY"}{`, `{"context":"\"api_key\":\"x\""}`, "{\"api_\u212aey\":\"CANARY\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		greeting, err := provider.Soniox{}.Greeting(text)
		if err != nil {
			if _, ok := errors.AsType[*provider.Error](err); !ok {
				t.Fatalf("%v is no *Error", err)
			}
		}
		s := provider.Soniox{}.Open(provider.Route{Reference: "user-1"})
		a, ferr := s.FromClient(text)
		if len(text) > 0 && (err == nil) != (ferr == nil) && len(text) <= 4096 {
			t.Fatalf("greeting %v, stream %v", err, ferr)
		}
		_, started := s.Format()
		if ferr != nil || !started {
			return
		}
		if !greeting.Start {
			t.Fatal("a start for the stream, none for the greeting")
		}
		out := a.Replace
		if out == nil {
			out = text
		}
		before, after := object(t, text), object(t, out)
		for key := range after {
			if folded := strings.Map(letters, key); strings.EqualFold(folded, "apikey") {
				t.Fatalf("%q passes %q", out, key)
			}
		}
		if string(after["client_reference_id"]) != `"user-1"` {
			t.Fatalf("the reference is not ours: %q", out)
		}
		delete(before, "api_key")
		delete(before, "client_reference_id")
		delete(after, "client_reference_id")
		if !maps.EqualFunc(before, after, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Fatalf("%q became %q", text, out)
		}
		again, err := provider.Soniox{}.Open(provider.Route{Reference: "user-1"}).FromClient(out)
		if err != nil || again.Replace != nil {
			t.Fatalf("%q is not the same a second time: %q, %v", out, again.Replace, err)
		}
	})
}

// letters keeps what a lenient parser may read of a key.
func letters(r rune) rune {
	if r == '_' || r == '-' || r == ' ' {
		return -1
	}
	return r
}

func object(t *testing.T, b []byte) map[string]json.RawMessage {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return m
}

// FuzzSonioxVendor: whatever the vendor says, the session survives it and touches
// nothing while the stream runs; once the gateway ends it, no clean end passes, JSON stays
// JSON, and what has passed once passes again.
func FuzzSonioxVendor(f *testing.F) {
	for _, s := range []string{
		`{"tokens":[{"text":"a","start_ms":0,"end_ms":120,"is_final":true},{"text":"<fin>","is_final":true}],"total_audio_proc_ms":240,"finished":true}`,
		`{"finished":true}`, ` { "finished" : true , "tokens" : [ { "text" : "<fin>" } , { "text" : "<fin>" } ] } `, `{"tokens":[],"error_code":429}`,
		`{"finished":false,"finished":true,"finished":true}`, `{"total_audio_proc_ms":1e300}`, `{"tokens":[{"start_ms":-1,"end_ms":99999999999999999999,"is_final":true}]}`,
		`{"a":"\`, `[`, ``, `{"tokens":[{"text":"<fin>"},`, `{"finished":`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := provider.Soniox{}.Open(provider.Route{Words: true})
		if a, err := s.FromVendor(text); a.Replace != nil || a.Hold || err != nil {
			t.Fatalf("touched while it runs: %q, %v", a.Replace, err)
		}
		if d, _ := s.Reported(); d < 0 || s.Speech() < 0 || s.Speech() > 40*365*24*time.Hour {
			t.Fatalf("reported %v, speech %v", d, s.Speech())
		}
		s.Finish(&provider.Denial{})
		a, err := s.FromVendor(text)
		if err != nil {
			t.Fatal(err)
		}
		if a.Hold || !json.Valid(text) {
			return
		}
		out := a.Replace
		if out == nil {
			out = text
		}
		if !json.Valid(out) {
			t.Fatalf("%q became %q", text, out)
		}
		var m map[string]json.RawMessage
		if json.Unmarshal(out, &m) == nil && m["finished"] != nil && !bytes.Contains(text, []byte(`\u`)) {
			t.Fatalf("a clean end passes: %q", out)
		}
		if again, err := s.FromVendor(out); err != nil || again.Replace != nil || again.Hold {
			t.Fatalf("%q is not the same a second time: %q", out, again.Replace)
		}
	})
}
