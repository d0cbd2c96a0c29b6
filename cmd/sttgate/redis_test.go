package main

import (
	"bytes"
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

// redisConfig writes the config of one more gateway whose ledger is at url, before the world's
// vendor. Bob has a budget.
func (w *world) redisConfig(url, limit, outage string) string {
	w.t.Helper()
	return w.redisFile(url, "sttgate:", outage, fmt.Sprintf("{name: daily, providers: [deepgram], window: day, limit: %s, on_exhausted: close}", limit))
}

// redisFile is redisConfig with a prefix and budgets of one's own.
func (w *world) redisFile(url, prefix, outage, budgets string) string {
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
		fmt.Sprintf("ledger: {store: redis, path: %q, slice: %s, redis: {url: %q, prefix: %q, timeout: %s}, outage: {%s}}\n",
			filepath.Join(w.t.TempDir(), "journal"), redisSlice, url, prefix, redisTimeout, outage),
		fmt.Sprintf("budgets: [%s]\n", budgets))
	file := filepath.Join(w.t.TempDir(), "redis.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return file
}

// redisSlice is the lease of a stream.
const redisSlice = 2 * time.Second

// redisTimeout is longer than an operator's would be: a machine under load is no outage.
const redisTimeout = 2 * time.Second

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
			gates := w.two(w.redisConfig(way.URL(), "60s", "mode: deny"))
			way.Set(faults)
			spendTogether(t, gates, []string{"bob"}, func() {})
			way.Set(ledgertest.Faults{})
			w.spendTheRest(gates, 60_000)
			p := serveProcess(t, w.redisConfig(server.URL(), "60s", "mode: deny"))
			t.Logf("%d replies lost", way.Lost())
			w.exactly(60_000, p.used("bob"))
		})
	}
}

// two starts two gateways with one config, but each with a journal of its own.
func (w *world) two(file string) []*process {
	w.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	other := file + "2"
	if err := os.WriteFile(other, bytes.Replace(b, []byte("/journal"), []byte("/journal2"), 1), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return []*process{serveProcess(w.t, file), serveProcess(w.t, other)}
}

// spendTogether lets sixteen streams of some users spend what they can get, half of them at either
// gateway, while something happens.
func spendTogether(t *testing.T, gates []*process, users []string, meanwhile func()) {
	t.Helper()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() { speakToTheEnd(t, gates[i%2], users[i/2%len(users)]) })
	}
	meanwhile()
	all.Wait()
}

// spendTheRest comes back for what a broken stream held when the others had ended, and stops the
// gateways: everything is settled when they are down.
func (w *world) spendTheRest(gates []*process, limit int64) {
	w.t.Helper()
	for round := 0; w.heard() < limit && round < 50; round++ {
		speakToTheEnd(w.t, gates[round%2], "bob")
	}
	for _, p := range gates {
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 0 {
			w.t.Errorf("exit code %d", code)
		}
	}
}

func (w *world) exactly(want int64, charged ...int64) {
	w.t.Helper()
	heard := w.heard()
	w.t.Logf("the vendor heard %d ms, charged are %d", heard, charged)
	for _, n := range append(charged, heard) {
		if n != want {
			w.t.Errorf("the vendor heard %d ms, charged are %d; want %d everywhere", heard, charged, want)
			return
		}
	}
}

// speakToTheEnd streams as one of a user's until there is no budget, and comes back after an end
// that was not the budget's: an outage of the ledger.
func speakToTheEnd(t *testing.T, p *process, user string) {
	ctx, cancel := context.WithTimeout(context.Background(), procHang)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for ; ; <-again.C {
		c, resp, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+p.data+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{"X-Sttgate-User": {user}})
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
			if resp.StatusCode == http.StatusTooManyRequests || resp.Header.Get("X-Sttgate-Reason") == "breaker_open" {
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

// TestAnOutageForwardsTheGraceAndIsChargedAfterwards kills the ledger's server under running streams, lets
// them come to their ends, and brings it back.
func TestAnOutageForwardsTheGraceAndIsChargedAfterwards(t *testing.T) {
	const streams, slice = 4, int64(redisSlice / time.Millisecond)
	for _, c := range []struct {
		name, outage string
		grace        int64 // ms of all streams
		ready        int
	}{
		{"deny", "mode: deny", 0, http.StatusServiceUnavailable},
		{"allow, by stream", "mode: allow, grace_per_stream: 3s", streams * 3000, http.StatusOK},
		{"allow, by user", "mode: allow, grace_per_stream: 3s, grace_per_user: 5s", 5000, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "")
			server := ledgertest.StartRedis(t)
			p := serveProcess(t, w.redisConfig(server.URL(), "10h", c.outage))
			all := flood(t, p, streams)
			w.until(0, streams*300)
			server.Kill()
			before := w.heard()
			all.Wait() // every stream comes to its end
			dark := w.heard() - before
			t.Logf("%d ms were forwarded in the dark", dark)
			if dark > streams*slice+c.grace {
				t.Errorf("%d ms were forwarded in the dark, the leases in hand and %d ms of grace are %d", dark, c.grace, streams*slice+c.grace)
			}
			if dark < c.grace-streams*100 { // a rest smaller than a frame is of no use
				t.Errorf("%d ms were forwarded in the dark, the grace is %d", dark, c.grace)
			}
			p.send(http.MethodGet, "/readyz", c.ready)
			server.Start()
			look := time.NewTicker(20 * time.Millisecond)
			defer look.Stop()
			for end := time.Now().Add(procHang); p.used("bob") != w.heard(); <-look.C {
				if time.Now().After(end) {
					t.Fatalf("the vendor heard %d ms, charged are %d", w.heard(), p.used("bob"))
				}
			}
			again := flood(t, p, 1) // and it goes on
			w.until(w.heard(), 300)
			p.signal(syscall.SIGKILL)
			again.Wait()
		})
	}
}
