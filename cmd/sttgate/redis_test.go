package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// redisConfig writes the config of gateways whose ledger is at url, with a budget of a
// minute, before the world's vendor.
func (w *world) redisConfig(url, limit, extra string) string {
	w.t.Helper()
	b, err := os.ReadFile(w.file)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "ledger:") && !strings.HasPrefix(line, "budgets:") {
			lines = append(lines, line)
		}
	}
	lines = append(lines,
		fmt.Sprintf("ledger: {store: redis, slice: 2s, redis: {url: %q, timeout: 5s}}\n", url),
		fmt.Sprintf("budgets: [{name: daily, providers: [deepgram], window: day, limit: %s, on_exhausted: close}]\n", limit), extra)
	file := filepath.Join(w.t.TempDir(), "redis.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return file
}

// TestTwoGatewaysForwardExactlyOneBudget is the promise: the vendor's own count of bytes is the truth.
func TestTwoGatewaysForwardExactlyOneBudget(t *testing.T) {
	for name, faults := range map[string]ledgertest.Faults{
		"undisturbed": {},
		"a tenth of the ledger's answers is lost": {Lose: 0.1},
		"refills come late and out of order":      {Delay: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "")
			server := ledgertest.StartRedis(t)
			way := ledgertest.StartProxy(t, server.Addr(), 3)
			file := w.redisConfig(way.URL(), "60s", "")
			gates := []*process{serveProcess(t, file), serveProcess(t, file)}
			way.Set(faults)
			var all sync.WaitGroup
			for i := range 16 {
				all.Go(func() { speakToTheEnd(t, gates[i%2]) })
			}
			all.Wait()
			way.Set(ledgertest.Faults{})
			// What a broken stream held may have come back after the others had ended.
			for round := 0; w.heard() < 60_000 && round < 50; round++ {
				speakToTheEnd(t, gates[round%2])
			}
			for _, p := range gates { // everything is settled when they are down
				p.signal(syscall.SIGTERM)
				if code := p.wait(); code != 0 {
					t.Errorf("exit code %d", code)
				}
			}
			p := serveProcess(t, file)
			heard, used := w.heard(), p.used("bob")
			t.Logf("the vendor heard %d ms, charged are %d, %d replies lost", heard, used, way.Lost())
			if heard != 60_000 || used != 60_000 {
				t.Errorf("the vendor heard %d ms, charged are %d; want 60000 and 60000", heard, used)
			}
		})
	}
}

// speakToTheEnd streams as one of bob's until there is no budget, and comes back after an end
// that was not the budget's: an outage of the ledger.
func speakToTheEnd(t *testing.T, p *process) {
	ctx, cancel := context.WithTimeout(context.Background(), procHang)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for ; ; <-again.C {
		c, resp, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+p.data+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{"X-Sttgate-User": {"bob"}})
		switch {
		case ctx.Err() != nil:
			t.Error("the budget does not come to its end")
			return
		case err == nil:
			if code := speak(c); code == websocket.ClosePolicyViolation {
				return
			}
		case resp == nil:
			t.Errorf("connect: %v", err)
			return
		default:
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusTooManyRequests {
				return
			}
			if resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("connect: %v", resp.Status)
				return
			}
		}
	}
}

// speak sends frames of 20 ms at ten times real time and returns the close code.
func speak(c *websocket.Conn) (code int) {
	var all sync.WaitGroup
	all.Go(func() {
		pace := time.NewTicker(2 * time.Millisecond)
		defer pace.Stop()
		for frame := make([]byte, 640); c.WriteMessage(websocket.BinaryMessage, frame) == nil; {
			<-pace.C
		}
	})
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			_ = c.Close()
			all.Wait()
			if e, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // it is never wrapped
				return e.Code
			}
			return websocket.CloseAbnormalClosure
		}
	}
}
