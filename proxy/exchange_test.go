package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// A connection that is used again has the write deadline of its last answer: behind that, a
// refusal would be an end without a word.
func TestAnAnswerIsNotCutOffByTheLastOnesDeadline(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) { c.Limits.IdleTimeout = 200 * time.Millisecond }})
	conn, err := net.Dial("tcp", r.server.Addr()) //nolint:noctx // closed below
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	const post = "POST /v1/listen?%s HTTP/1.1\r\nHost: x\r\nX-Sttgate-User: ann\r\nContent-Length: %d\r\n\r\n%s"
	for _, want := range []int{200, 408} { // the second stops in the middle
		if _, err := fmt.Fprintf(conn, post, raw16, map[int]int{200: 64, 408: 128}[want], make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("instead of a %d: %v\n%s", want, err, r.log)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != want {
			t.Fatalf("%d, %v, want %d\n%s", resp.StatusCode, err, want, r.log)
		}
		_ = resp.Body.Close()
	}
}

// stuckVendor answers with a header and half a body, and then with nothing.
func stuckVendor(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"metadata":{"duration":1.5`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	return s
}

func TestAVendorThatStopsInTheMiddleOfItsAnswerIsGivenUpAndCostsNothing(t *testing.T) {
	vendor := stuckVendor(t)
	r := newRig(t, rigOptions{config: func(c *Config) {
		budgetOf(time.Hour)(c)
		vendorAt(vendor.URL)(c)
	}})
	r.server.courier.patience = 100 * time.Millisecond
	r.restrict("ann")
	r.upload("ann", raw16, zeros(1500*bytesPerMS), -1).wants(t, 502, "upstream_unreachable")
	r.settled()
	if used := r.used("ann"); used != 0 {
		t.Errorf("charged %d ms", used)
	}
}

func TestABodyThatDribblesIsGivenUp(t *testing.T) {
	const idle = 60 * time.Second
	var p pace
	bytes := 0
	for p.keeps(idle-time.Second, 1, idle) { // a byte whenever it would be given up
		bytes++
	}
	if bytes != 1 {
		t.Errorf("%d bytes in %v", bytes, p.waited)
	}
	p = pace{}
	for range 10_000 { // the thinnest audio, as it is spoken
		if !p.keeps(time.Second, 750, idle) {
			t.Fatalf("given up after %v", p.waited)
		}
	}
	if p = (pace{}); !p.keeps(idle, 0, idle) || p.keeps(time.Second, 0, idle) {
		t.Error("silence is given up after the idle timeout")
	}
}

// The body is read by the courier: a panic there would be the end of every stream.
func TestAPanicInABodyEndsItsUploadOnly(t *testing.T) {
	g, err := newGauge(provider.Route{Format: meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 1}}, 0, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	g.buy = func(int64, int64) error { panic("out of order") }
	b := &uploadBody{src: zeros(1000), most: 1 << 20, gauge: g}
	n, err := b.Read(make([]byte, 1000))
	fault, ok := errors.AsType[*relay.PanicError](err)
	if n != 0 || !ok || len(fault.Stack) == 0 || !errors.Is(b.fault(), err) {
		t.Errorf("%d bytes, %v, and %v", n, err, b.fault())
	}
}
