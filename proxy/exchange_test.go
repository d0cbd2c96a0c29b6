package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

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
	r.server.now.Load().courier.patience = 100 * time.Millisecond
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
