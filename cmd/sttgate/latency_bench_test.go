package main

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// BenchmarkFramesWhileRedisIsAway measures how long a frame takes from a client to the vendor while the
// ledger's server hangs, answers 2 s late, or is dead. Each disturbance has a calm phase before it, in the
// same round, so that whatever else the machine does meets both.
//
//	clients ─ frame with its time ─► gateway (own process) ─► vendor: now − its time
//	                                    └─► toxiproxy ─► redis-server
//
// make bench-outage runs seven rounds.
func BenchmarkFramesWhileRedisIsAway(b *testing.B) {
	const streams, phase, recovery = 25, 2 * time.Second, 2500 * time.Millisecond
	l := newLatencyLab(b)
	stop := l.speak(streams)
	defer stop()
	l.phase(warmUp, phase)
	late := disturbance{Kind: chaosTox, Toxic: toxic{
		Name: "late", Type: "latency", Stream: "downstream", Toxicity: 1, Attributes: map[string]int{"latency": 2000},
	}}
	b.ResetTimer()
	for range b.N {
		for _, d := range []struct {
			name       string
			begin, end func()
		}{
			{"hangs", func() { l.server.Signal(syscall.SIGSTOP) }, func() { l.server.Signal(syscall.SIGCONT) }},
			{"answers 2 s late", func() { l.net.spoil("redis", late) }, func() { l.net.heal("redis", late) }},
			{"is killed", l.server.Kill, l.server.Start},
		} {
			l.phase(calm, phase)
			d.begin()
			l.phase(d.name, phase)
			d.end()
			l.phase("is back", recovery)
		}
	}
	b.StopTimer()
	b.Logf("%d streams x 50 frames/s, slice 1s\n%s", streams, l.table())
	for name := range l.took {
		if name != calm && name != warmUp {
			b.ReportMetric(float64(l.percentile(name, 99)-l.percentile(calm, 99))/1e6, "ms-p99-"+strings.ReplaceAll(name, " ", "-"))
		}
	}
}

// The phases that are no disturbances.
const (
	warmUp = "warm-up"
	calm   = "answers"
)

// latencyLab is a gateway between clients and a vendor that look at one clock.
type latencyLab struct {
	b      *testing.B
	server *ledgertest.RedisServer
	net    *toxiproxy
	gate   *process
	zero   time.Time

	mu   sync.Mutex
	now  string // the phase; "" while there is none
	took map[string][]time.Duration
	lost atomic.Int64 // streams that ended: the measurement would be of nothing
}

func newLatencyLab(b *testing.B) *latencyLab {
	b.Helper()
	l := &latencyLab{b: b, server: ledgertest.StartRedis(b), net: startToxiproxy(b, 1), zero: time.Now(), took: map[string][]time.Duration{}}
	up := httptest.NewServer(http.HandlerFunc(l.vendor))
	b.Cleanup(up.Close)
	file := filepath.Join(b.TempDir(), "sttgate.yaml")
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
providers: {deepgram: {url: %q, key: secret}}
ledger: {store: redis, path: %q, slice: 1s, redis: {url: "redis://%s"}, outage: {mode: allow, grace_per_stream: 1h, grace_per_user: 24h}}
budgets: [{name: wide, providers: [deepgram], window: day, limit: 1000h}]
`, up.URL, filepath.Join(b.TempDir(), "journal"), l.net.way("redis", l.server.Addr()))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	l.gate = serveProcess(b, file)
	return l
}

// vendor notes how old each frame is.
func (l *latencyLab) vendor(w http.ResponseWriter, r *http.Request) {
	c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close() //nolint:errcheck // the client ends it
	for {
		_, frame, err := c.ReadMessage()
		if err != nil {
			return
		}
		age := time.Since(l.zero) - time.Duration(binary.LittleEndian.Uint64(frame)) //nolint:gosec // our own clock
		l.mu.Lock()
		if l.now != "" {
			l.took[l.now] = append(l.took[l.now], age)
		}
		l.mu.Unlock()
	}
}

// speak lets n clients stream in real time until the returned function is called.
func (l *latencyLab) speak(n int) (stop func()) {
	l.b.Helper()
	var all sync.WaitGroup
	quit := make(chan struct{})
	for i := range n {
		c, resp, err := websocket.DefaultDialer.Dial("ws://"+l.gate.data+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{"X-Sttgate-User": {fmt.Sprint("user", i%5)}})
		if err != nil {
			l.b.Fatalf("connect: %v %v", err, resp)
		}
		all.Go(func() {
			defer c.Close() //nolint:errcheck // the gateway settles it
			pace := time.NewTicker(20 * time.Millisecond)
			defer pace.Stop()
			for frame := make([]byte, 640); ; {
				select {
				case <-quit:
					return
				case <-pace.C:
				}
				binary.LittleEndian.PutUint64(frame, uint64(time.Since(l.zero))) //nolint:gosec // it is positive
				if c.WriteMessage(websocket.BinaryMessage, frame) != nil {
					l.lost.Add(1)
					return
				}
			}
		})
	}
	return func() {
		close(quit)
		all.Wait()
		if l.lost.Load() > 0 {
			l.b.Errorf("%d streams ended before the measurement did", l.lost.Load())
		}
	}
}

// phase measures for a while.
func (l *latencyLab) phase(name string, d time.Duration) {
	l.mu.Lock()
	l.now = name
	l.mu.Unlock()
	<-time.After(d)
	l.mu.Lock()
	l.now = ""
	l.mu.Unlock()
}

func (l *latencyLab) percentile(name string, p int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.took[name]
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)*p/100]
}

// table is Markdown, for docs/redis.md.
func (l *latencyLab) table() string {
	var s strings.Builder
	s.WriteString("| Redis | frames | p50 | p99 | longest | p99 against undisturbed |\n|---|---|---|---|---|---|\n")
	for _, name := range []string{calm, "hangs", "answers 2 s late", "is killed", "is back"} {
		ms := func(p int) float64 { return float64(l.percentile(name, p)) / 1e6 }
		fmt.Fprintf(&s, "| %s | %d | %.2f ms | %.2f ms | %.2f ms | %+.2f ms |\n", name, len(l.took[name]), ms(50), ms(99), ms(100),
			ms(99)-float64(l.percentile(calm, 99))/1e6)
	}
	return s.String()
}
