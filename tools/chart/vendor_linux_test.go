package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// vendor is `sttgate fake`, and somebody before it who writes down what it is shown.
type vendor struct {
	url, fake string
	mu        sync.Mutex
	shown     []string
}

func startVendor(t *testing.T) *vendor {
	t.Helper()
	v := &vendor{fake: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	background(t, exec.Command(tool(t, "gateway"), "fake", "--listen", v.fake))
	until(t, "a vendor", func() error { return status("http://" + v.fake + "/fake/totals") })
	way := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: v.fake})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		v.shown = append(v.shown, r.Header.Get("Authorization"))
		v.mu.Unlock()
		way.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	v.url = s.URL
	return v
}

func (v *vendor) credentials() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.shown
}

// totals are what the vendor says of itself.
type totals struct {
	Streams, Ended int
	Audio          int64 `json:"audio_ms"`
}

func (v *vendor) totals(t *testing.T) totals {
	t.Helper()
	client := http.Client{Timeout: guard}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + v.fake + "/fake/totals")
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	var all struct{ Deepgram totals }
	must(t, json.NewDecoder(resp.Body).Decode(&all))
	return all.Deepgram
}

// heard is all audio of streams, in ms.
func (v *vendor) heard(t *testing.T) int64 { t.Helper(); return v.totals(t).Audio }

// settled waits until no stream is left that could still hear something.
func (v *vendor) settled(t *testing.T) {
	t.Helper()
	until(t, "the end of all streams", func() error {
		if now := v.totals(t); now.Streams != now.Ended {
			return fmt.Errorf("%d of %d have ended", now.Ended, now.Streams)
		}
		return nil
	})
}

// startRedis starts one whose data lies in the test's directory, and returns its address.
func startRedis(t *testing.T) string {
	t.Helper()
	port := freePort(t)
	background(t, exec.Command("redis-server", "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"))
	return fmt.Sprintf("redis://127.0.0.1:%d/0", port)
}

// background runs a program until kill, or the test's end.
func background(t *testing.T, cmd *exec.Cmd) (kill func()) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(t, cmd.Start())
	kill = func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // it may have ended by itself
			_ = cmd.Wait()         // of the signal
		}
	}
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(cmd.Path), out.String())
		}
	})
	return kill
}
