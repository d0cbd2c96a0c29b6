package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	traceparent  = "00-" + callersTrace + "-b7ad6b7169203331-01"
)

// traced is a rig whose spans are looked at.
func traced(t *testing.T, o rigOptions) (*rig, *tracetest.SpanRecorder) {
	t.Helper()
	seen := tracetest.NewSpanRecorder()
	o.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(seen)).Tracer("test")
	return newRig(t, o), seen
}

// spanned waits for n spans to end and returns them by name.
func spanned(t *testing.T, seen *tracetest.SpanRecorder, n int) map[string]sdktrace.ReadOnlySpan {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(hang); len(seen.Ended()) < n; <-look.C {
		if time.Now().After(end) {
			t.Fatalf("%d spans, want %d", len(seen.Ended()), n)
		}
	}
	all := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range seen.Ended() {
		all[s.Name()] = s
	}
	return all
}

func valueOf(s sdktrace.ReadOnlySpan, key string) string {
	for _, a := range s.Attributes() {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

func TestAStreamIsOneTraceFromItsHandshakeToItsSettlement(t *testing.T) {
	r, seen := traced(t, rigOptions{})
	c, _, err := r.dial("ann", linear16, http.Header{"Traceparent": {traceparent}})
	if err != nil {
		t.Fatal(err)
	}
	before := spanned(t, seen, 3) // the stream runs: nothing waits for its end
	c.send(10, 100)
	c.text(`{"type":"CloseStream"}`)
	c.read()
	r.settled()
	all := spanned(t, seen, 4)
	shake := all["deepgram stream"]
	if before["settle"] != nil || shake == nil || all["lease"] == nil || all["dial"] == nil || all["settle"] == nil {
		t.Fatalf("spans: %v", all)
	}
	for name, s := range all {
		if s.SpanContext().TraceID().String() != callersTrace {
			t.Errorf("%s is in trace %s, not in its caller's", name, s.SpanContext().TraceID())
		}
		if s != shake && s.Parent().SpanID() != shake.SpanContext().SpanID() {
			t.Errorf("%s hangs below %s", name, s.Parent().SpanID())
		}
		for _, a := range s.Attributes() {
			if strings.Contains(a.Value.String(), "ann") {
				t.Errorf("%s names the user: %s", name, a.Key)
			}
		}
	}
	for _, want := range []struct{ span, key, value string }{
		{"deepgram stream", "sttgate.result", "ok"},
		{"deepgram stream", "sttgate.stage", "none"},
		{"deepgram stream", "http.response.status_code", "101"},
		{"deepgram stream", "gen_ai.provider.name", "deepgram"},
		{"settle", "sttgate.audio.ms", "1000"},
		{"settle", "sttgate.charged.ms", "1000"},
		{"settle", "sttgate.result", "ok"},
	} {
		if got := valueOf(all[want.span], want.key); got != want.value {
			t.Errorf("%s: %s is %q, want %q", want.span, want.key, got, want.value)
		}
	}
	if stream := valueOf(shake, "sttgate.stream.id"); stream == "" || stream != valueOf(all["settle"], "sttgate.stream.id") ||
		!strings.Contains(r.log.String(), fmt.Sprintf("%q:%q", "trace_id", callersTrace)) {
		t.Errorf("no way from the trace to stream %q, or from its log lines to the trace:\n%s", stream, r.log)
	}
}

func TestAStrangersTraceIsALinkAndNotAParent(t *testing.T) {
	r, seen := traced(t, rigOptions{config: func(c *Config) {
		c.Identity.TrustedPeers, c.Identity.Anonymous = nil, AnonymousShared
	}})
	a := r.ask(http.MethodGet, "", "/nowhere", nil, 0, "Traceparent", traceparent)
	if a.StatusCode != http.StatusNotFound {
		t.Fatal(a.StatusCode, a.text)
	}
	s := spanned(t, seen, 1)["request"]
	if s == nil || s.Parent().IsValid() || s.SpanContext().TraceID().String() == callersTrace ||
		len(s.Links()) != 1 || s.Links()[0].SpanContext.TraceID().String() != callersTrace {
		t.Errorf("%+v", s)
	}
	if got := valueOf(s, "http.response.status_code"); got != "404" || s.Status().Code == codes.Error {
		t.Errorf("status %s, %v: a refusal is no failure of the gateway's", got, s.Status())
	}
}

func TestAnUploadIsOneTraceWithWhatItSentAndPaid(t *testing.T) {
	r, seen := traced(t, rigOptions{})
	r.upload("ann", raw16, io.LimitReader(silence{}, 1000*bytesPerMS), 1000*bytesPerMS, "Content-Type", "audio/raw").wants(t, http.StatusOK, "")
	all := spanned(t, seen, 3)
	if up := all["deepgram upload"]; up == nil || valueOf(up, "sttgate.result") != "ok" || valueOf(up, "http.response.status_code") != "200" {
		t.Fatalf("%v", all)
	}
	for _, name := range []string{"send", "settle"} {
		if all[name] == nil || all[name].Parent().SpanID() != all["deepgram upload"].SpanContext().SpanID() {
			t.Errorf("%s: %v", name, all[name])
		}
	}
}

func TestAVendorThatIsAwayIsAFailureWithAWordAndNoAddress(t *testing.T) {
	gone := "127.0.0.1:1" // nobody listens at tcpmux
	r, seen := traced(t, rigOptions{config: func(c *Config) {
		p := c.Providers["deepgram"]
		p.URL = "http://" + gone
		c.Providers["deepgram"] = p
	}})
	if _, resp, err := r.dial("ann", linear16, nil); !errors.Is(err, websocket.ErrBadHandshake) || resp.StatusCode != http.StatusBadGateway {
		t.Fatal(resp, err)
	}
	all := spanned(t, seen, 3)
	for name, word := range map[string]string{"dial": "unreachable", "deepgram stream": "upstream_unreachable"} {
		s := all[name]
		if s == nil || s.Status().Code != codes.Error || valueOf(s, "error.type") != word {
			t.Errorf("%s: %v, want the failure %s", name, s, word)
			continue
		}
		if slices.ContainsFunc(s.Attributes(), func(a attribute.KeyValue) bool { return strings.Contains(a.Value.String(), gone) }) {
			t.Errorf("%s names an address", name)
		}
	}
}
