package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// bench is the backend of a gateway: it judges, is told, and counts. It lets the first one who asks for a judgement wait.
type bench struct {
	*httptest.Server

	asked chan struct{} // is closed with the first question
	judge chan struct{} // closed: whoever has asked is answered

	mu    sync.Mutex // guards what follows
	cases []string   // that a judgement was asked for
	told  []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	h := &bench{asked: make(chan struct{}), judge: make(chan struct{})}
	once := sync.OnceFunc(func() { close(h.asked) })
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Case string
			Type string
			Data struct{ Ref, From, To string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("%s: %v", r.URL, err)
		}
		h.mu.Lock()
		if r.URL.Path == "/judge" {
			h.cases = append(h.cases, body.Case)
		} else {
			h.told = append(h.told, fmt.Sprintf("%s %s %s %s", body.Type, body.Data.From, body.Data.To, body.Data.Ref))
		}
		h.mu.Unlock()
		if r.URL.Path != "/judge" {
			return
		}
		once()
		select {
		case <-h.judge:
		case <-r.Context().Done(): // the gateway is gone: the test has failed
			return
		}
		_, _ = io.WriteString(w, `{"misuse_score":0.9,"usage_type":"prerecorded","confidence":0.5,"evidence":["one"],"reasoning":"two"}`)
	}))
	t.Cleanup(h.Close)
	return h
}

// has waits until somebody was told.
func (h *bench) has(t *testing.T) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); ; <-look.C {
		h.mu.Lock()
		n := len(h.told)
		h.mu.Unlock()
		switch {
		case n > 0:
			return
		case time.Now().After(end):
			t.Fatal("nobody is told")
		}
	}
}

// choir are streams of bob's that speak in time.
type choir struct {
	t     *testing.T
	conns []*websocket.Conn
	ended sync.WaitGroup
}

func newChoir(t *testing.T, gates []*process, n int) *choir {
	t.Helper()
	c := &choir{t: t}
	for i := range n {
		conn, resp, err := websocket.DefaultDialer.Dial("ws://"+gates[i%len(gates)].data+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{"X-Sttgate-User": {"bob"}})
		if err != nil {
			t.Fatalf("connect: %v %v", err, resp)
		}
		c.conns = append(c.conns, conn)
		c.ended.Go(func() {
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					_ = conn.Close()
					return
				}
			}
		})
	}
	return c
}

// sing lets each send a fifth of a second of audio ten times a second, until something is so.
func (c *choir) sing(what string, so func() bool) {
	c.t.Helper()
	beat := time.NewTicker(100 * time.Millisecond)
	defer beat.Stop()
	for end := time.Now().Add(procHang); !so(); <-beat.C {
		if time.Now().After(end) {
			c.t.Fatalf("in vain: %s", what)
		}
		for _, conn := range c.conns {
			if err := conn.WriteMessage(websocket.BinaryMessage, make([]byte, 6400)); err != nil {
				c.t.Fatalf("%s: %v", what, err)
			}
		}
	}
}

func (c *choir) end() {
	c.t.Helper()
	for _, conn := range c.conns {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`)); err != nil {
			c.t.Fatal(err)
		}
	}
	c.ended.Wait()
}

// countedBy is a counter's sum over all gateways and all of its labels.
func countedBy(gates []*process, name string) (sum float64) {
	for _, p := range gates {
		for _, m := range p.scrape()[name].GetMetric() {
			sum += m.GetCounter().GetValue()
		}
	}
	return sum
}

// TestAHundredStreamsOfAUserAreOneTrigger is one promise on both kinds of ledger: whoever goes over a cap with many streams at once, at one
// gateway or at two, is reviewed once, moved once, and told of once.
func TestAHundredStreamsOfAUserAreOneTrigger(t *testing.T) {
	for name, start := range map[string]func(w *world) []*process{
		"one gateway on the embedded store": func(w *world) []*process { return []*process{serveProcess(w.t, w.file)} },
		"two gateways on one Redis": func(w *world) []*process {
			return w.two(w.redisConfig(ledgertest.StartRedis(w.t).URL(), "100h", "mode: deny"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newBench(t)
			w := newWorld(t, fmt.Sprintf(`policy:
  check_interval: 1s
  caps: [{name: little, window: 24h, limit: 10s}]
  review: {classifier: {type: http, url: "%[1]s/judge"}}
notify: {webhook: {url: "%[1]s/told", secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz}}
`, h.URL))
			gates := start(w)
			// A judgement needs a session that is over, and written down: that is so when its gateway is down, and another one takes its place.
			first := newChoir(t, gates[:1], 1)
			first.sing("the first session", func() bool { return w.heard() >= 1000 })
			first.end()
			gates[0].signal(syscall.SIGTERM)
			gates[0].wait()
			gates[0] = serveProcess(t, gates[0].cmd.Args[len(gates[0].cmd.Args)-1])

			all := newChoir(t, gates, 100)
			all.sing("a review", func() bool {
				select {
				case <-h.asked:
					return true
				default:
					return false
				}
			})
			// While it is under way every stream buys again, and is over the cap.
			goOn := func(what string) {
				before := w.heard()
				all.sing(what, func() bool { return w.heard() >= before+100*3000 })
			}
			goOn("streams while the review is under way")
			close(h.judge)
			gates[0].at("warning")
			goOn("streams in the cooldown")
			h.has(t)
			all.end()

			h.mu.Lock()
			defer h.mu.Unlock()
			if len(h.cases) != 1 || len(h.told) != 1 || h.told[0] != "policy.step none warning "+h.cases[0] {
				t.Errorf("judged: %v; told: %v", h.cases, h.told)
			}
			for name, want := range map[string]float64{"sttgate_reviews_total": 1, "sttgate_stage_transitions_total": 1, "sttgate_usage_events_total": 1} {
				if got := countedBy(gates, name); got != want {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			gates[len(gates)-1].send(http.MethodGet, "/admin/v1/cases/"+h.cases[0], http.StatusOK) // any gateway has it
			var list flaggedView
			if gates[0].call(http.MethodGet, "/admin/v1/users", "", &list); len(list.Users) != 1 || list.Users[0].Case != h.cases[0] || list.Users[0].Stage != "warning" {
				t.Errorf("users: %+v", list.Users)
			}
			var x explainView
			gates[0].call(http.MethodGet, "/admin/v1/users/bob/explain", "", &x)
			for _, r := range x.Rules {
				if r.Rule == "violations" && r.Text != "1 within 168h0m0s" {
					t.Errorf("violations: %s", r.Text)
				}
			}
		})
	}
}
