package providertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/provider/providertest"
)

// acme is a fourth vendor, written outside of the tree's providers: this file and
// testdata/acme are all of it. Its streams are 16 kHz linear16 on /hear, begun with
// a key in a header and ended with {"bye":true}.
type acme struct{}

var _ provider.Provider = acme{}

func (acme) Name() string   { return "acme" }
func (acme) Safe() []string { return []string{"Retry-After"} }

func (acme) Match(r *http.Request) (provider.Route, error) {
	if r.Method != http.MethodGet || r.URL.Path != "/hear" || r.URL.RawPath != "" || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return provider.Route{}, provider.ErrNoRoute
	}
	if r.URL.RawQuery != "" {
		return provider.Route{}, &provider.Error{Status: http.StatusBadRequest, Detail: "acme knows no parameters"}
	}
	return provider.Route{
		Provider: "acme", Variant: "v1", Mode: provider.ModeStream, Path: "/hear", Weight: 1,
		Format: meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 1},
	}, nil
}

func (acme) Credential(r *http.Request) string { return r.Header.Get("Acme-Key") }

func (acme) Authorize(out, in *http.Request, key secret.Value) {
	if key.Empty() {
		out.Header.Set("Acme-Key", in.Header.Get("Acme-Key"))
		return
	}
	out.Header.Set("Acme-Key", key.Reveal())
}

func (acme) Accept(_ *http.Request, vendor *http.Response) (http.Header, error) {
	if vendor != nil && vendor.Header.Get("Sec-Websocket-Extensions") != "" {
		return nil, fmt.Errorf("acme negotiated an extension")
	}
	return http.Header{}, nil
}

func (acme) Refuse(d provider.Denial) provider.Refusal {
	return provider.Refusal{Header: http.Header{}, Members: map[string]any{"problem": d.Detail}}
}

func (acme) Open(rt provider.Route) provider.Session { return &acmeSession{format: rt.Format} }

type acmeSession struct {
	format meter.Format
	bye    sync.Once
	heard  atomic.Int64 // ms, by the vendor's account
}

func (s *acmeSession) FromClient(text []byte) (provider.Action, error) {
	if strings.Contains(string(text), `"bye"`) {
		s.bye.Do(func() {})
	}
	return provider.Action{}, nil
}

func (s *acmeSession) FromVendor(text []byte) (provider.Action, error) {
	var m struct {
		HeardMS int64 `json:"heard_ms"`
	}
	if json.Unmarshal(text, &m) == nil && m.HeardMS > 0 {
		s.heard.Store(m.HeardMS)
	}
	return provider.Action{}, nil
}

func (s *acmeSession) Format() (meter.Format, bool)                            { return s.format, true }
func (s *acmeSession) Drop(provider.Audio, provider.Denial) []provider.Message { return nil }
func (s *acmeSession) Keepalive() []provider.Message                           { return nil }
func (s *acmeSession) Forwarded(provider.Audio, time.Duration)                 {}

func (s *acmeSession) Finish(*provider.Denial) (owed []provider.Message) {
	s.bye.Do(func() {
		owed = []provider.Message{{To: provider.ToVendor, Op: provider.Text, Payload: []byte(`{"bye":true}`)}}
	})
	return owed
}

func (s *acmeSession) Farewell(d provider.Denial) ([]provider.Message, int, string) {
	b, err := json.Marshal(map[string]string{"problem": d.Detail})
	if err != nil {
		b = []byte(`{}`)
	}
	return []provider.Message{{Op: provider.Text, Payload: b}}, d.Code, string(d.Reason)
}

func (s *acmeSession) Reported() (time.Duration, bool) {
	ms := s.heard.Load()
	return time.Duration(ms) * time.Millisecond, ms > 0
}

func (s *acmeSession) Speech() time.Duration { return 0 }

// A vendor that this tree does not know is one file and a directory of transcripts.
func TestAFourthVendor(t *testing.T) { providertest.Run(t, acme{}, "testdata/acme") }

// A transcript is played line by line; what follows a line is written behind it.
func ExamplePlay() {
	got, err := providertest.Play(acme{}, []byte(`# A second of audio.
request /hear
binary 32000
vendor {"heard_ms": 1000}
finish
metered
`))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(string(got))
	// Output:
	// # A second of audio.
	// request /hear
	// 	v1 linear16 16000Hz x1 weight 1
	// binary 32000
	// vendor {"heard_ms": 1000}
	// 	as it is
	// finish
	// 	to vendor: text {"bye":true}
	// metered
	// 	1s
}
