package review

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestASessionIsReadAsItWasWritten(t *testing.T) {
	for name, s := range map[string]Session{
		"whole": {
			Start: noon, Length: 61_000, Audio: 60_000, Speech: new(int64(0)), Vendor: "deepgram", Model: "nova-3", Mode: "stream",
			Gaps: Gaps{2, 12_000, 7_000}, Result: "ok", Excerpt: `"ünïcödé" \ <b>`,
		},
		"little": {Start: noon, Vendor: "soniox", Mode: "upload", Result: "vendor_refused"},
	} {
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeSession(b); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: %+v, %v: from %s", name, got, err, b)
		}
	}
}

func TestNoSessionIsLargerThanTheLedgerTakes(t *testing.T) {
	for name, text := range map[string]string{
		"wide": strings.Repeat("𐍈", 5000), "controls": strings.Repeat("\x00\u2028", 3000), "quotes": strings.Repeat(`"`, 5000), "broken": strings.Repeat("\xff", 5000),
	} {
		s := Session{
			Start: noon, Length: math.MaxInt64, Audio: math.MaxInt64, Speech: new(int64(math.MaxInt64)), Vendor: text, Model: text, Mode: text,
			Gaps: Gaps{math.MaxInt64, math.MaxInt64, math.MaxInt64}, Result: text, Excerpt: text,
		}
		b, err := s.Encode()
		if err != nil || len(b) > maxEntry || !json.Valid(b) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}

func TestAnEntryOfTodayIsReadForEver(t *testing.T) {
	for name, c := range map[string]struct {
		in string
		ok bool
	}{
		"today's":        {`{"v":1,"start":"2026-11-26T12:00:00Z","length_ms":1,"audio_ms":1,"vendor":"deepgram","mode":"stream","result":"ok"}`, true},
		"newer member":   {`{"v":1,"start":"2026-11-26T12:00:00Z","length_ms":1,"audio_ms":1,"vendor":"deepgram","mode":"stream","result":"ok","mood":{"x":[1]}}`, true},
		"newer version":  {`{"v":2,"start":"2026-11-26T12:00:00Z","vendor":"deepgram","mode":"stream"}`, false},
		"no version":     {`{"start":"2026-11-26T12:00:00Z","vendor":"deepgram","mode":"stream"}`, false},
		"no start":       {`{"v":1,"vendor":"deepgram","mode":"stream"}`, false},
		"no vendor":      {`{"v":1,"start":"2026-11-26T12:00:00Z","mode":"stream"}`, false},
		"no mode":        {`{"v":1,"start":"2026-11-26T12:00:00Z","vendor":"deepgram"}`, false},
		"negative":       {`{"v":1,"start":"2026-11-26T12:00:00Z","vendor":"deepgram","mode":"stream","audio_ms":-1}`, false},
		"negative word":  {`{"v":1,"start":"2026-11-26T12:00:00Z","vendor":"deepgram","mode":"stream","speech_ms":-1}`, false},
		"text for time":  {`{"v":1,"start":"2026-11-26T12:00:00Z","vendor":"deepgram","mode":"stream","audio_ms":"1"}`, false},
		"fraction":       {`{"v":1,"start":"2026-11-26T12:00:00Z","vendor":"deepgram","mode":"stream","audio_ms":1.5}`, false},
		"no object":      {`[1]`, false},
		"something more": {`{"v":1,"start":"2026-11-26T12:00:00Z","vendor":"deepgram","mode":"stream"} x`, false},
		"nothing":        {``, false},
		"too large":      {`{"v":1,"start":"2026-11-26T12:00:00Z","vendor":"deepgram","mode":"stream","x":"` + strings.Repeat("x", maxEntry) + `"}`, false},
	} {
		_, err := DecodeSession([]byte(c.in))
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecodeSession finds that what was read can be written and is read the same.
func FuzzDecodeSession(f *testing.F) {
	f.Add([]byte(`{"v":1,"start":"2026-11-26T12:00:00Z","length_ms":1,"audio_ms":1,"speech_ms":0,"vendor":"deepgram","mode":"stream","result":"ok","excerpt":"a"}`))
	f.Add([]byte(`{"v":1,"start":"2026-11-26T12:00:00+01:00","vendor":"\u0000 a","mode":" ","gaps":{"count":1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSession(b)
		if err != nil {
			return
		}
		once, err := s.Encode()
		if err != nil {
			return // a year of five digits
		}
		again, err := DecodeSession(once)
		if err != nil {
			return // its vendor was blank
		}
		twice, err := again.Encode()
		if err != nil || string(twice) != string(once) {
			t.Errorf("%s, then %s: %v", once, twice, err)
		}
	})
}
