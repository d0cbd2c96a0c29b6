package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/sttgate/sttgate/proxy/fake"
)

// metric is a counter's value, by its name and one label; 0 where there is none.
func (r *rig) metric(name, label, value string) float64 {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != "sttgate_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label && l.GetValue() == value {
					sum += m.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}

func TestTheTimeThatAVendorDoesNotReadIsCounted(t *testing.T) {
	r := newRig(t, rigOptions{fake: playing(fake.Deaf)})
	c := r.connect("ann", linear16)
	full := make(chan struct{})
	go func() { // until the backpressure has come all the way
		defer close(full)
		for {
			_ = c.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			if c.conn.WriteMessage(websocket.BinaryMessage, make([]byte, 1000*bytesPerMS)) != nil {
				return
			}
		}
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for guard := time.Now().Add(hang); r.metric("relay_backpressure_seconds_total", "direction", toVendor) == 0; <-tick.C {
		if time.Now().After(guard) {
			t.Fatal("no backpressure was counted")
		}
	}
	<-full
	if d := r.metric("relay_backpressure_seconds_total", "direction", toClient); d != 0 {
		t.Errorf("the client has not read for %v s", d)
	}
}

func TestWhatIsChargedIsCountedByWhoseFigureItWas(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.upload("ann", raw16, zeros(1500*bytesPerMS), -1).wants(t, 200, "")
	r.ask(http.MethodPost, "ann", "/v1/listen", strings.NewReader(`{"url":"https://example.com/a#t=3"}`), -1, "Content-Type", "application/json").wants(t, 200, "")
	r.settled()
	for basis, want := range map[string]float64{ChargeAudio: 1.5, ChargeReported: 3, ChargeLarger: 0} {
		if got := r.metric("charged_seconds_total", "basis", basis); got != want {
			t.Errorf("%s: %v s, want %v", basis, got, want)
		}
	}
}

func TestABudgetThatIsNearlySpentIsCountedApart(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(10 * time.Second)})
	r.restrict("ann")
	for _, ms := range []int{1000, 6900, 200, 1000} { // begin at 0, 10, 79 and 81 %
		r.upload("ann", raw16, zeros(int64(ms)*bytesPerMS), -1).wants(t, 200, "")
	}
	r.upload("ann", raw16, zeros(1000*bytesPerMS), -1).wants(t, 429, "budget_exhausted")
	// The last begins at 91 %, is let in, for its length is not told, and then cut.
	for reason, want := range map[string]float64{withinBudget: 3, nearLimit: 2, "budget_exhausted": 1} {
		if got := r.metric("decisions_total", "reason", reason); got != want {
			t.Errorf("%s: %v, want %v", reason, got, want)
		}
	}
}

func TestWhatStreamsHaveInHandIsAGauge(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
	r.restrict("ann")
	c := r.connect("ann", linear16)
	go func() {
		for {
			if _, _, err := c.conn.ReadMessage(); err != nil { // pings are answered
				return
			}
		}
	}()
	c.send(1, 1000)
	inHand := func() float64 {
		m := &dto.Metric{}
		if err := r.server.Streams.inHand().(prometheus.Metric).Write(m); err != nil {
			t.Fatal(err)
		}
		return m.GetGauge().GetValue()
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	// What the budget has lent out is what has passed, 1 s, and what is in hand.
	for guard := time.Now().Add(hang); inHand() == 0 || int64(inHand()*1000)+1000 != r.used("ann"); <-tick.C {
		if time.Now().After(guard) {
			t.Fatalf("%v s in hand, %d ms are used", inHand(), r.used("ann"))
		}
	}
	r.stop()
	if got := inHand(); got != 0 {
		t.Errorf("%v s in hand of no stream", got)
	}
}

func TestCodesOfTheVendorAreAClosedSet(t *testing.T) {
	for status, want := range map[int]string{
		301: "4xx", 400: "4xx", 401: "401", 402: "402", 403: "403", 404: "4xx", 429: "429", 499: "4xx", 500: "5xx", 503: "5xx", 999: "5xx",
	} {
		if got := errorCode(status); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}
