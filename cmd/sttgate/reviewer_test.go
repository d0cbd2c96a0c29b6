package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
	"github.com/sttgate/sttgate/policy/review"
)

// at waits until bob is at a stage.
func (p *process) at(stage string) {
	p.t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	var u userView
	for end := time.Now().Add(procHang); u.Stage != stage; <-look.C {
		if time.Now().After(end) {
			p.t.Fatalf("bob is at %s, not %s", u.Stage, stage)
		}
		p.call(http.MethodGet, "/admin/v1/users/bob", "", &u)
	}
}

// endAll ends the streams that run at a gateway.
func (p *process) endAll(all *sync.WaitGroup) {
	p.t.Helper()
	for _, s := range p.streams() {
		p.send(http.MethodDelete, "/admin/v1/streams/"+s, http.StatusAccepted)
	}
	all.Wait()
}

// TestAUserOverACapIsJudgedByTheSessionsThatTheLedgerRemembers goes the whole way: a stream's end, the ledger, the evidence, the
// classifier's word, the record. The first reviews may come before a session is over: nobody is asked then, and nothing counts.
func TestAUserOverACapIsJudgedByTheSessionsThatTheLedgerRemembers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var shown []review.Evidence
	var keys []string
	house := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, r.URL.Path+" "+r.Header.Get("Authorization"))
		if strings.HasPrefix(r.URL.Path, "/credits/") {
			_, _ = io.WriteString(w, `{"exhausted":false}`)
			return
		}
		var e review.Evidence
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Errorf("evidence: %v", err)
		}
		shown = append(shown, e)
		_, _ = io.WriteString(w, `{"misuse_score":0.9,"usage_type":"prerecorded","confidence":0.5,"evidence":["one"],"reasoning":"two"}`)
	}))
	t.Cleanup(house.Close)
	w := newWorld(t, fmt.Sprintf(`policy:
  check_interval: 1s
  caps: [{name: little, window: 24h, limit: 1s}]
  stages: {throttle: {enter_after: 32}, restrict: {enter_after: 32}}
  review:
    cooldown: 1s
    classifier: {type: http, url: "%[1]s/judge", key: CANARY-one, include_transcripts: true}
    credits: {type: http, url: "%[1]s/credits/{user}", key: CANARY-two, timeout: 60s}
`, house.URL))
	p := serveProcess(t, w.file)
	first := flood(t, p, 1)
	w.until(0, 3000)
	p.endAll(first)
	second := flood(t, p, 1)
	p.at("warning")
	p.endAll(second)

	mu.Lock()
	defer mu.Unlock()
	e := shown[0]
	if e.User != "bob" || !strings.HasPrefix(e.Case, "FU-") || len(e.Exceeded) != 1 || e.Exceeded[0].Cap != "little" || e.Exceeded[0].Sum <= 1000 || len(e.Sessions) == 0 {
		t.Fatalf("shown %+v", e)
	}
	s := e.Sessions[len(e.Sessions)-1]
	if s.Vendor != "deepgram" || s.Mode != "stream" || s.Audio < 3000 || s.Speech == nil || *s.Speech == 0 || s.Result == "" || s.Excerpt == "" {
		t.Errorf("session %+v", s)
	}
	for _, k := range keys {
		if k != "/judge Bearer CANARY-one" && k != "/credits/bob Bearer CANARY-two" {
			t.Errorf("asked %s", k)
		}
	}
	if m := p.send(http.MethodGet, "/metrics", http.StatusOK); !strings.Contains(m, `sttgate_reviews_total{result="stepped"} 1`) || !strings.Contains(m, "sttgate_sessions_lost_total 0") {
		t.Errorf("not one review has stepped, or a session was lost:\n%s", m)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if log := p.lines.String(); strings.Contains(log, "CANARY") || strings.Contains(log, s.Excerpt) {
		t.Error("a key, or what was said, is in the log")
	}
}

func TestABackendMovesUsers(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/bob" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		_, _ = io.WriteString(w, `{"stage":"restrict"}`)
	}))
	t.Cleanup(backend.Close)
	server := ledgertest.StartRedis(t)
	o, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer func() { _ = c.Close() }()
	if err := c.Set(t.Context(), "fair_use:stage:bob", "restrict", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for name, policy := range map[string]string{
		"http":  fmt.Sprintf(`policy: {source: http, external: {url: "%s/{user}", timeout: 60s}}`, backend.URL),
		"redis": fmt.Sprintf(`policy: {source: redis, external: {redis_url: %q, timeout: 60s}}`, server.URL()),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy+"\n")
			p := serveProcess(t, w.file)
			all := flood(t, p, 1)
			p.at("restrict")
			p.endAll(all)
		})
	}
}
