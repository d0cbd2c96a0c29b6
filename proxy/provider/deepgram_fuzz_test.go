package provider_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
)

// FuzzQuery: a query that passes has one meaning. The forwarded one is read again
// by another parser, and by a third that also splits at ';' and ignores case.
func FuzzQuery(f *testing.F) {
	for _, tc := range refusedQueries() {
		f.Add(tc.path == "/v2/listen", tc.query)
	}
	f.Add(false, "encoding=linear16&sample_rate=16000&channels=2&multichannel=true&tag=a&tag=b&token=x")
	f.Add(true, "model=flux-general-en&encoding=mulaw&sample_rate=8000&extra=a%3Ab")
	f.Fuzz(func(t *testing.T, v2 bool, raw string) {
		path := "/v1/listen"
		if v2 {
			path = "/v2/listen"
		}
		rt, err := match(path, raw)
		if err != nil {
			if _, ok := errors.AsType[*provider.Error](err); !ok {
				t.Fatalf("%q: %v is no *Error", raw, err)
			}
			return
		}
		got, err := url.ParseQuery(rt.Query)
		if err != nil {
			t.Fatalf("%q passes and does not parse: %v", rt.Query, err)
		}
		one := func(key, fallback string) string {
			if vs := got[key]; len(vs) != 1 {
				if len(vs) == 0 {
					return fallback
				}
				t.Fatalf("%q: %s has %d values", rt.Query, key, len(vs))
			}
			return got.Get(key)
		}
		container := rt.Format == meter.Format{Encoding: meter.Container}
		if !container && (one("encoding", "") != string(rt.Format.Encoding) || one("sample_rate", "0") != strconv.Itoa(rt.Format.SampleRate) ||
			one("channels", "1") != strconv.Itoa(rt.Format.Channels)) {
			t.Fatalf("%q is not %+v", rt.Query, rt.Format)
		}
		if e := one("encoding", ""); container && e != "" && e != "flac" && e != "ogg-opus" {
			t.Fatalf("%q is no container", rt.Query)
		}
		weight, multi := int64(1), one("multichannel", "false") == "true"
		if multi && !container {
			weight = int64(rt.Format.Channels)
		}
		if _, err := meter.Open(rt.Format); rt.Weight != weight || rt.PerChannel != (multi && container) || err != nil {
			t.Fatalf("%q: %+v, %v", rt.Query, rt, err)
		}
		for _, p := range strings.FieldsFunc(rt.Query, func(r rune) bool { return r == '&' || r == ';' }) {
			key, _, _ := strings.Cut(p, "=")
			key, _ = url.QueryUnescape(key)
			lower := strings.ToLower(strings.TrimSpace(key))
			switch lower {
			case "encoding", "sample_rate", "channels", "multichannel":
				if key != lower {
					t.Fatalf("%q: %q may be read as a format", rt.Query, key)
				}
			case "token", "access_token", "api_key", "apikey", "key", "jwt", "callback":
				t.Fatalf("%q: %q passed", rt.Query, key)
			}
		}
		again, err := match(path, rt.Query)
		if err != nil || again != rt {
			t.Fatalf("%q: not the same when read again: %+v, %v", rt.Query, again, err)
		}
	})
}

func match(path, query string) (provider.Route, error) {
	return provider.Deepgram{}.Match(&http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: path, RawQuery: query},
		Header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}},
	})
}

// FuzzVendorText: whatever the vendor says, the session survives it, JSON stays
// JSON with the same members, and without a drop nothing is touched.
func FuzzVendorText(f *testing.F) {
	for _, s := range []string{
		`{"type":"Results","start":1.0,"duration":2,"channel":{"alternatives":[{"words":[{"word":"a","start":1.5,"end":2.50}]}]},"metadata":{"start":1}}`,
		`{"type":"TurnInfo","sequence_id":7,"audio_window_start":0,"audio_window_end":1e1,"words":[{"start":-1,"end":99999999999999999999}]}`,
		`{"type":"UtteranceEnd","last_word_end":-1}`, `{"type":"Metadata","duration":1.5}`, `{"type":"Results","start":`, `{"a":"\`, `[`, ``,
	} {
		f.Add(false, []byte(s))
		f.Add(true, []byte(s))
	}
	f.Fuzz(func(t *testing.T, v2 bool, text []byte) {
		variant := "v1"
		if v2 {
			variant = "v2"
		}
		s := provider.Deepgram{}.Open(provider.Route{Variant: variant, Words: true})
		if a, err := s.FromVendor(text); a.Replace != nil || a.Hold || err != nil {
			t.Fatalf("touched without a drop: %q, %v", a.Replace, err)
		}
		_, _ = s.FromClient(text)
		s.Forwarded(provider.Audio{}, time.Second)
		s.Drop(provider.Audio{Time: 1500 * time.Millisecond}, provider.Denial{})
		a, err := s.FromVendor(text)
		if err != nil || a.Hold {
			t.Fatalf("%+v, %v", a, err)
		}
		if a.Replace == nil || !json.Valid(text) {
			return
		}
		if !json.Valid(a.Replace) {
			t.Fatalf("%q became %q", text, a.Replace)
		}
		if !bytes.Equal(shape(text), shape(a.Replace)) {
			t.Fatalf("more than numbers changed: %q became %q", text, a.Replace)
		}
	})
}

// shape is JSON text with its digits cut out.
func shape(b []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789.eE+-", r) {
			return -1
		}
		return r
	}, b)
}
