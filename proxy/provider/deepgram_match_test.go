package provider_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
)

// upgrade is a handshake as a server sees it.
func upgrade(t *testing.T, target string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	r.Header.Set("Connection", "keep-alive, Upgrade")
	r.Header.Set("Upgrade", "WebSocket")
	return r
}

func TestOnlyStreamsAreRoutes(t *testing.T) {
	const q = "?encoding=mulaw&sample_rate=8000"
	for _, tc := range []struct {
		name, target string
		change       func(*http.Request)
		served       bool
	}{
		{name: "v1", target: "/v1/listen" + q, served: true},
		{name: "v2", target: "/v2/listen" + q, served: true},
		{name: "v3", target: "/v3/listen" + q},
		{name: "slash behind", target: "/v1/listen/" + q},
		{name: "two slashes", target: "//v1/listen" + q},
		{name: "slashes inside", target: "/v1//listen" + q},
		{name: "case", target: "/V1/listen" + q},
		{name: "encoded slash", target: "/v1%2flisten" + q},
		{name: "encoded letter", target: "/v1/%6cisten" + q},
		{name: "dots", target: "/v1/projects/../listen" + q},
		{name: "encoded dots", target: "/v1/projects/%2e%2e/listen" + q},
		{name: "parameter in path", target: "/v1/..;/listen" + q},
		{name: "projects", target: "/v1/projects"},
		{name: "grant", target: "/v1/auth/grant"},
		{name: "agent", target: "/v1/agent/converse"},
		{name: "speak", target: "/v1/speak"},
		{name: "no upgrade", target: "/v1/listen" + q, change: func(r *http.Request) { r.Header.Del("Upgrade") }},
		{name: "other upgrade", target: "/v1/listen" + q, change: func(r *http.Request) { r.Header.Set("Upgrade", "h2c") }},
		{name: "connection without upgrade", target: "/v1/listen" + q, change: func(r *http.Request) { r.Header.Set("Connection", "keep-alive, x-upgrade") }},
		{name: "post", target: "/v1/listen" + q, change: func(r *http.Request) { r.Method = http.MethodPost }},
		{name: "connect", target: "/v1/listen" + q, change: func(r *http.Request) { r.Method = http.MethodConnect }},
		{name: "upgrade in the second line", target: "/v1/listen" + q, served: true, change: func(r *http.Request) {
			r.Header["Connection"] = []string{"keep-alive", " UPGRADE "}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := upgrade(t, tc.target)
			if tc.change != nil {
				tc.change(r)
			}
			rt, err := provider.Deepgram{}.Match(r)
			if tc.served && err != nil || !tc.served && !errors.Is(err, provider.ErrNoRoute) {
				t.Errorf("served %v: %+v, %v", tc.served, rt, err)
			}
		})
	}
}

func TestUnderstoodQueries(t *testing.T) {
	mono := func(e meter.Encoding, rate int) meter.Format {
		return meter.Format{Encoding: e, SampleRate: rate, Channels: 1}
	}
	for _, tc := range []struct {
		path, query string
		want        string // forwarded; "=" means as it came
		format      meter.Format
		weight      int64
	}{
		{"/v1/listen", "encoding=linear16&sample_rate=16000", "=", mono(meter.Linear16, 16000), 1},
		{"/v1/listen", "encoding=linear32&sample_rate=192000", "=", mono(meter.Linear32, 192000), 1},
		{"/v1/listen", "encoding=mulaw&sample_rate=8000", "=", mono(meter.Mulaw, 8000), 1},
		{"/v1/listen", "encoding=alaw&sample_rate=8000&channels=1", "=", mono(meter.Alaw, 8000), 1},
		{"/v1/listen", "encoding=linear16&sample_rate=16000&channels=2", "=", meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 2}, 1},
		{"/v1/listen", "encoding=linear16&sample_rate=16000&channels=20&multichannel=true", "=", meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 20}, 20},
		{"/v1/listen", "multichannel=false&channels=3&encoding=linear16&sample_rate=16000", "=", meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 3}, 1},
		{"/v1/listen", "multichannel=true&encoding=linear16&sample_rate=16000", "=", mono(meter.Linear16, 16000), 1},
		{"/v1/listen", "tag=a&encoding=linear16&tag=b%20c&sample_rate=16000&extra=user%3Aalice&keyterm=a+b&x", "=", mono(meter.Linear16, 16000), 1},
		{"/v1/listen", "&encoding=linear16&&sample_rate=16000&", "encoding=linear16&sample_rate=16000", mono(meter.Linear16, 16000), 1},
		{"/v1/listen", "token=c&encoding=linear16&Access_Token=c&API-Key=c&sample_rate=16000&k%65y=c&jwt=c", "encoding=linear16&sample_rate=16000", mono(meter.Linear16, 16000), 1},
		{"/v1/listen", "encoding=linear16&sample_rate=16000&keywords=key&search=token%3B%26", "=", mono(meter.Linear16, 16000), 1},
		{"/v2/listen", "model=flux-general-en&encoding=linear16&sample_rate=44100", "=", mono(meter.Linear16, 44100), 1},
		{"/v2/listen", "model=flux-general-en&encoding=alaw&sample_rate=8000&channels=1&multichannel=false", "=", mono(meter.Alaw, 8000), 1},
	} {
		t.Run(tc.path+"?"+tc.query, func(t *testing.T) {
			rt, err := provider.Deepgram{}.Match(upgrade(t, tc.path+"?"+tc.query))
			if err != nil {
				t.Fatal(err)
			}
			if tc.want == "=" {
				tc.want = tc.query
			}
			if rt.Query != tc.want || rt.Format != tc.format || rt.Weight != tc.weight || rt.Path != tc.path {
				t.Errorf("route %+v", rt)
			}
			if v1 := tc.path == "/v1/listen"; !rt.Droppable || rt.DropByDefault != v1 || rt.AcceptByDefault || rt.Mode != "stream" || rt.Variant != tc.path[1:3] {
				t.Errorf("route %+v", rt)
			}
		})
	}
}

// refusedQueries are those that a lenient gateway could take for one format and a
// vendor for another, and those that cannot be metered.
func refusedQueries() []struct {
	path, query string
	status      int
	says        string
} {
	const v1, v2, ok = "/v1/listen", "/v2/listen", "encoding=linear16&sample_rate=16000"
	return []struct {
		path, query string
		status      int
		says        string
	}{
		{v1, "encoding=LINEAR16&sample_rate=48000", 415, "LINEAR16"},
		{v1, "encoding=&sample_rate=48000", 400, "encoding"},
		{v1, "encoding&sample_rate=48000", 400, "encoding"},
		{v1, "encoding=linear16", 400, "sample_rate"},
		{v1, ok + "&sample_rate=384000", 400, "more than once"},
		{v1, ok + "&sample_rate=16000", 400, "more than once"},
		{v1, ok + "&SAMPLE_RATE=384000", 400, "SAMPLE_RATE"},
		{v1, ok + "&Sample-Rate=384000", 400, "Sample-Rate"},
		{v1, ok + "&sample_rate[]=384000", 400, "sample_rate[]"},
		{v1, ok + "&sample%5Frate=384000", 400, "sample_rate"},
		{v1, ok + "&sampleRate=384000", 400, "sampleRate"},
		{v1, ok + "&Encoding=mulaw", 400, "Encoding"},
		{v1, ok + "&MultiChannel=true", 400, "MultiChannel"},
		{v1, ok + "&channels=1,2", 400, "channels"},
		{v1, "encoding=linear16&sample_rate=48000&sample_rate=8000;encoding=mulaw", 400, "';'"},
		{v1, "encoding=line%61r16&sample_rate=8000", 400, "encoding"},
		{v1, "encoding=linear16,mulaw&sample_rate=8000", 415, "linear16,mulaw"},
		{v1, "encoding=linear16&sample_rate=+16000", 400, "sample_rate"},
		{v1, "encoding=linear16&sample_rate=016000", 400, "sample_rate"},
		{v1, "encoding=linear16&sample_rate=16000.0", 400, "sample_rate"},
		{v1, "encoding=linear16&sample_rate=16e3", 400, "sample_rate"},
		{v1, "encoding=linear16&sample_rate=0x3e80", 400, "sample_rate"},
		{v1, "encoding=linear16&sample_rate=-16000", 400, "sample_rate"},
		{v1, "encoding=linear16&sample_rate=16000,8000", 400, "sample_rate"},
		{v1, "encoding=linear16&sample_rate=1600000000000000000000", 400, "sample_rate"},
		{v1, "encoding=linear16&sample_rate=384000", 400, "384000"},
		{v1, "encoding=linear16&sample_rate=999", 400, "999"},
		{v1, ok + "&channels=0", 400, "channels"},
		{v1, ok + "&channels=21", 400, "channels"},
		{v1, ok + "&multichannel=TRUE", 400, "multichannel"},
		{v1, ok + "&multichannel=1", 400, "multichannel"},
		{v1, ok + "&callback=https%3A%2F%2Fevil.example", 400, "callback"},
		{v1, ok + "&Callback=https%3A%2F%2Fevil.example", 400, "callback"},
		{v1, ok + "&tag=%zz", 400, "tag"},
		{v1, ok + "&tag=%0a", 400, "tag"},
		{v1, ok + "&tag=%00", 400, "tag"},
		{v1, ok + "&tag=%ff", 400, "tag"},
		{v1, ok + "&%00sample_rate=8000", 400, "name"},
		{v1, ok + "&+sample_rate=8000", 400, "name"},
		{v1, ok + "&a%26sample_rate=8000", 400, "name"},
		{v1, ok + "&=8000", 400, "name"},
		{v2, "encoding=flac", 415, "/v2/listen"},
		{v2, "encoding=speex&sample_rate=16000", 415, "/v2/listen"},
		{v2, "encoding=opus&channels=2", 400, "mono"},
		{v1, "encoding=g729&channels=2", 400, "one channel"},
		{v1, "encoding=vorbis", 415, "vorbis"},
		{v1, "encoding=Opus", 415, "Opus"},
		{v2, "encoding=linear16&sample_rate=11025", 400, "44100"},
		{v2, ok + "&channels=2", 400, "mono"},
		{v2, ok + "&multichannel=true", 400, "mono"},
	}
}

func TestAmbiguousQueriesAreRefused(t *testing.T) {
	for _, tc := range refusedQueries() {
		t.Run(tc.path+"?"+tc.query, func(t *testing.T) {
			rt, err := provider.Deepgram{}.Match(upgrade(t, tc.path+"?"+tc.query))
			refusal, ok := errors.AsType[*provider.Error](err)
			if !ok {
				t.Fatalf("passed as %+v, %v", rt, err)
			}
			if refusal.Status != tc.status || !strings.Contains(refusal.Detail, tc.says) {
				t.Errorf("%d %s", refusal.Status, refusal.Detail)
			}
		})
	}
}
