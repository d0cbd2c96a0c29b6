package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"
	otlp "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// TestSpansReachACollectorAndNameNoUser runs a stream through a real process and reads what its collector was sent,
// with the protocol's own types.
func TestSpansReachACollectorAndNameNoUser(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var names []string
	box := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		var got otlp.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(raw, &got)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		if bytes.Contains(raw, []byte("somebody")) || bytes.Contains(raw, []byte("secret")) {
			t.Errorf("a span names the user, or a key: %q", raw)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, of := range got.ResourceSpans {
			for _, scope := range of.ScopeSpans {
				for _, s := range scope.Spans {
					names = append(names, s.Name)
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer box.Close()
	w := newWorld(t, fmt.Sprintf("tracing: {otlp_endpoint: %q}\n", box.URL))
	p := serveProcess(t, w.file)
	traceOne(t, p)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"deepgram stream", "lease", "dial", "settle"} {
		if !slices.Contains(names, want) {
			t.Errorf("no span %q among %v", want, names)
		}
	}
}

// TestACollectorThatIsAwayHoldsUpNobody streams and ends as if it were there.
func TestACollectorThatIsAwayHoldsUpNobody(t *testing.T) {
	t.Parallel()
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	w := newWorld(t, fmt.Sprintf("tracing: {otlp_endpoint: %q}\n", away.URL))
	p := serveProcess(t, w.file)
	traceOne(t, p)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	p.says("traces are not delivered")
}

// traceOne runs a stream of a second through a gateway.
func traceOne(t *testing.T, p *process) {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.Dial("ws://"+p.data+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{"X-Sttgate-User": {"somebody"}})
	if err != nil {
		t.Fatal(resp, err)
	}
	defer c.Close()
	for _, m := range []struct {
		op   int
		text []byte
	}{{websocket.BinaryMessage, make([]byte, 32000)}, {websocket.TextMessage, []byte(`{"type":"CloseStream"}`)}} {
		if err := c.WriteMessage(m.op, m.text); err != nil {
			t.Fatal(err)
		}
	}
	for err == nil {
		_, _, err = c.ReadMessage()
	}
	if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Fatal(err)
	}
}
