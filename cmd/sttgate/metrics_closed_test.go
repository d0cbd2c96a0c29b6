package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sttgate/sttgate/config"
)

// TestNoLabelComesFromTheWire sends a gateway 10 000 requests whose paths, methods, users, parameters and answers of the vendor are drawn
// at random, and expects no value of a label that docs/metrics.yaml does not have. The seed makes a failure come back.
func TestNoLabelComesFromTheWire(t *testing.T) {
	t.Parallel()
	const requests = 10_000
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		status, _ := strconv.Atoi(r.URL.Query().Get("keyterm")) // one that every vendor's path lets through
		if status < 200 {
			status = http.StatusOK
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"id":"x","metadata":{"duration":1}}`)
	}))
	t.Cleanup(up.Close)
	file := filepath.Join(t.TempDir(), "sttgate.yaml")
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
identity: {path: true}
providers: {deepgram: {url: %[1]q, key: secret}, soniox: {url: %[1]q, key: secret}, speechmatics: {url: %[1]q, key: secret}}
ledger: {store: memory}
budgets: [{name: daily, stages: [none], window: day, limit: 2s}]
`, up.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	live, err := config.Open(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := startGateway(t.Context(), live, slog.New(slog.DiscardHandler), "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})

	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	dice := rand.New(rand.NewPCG(20261126, 7))
	answers := map[int]int{}
	for range requests {
		answers[shoot(t, tr, g.DataAddr(), dice)]++
	}
	if answers[http.StatusPaymentRequired] == 0 || answers[http.StatusNotFound] == 0 || answers[http.StatusTooManyRequests] == 0 {
		t.Errorf("the requests come to too little: %v", answers)
	}

	page := httptest.NewRecorder()
	g.admin.Handler.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser, series := expfmt.NewTextParser(model.LegacyValidation), 0
	families, err := parser.TextToMetricFamilies(page.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := catalogue(t)
	for name, f := range families {
		if strings.HasPrefix(name, "sttgate_") {
			series += len(f.GetMetric())
			checkFamily(t, want, f)
		}
	}
	if series > 500 {
		t.Errorf("%d series", series)
	}
}

// shoot sends one request and returns the answer's status.
func shoot(t *testing.T, tr http.RoundTripper, addr string, dice *rand.Rand) int {
	t.Helper()
	pick := func(all ...string) string { return all[dice.IntN(len(all))] }
	word := func() string {
		b := make([]byte, 1+dice.IntN(12))
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789._@:-"[dice.IntN(47)]
		}
		return string(b)
	}
	path := "/" + word() + "/" + word()
	switch dice.IntN(4) {
	case 0:
		path = pick("/v1/listen", "/v2/listen", "/transcribe-websocket", "/v1/files", "/v1/transcriptions", "/v2", "/v2/en", "/v2/jobs", "/v1/auth/grant", "/sttgate/v1/usage")
	case 1:
		path = pick("", "/deepgram", "/soniox", "/speechmatics", "/u/"+word()) + pick("/v1/listen", "/v1/files/", "/v2/jobs/") + word()
	case 2:
		path = "/v1/listen"
	}
	method, user := pick("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "X"+strings.ToUpper(strings.NewReplacer("@", "", ":", "").Replace(word()))), word()
	if path == "/v1/listen" {
		method = http.MethodPost
	}
	if dice.IntN(4) == 0 {
		user = pick("ann", "", "bad user", strings.Repeat("x", 200))
	}
	url := fmt.Sprintf("http://%s%s?encoding=%s&sample_rate=%s&keyterm=%d&model=%s", addr, path, pick("linear16", "linear16", "linear16", word()), pick("16000", "16000", word()), 200+dice.IntN(400), word())
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(make([]byte, dice.IntN(4000))))
	if err != nil {
		t.Fatal(err)
	}
	if dice.IntN(10) == 0 {
		req.Method, req.Body, req.ContentLength = http.MethodGet, nil, 0
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			req.Header.Set(name, value)
		}
	}
	req.Header.Set("Content-Type", pick("audio/raw", "audio/wav", "application/json", word()))
	if user != "" {
		req.Header.Set("X-Sttgate-User", user)
		req.Header.Set("X-Sttgate-Plan", word())
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols { // what is upgraded to be refused in-band has no end but ours
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	return resp.StatusCode
}
