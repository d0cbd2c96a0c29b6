package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
)

// recorded is what the page in testdata/recorder.html tells of one recording.
type recorded struct {
	Type     string
	Metadata float64 // the vendor's figure, s
	Close    int
	Decoded  float64 // the browser's own figure: what it decodes of what it recorded, s
	Took     float64 // how long it recorded by the page's clock, s: with the gaps of a busy machine
	Bytes    int64
	Error    string
}

// TestABrowsersRecordingsAreMetered streams what a real browser's MediaRecorder makes, live.
func TestABrowsersRecordingsAreMetered(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Chromium and ten seconds")
	}
	r := newRig(t, rigOptions{config: func(c *Config) {
		budgetOf(time.Hour)(c)
		c.Identity.Tokens.Secret = secret.New(strings.Repeat("s", 32))
	}})
	r.restrict("ann")
	minter, err := NewMinter(TokensConfig{Secret: secret.New(strings.Repeat("s", 32)), UserClaim: "sub", PlanClaim: "plan"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := minter.Mint("ann", "", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	results := browse(t, url.Values{"gate": {r.server.Addr()}, "token": {token}, "ms": {"8000"}})
	r.settled()
	ends := r.closings()
	if len(results) == 0 || len(ends) != len(results) {
		t.Fatalf("%d recordings, %d streams:\n%s", len(results), len(ends), r.log)
	}
	var charged int64
	for _, got := range results {
		if got.Error != "" || got.Close != 1000 || got.Decoded < 7 {
			t.Errorf("%+v", got)
			continue
		}
		end := closest(ends, got.Bytes)
		ours := end["audio_ms"].(float64) / 1000
		t.Logf("%s: recorded %.3f s, metered %.3f s (%+.2f %%), %v", got.Type, got.Decoded, ours, (ours/got.Decoded-1)*100, end["codec"])
		// A gap in its timestamps is time to a decoder that plays it: what counts is no more than the page's clock.
		if ours < got.Decoded*0.99 || ours > max(got.Decoded, got.Took)*1.01 || end["method"] != methodContainer {
			t.Errorf("%s: metered %.3f s of %.3f, in %.3f: %v", got.Type, ours, got.Decoded, got.Took, end)
		}
		charged += int64(end["charged_ms"].(float64))
		if end["charged_ms"].(float64)-end["audio_ms"].(float64) > 1 {
			t.Errorf("charged %v of %v", end["charged_ms"], end["audio_ms"])
		}
	}
	if r.used("ann") != charged {
		t.Errorf("%d used, %d charged", r.used("ann"), charged)
	}
}

// browse opens the page in a browser without a window, and returns what it posts.
func browse(t *testing.T, query url.Values) (results []recorded) {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: install it (Debian: chromium), or run the tests with -short", err)
	}
	done := make(chan []byte, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, req *http.Request) { http.ServeFile(w, req, "testdata/recorder.html") })
	mux.HandleFunc("POST /done", func(_ http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		done <- b
	})
	site := httptest.NewServer(mux)
	defer site.Close()
	var output bytes.Buffer
	cmd := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--autoplay-policy=no-user-gesture-required", "--user-data-dir="+t.TempDir(), site.URL+"/?"+query.Encode())
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.WaitDelay = hang
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	select {
	case b := <-done:
		if err := json.Unmarshal(b, &results); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	case <-time.After(3 * hang):
		t.Fatalf("the page tells nothing:\n%s", &output)
	}
	return results
}

// closings are the closing lines of all streams.
func (r *rig) closings() (ends []map[string]any) {
	r.t.Helper()
	for line := range strings.Lines(r.log.String()) {
		var m map[string]any
		if json.Unmarshal([]byte(line), &m) == nil && m["msg"] == "stream ended" {
			ends = append(ends, m)
		}
	}
	return ends
}

// closest is the line of the stream that carried so many bytes.
func closest(ends []map[string]any, size int64) map[string]any {
	for _, e := range ends {
		if int64(e["audio_bytes"].(float64)) == size {
			return e
		}
	}
	return map[string]any{"audio_ms": 0.0, "charged_ms": 0.0}
}
