package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/proxy/fake"
)

func TestAClientThatHangsUpDuringTheDialCostsNothing(t *testing.T) {
	arrived := make(chan struct{})
	r := newRig(t, rigOptions{config: budgetOf(time.Minute), fake: fake.Options{Scenario: func(*http.Request, string) fake.Scenario {
		close(arrived)
		return fake.Hang
	}}})
	r.restrict("ann")
	conn, err := net.Dial("tcp", r.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET "+linear16+" HTTP/1.1\r\nHost: gateway\r\nX-Sttgate-User: ann\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-arrived
	_ = conn.Close()
	r.settled() // long before the dial timeout, which is twice as long as this waits
	if used := r.used("ann"); used != 0 {
		t.Errorf("charged %d ms", used)
	}
}

func TestTheVendorsLastWordsAreWaitedForWhenTheClientIsGone(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave func(c *client)
	}{
		{"with a Close", func(c *client) {
			if err := c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(hang)); err != nil {
				t.Fatal(err)
			}
		}},
		{"without a word", func(c *client) { _ = c.conn.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: budgetOf(time.Minute)})
			r.restrict("ann")
			c := r.connect("ann", linear16)
			c.send(50, 20)
			ss, err := r.vendor.Begun(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ss[0].Until(t.Context(), func(rec fake.Record) bool { return rec.AudioMS == 1000 }); err != nil {
				t.Fatal(err)
			}
			tt.leave(c)
			rec := r.heard(1)[0]
			if last := rec.Events[len(rec.Events)-2]; last.Kind != "text" || !strings.Contains(last.Text, "CloseStream") {
				t.Errorf("the vendor was not told the end: %+v", rec.Events)
			}
			r.settled()
			if used := r.used("ann"); used != 1000 {
				t.Errorf("charged %d ms", used)
			}
			if !strings.Contains(r.log.String(), `"reported_ms":1000`) {
				t.Errorf("the vendor's figure is not in the log: %s", r.log)
			}
		})
	}
}

func TestTheVendorsOwnEndReachesTheClient(t *testing.T) {
	for sc, want := range map[fake.Scenario]int{fake.Close1011: 1011, fake.Reset: 1011, fake.EOF: 1011} {
		t.Run(string(sc), func(t *testing.T) {
			r := newRig(t, rigOptions{config: func(c *Config) {
				budgetOf(time.Minute)(c)
				key(c, sc)
			}})
			r.restrict("ann")
			c := r.connect("ann", linear16)
			c.send(50, 20)
			texts, closed := c.read()
			if closed.Code != want {
				t.Errorf("closed with %d %q, want %d", closed.Code, closed.Text, want)
			}
			if told := texts[len(texts)-1]["type"] == "Error"; told == (sc == fake.Close1011) {
				t.Errorf("the vendor's own Close passes alone, its loss is told; last came %v", texts[len(texts)-1])
			}
			r.settled()
			if used := r.used("ann"); used != 1000 {
				t.Errorf("charged %d ms, forwarded were 1000", used)
			}
		})
	}
}

func TestWhatTheClientMayNotSendEndsItsStreamOnly(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) { c.Limits.MessageBytes = 8192 }})
	other := r.connect("bob", linear16)
	for _, tt := range []struct {
		name string
		op   int
		msg  []byte
		code int
	}{
		{"a large message", websocket.BinaryMessage, make([]byte, 8193), 1009},
		{"a large control message", websocket.TextMessage, []byte(`{"type":"Smuggle","data":"` + strings.Repeat("A", 5000) + `"}`), 1008},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := r.connect("ann", linear16)
			if err := c.conn.WriteMessage(tt.op, tt.msg); err != nil {
				t.Fatal(err)
			}
			if _, closed := c.read(); closed.Code != tt.code {
				t.Errorf("closed with %d %q, want %d", closed.Code, closed.Text, tt.code)
			}
		})
	}
	other.send(10, 20)
	other.text(`{"type":"CloseStream"}`)
	if _, closed := other.read(); closed.Code != 1000 {
		t.Errorf("the other stream ended with %d", closed.Code)
	}
}

func TestADrainFinishesStreamsPolitelyAndSettlesThem(t *testing.T) {
	const n = 5
	r := newRig(t, rigOptions{config: func(c *Config) {
		budgetOf(time.Minute)(c)
		c.Drain = DrainConfig{Grace: 50 * time.Millisecond, Hard: hang}
	}})
	r.restrict("ann")
	var cs []*client
	for range n {
		c := r.connect("ann", linear16)
		c.send(50, 20)
		cs = append(cs, c)
	}
	for _, s := range r.vendor.Streams() {
		if _, err := s.Until(t.Context(), func(rec fake.Record) bool { return rec.AudioMS == 1000 }); err != nil {
			t.Fatal(err)
		}
	}
	r.server.Streams.BeginDrain()
	_, resp, err := r.dial("ann", linear16, nil)
	if err == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("X-Sttgate-Reason") != "draining" {
		t.Errorf("a newcomer got %v, %v", resp, err)
	}
	go r.server.Shutdown(context.Background())
	for _, c := range cs {
		texts, closed := c.read()
		if closed.Code != 1012 {
			t.Errorf("closed with %d %q, want 1012", closed.Code, closed.Text)
		}
		var last bool
		for _, m := range texts {
			last = last || m["type"] == "Metadata"
		}
		if !last {
			t.Error("the vendor's last words did not reach the client")
		}
		_ = c.conn.Close()
	}
	<-r.done
	r.settled()
	if used := r.used("ann"); used != n*1000 {
		t.Errorf("charged %d ms, want %d", used, n*1000)
	}
}

func TestADrainLetsStreamsEndByThemselves(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) { c.Drain = DrainConfig{Grace: hang, Hard: 2 * hang} }})
	c := r.connect("ann", linear16)
	go r.server.Shutdown(context.Background())
	for !r.server.Streams.Draining() {
		c.send(1, 20) // the drain has begun when it says so; the stream does not notice
	}
	c.send(10, 20)
	c.text(`{"type":"CloseStream"}`)
	if _, closed := c.read(); closed.Code != 1000 {
		t.Errorf("closed with %d", closed.Code)
	}
	_ = c.conn.Close()
	<-r.done
}

// TestAnOperatorEndsAStream holds both faces of it: to the client it is a gateway that goes down, whom it may call again; the books
// do not take it for a drain.
func TestAnOperatorEndsAStream(t *testing.T) {
	var w witness
	r := newRig(t, rigOptions{events: w.events(time.Hour)})
	c := r.connect("ann", linear16)
	var list []*Stream
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(hang); len(list) == 0 && time.Now().Before(end); <-look.C {
		list = r.server.Streams.List() // the client has its 101 a moment before the registry has the stream
	}
	if len(list) != 1 || list[0].User != "ann" {
		t.Fatalf("live streams: %v", list)
	}
	if !r.server.Streams.End(list[0].ID, Killed()) || r.server.Streams.End("nobody", Killed()) {
		t.Error("End did not tell the two apart")
	}
	if _, closed := c.read(); closed.Code != 1012 || closed.Text != "draining" {
		t.Errorf("closed with %v", closed)
	}
	if used, refused := w.ended(r); len(used) != 1 || used[0].Result != "ended_by_operator" || len(refused) != 1 || refused[0].Reason != EndedByOperator || refused[0].Status != 503 {
		t.Errorf("told of %+v, %+v", used, refused)
	}
	if r.metric("streams_total", "result", "ended_by_operator") != 1 || r.metric("streams_total", "result", "draining") != 0 {
		t.Error("the metrics take it for something else")
	}
	if !strings.Contains(r.log.String(), `"result":"ended_by_operator"`) {
		t.Error("the log does not say who ended it")
	}
}
