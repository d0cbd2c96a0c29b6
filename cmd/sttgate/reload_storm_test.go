package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// The storm: so many reloads under so many streams.
const (
	stormReloads = 1000
	stormStreams = 200
)

// goodRules is the file of a step. Its two limits belong together: whoever sees one of a step and the other of another has seen half a config.
func goodRules(step int) string {
	return fmt.Sprintf("budgets: [{name: daily, providers: [deepgram], window: 168h, limit: %dm}]\nlimits: {streams_per_user: %d}\n", 6000+step, 1000+step)
}

// brokenRules are twelve ways in which a file can be wrong. Most begin as a good one that would be another.
func brokenRules() map[string]func(t *testing.T, file string) {
	good := goodRules(100_000)
	text := func(s string) func(*testing.T, string) {
		return func(t *testing.T, file string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return map[string]func(*testing.T, string){
		"cut off in the middle":      text(good[:len(good)/3]),
		"no YAML":                    text(good + "\t{["),
		"an unknown key":             text(good + "limts: {streams: 1}\n"),
		"a key twice":                text(good + "limits: {streams: 1}\n"),
		"a wrong type":               text(strings.Replace(good, "streams_per_user: ", "streams_per_user: x", 1)),
		"no unit":                    text(strings.Replace(good, "m}", "}", 1)),
		"out of bounds":              text(strings.Replace(good, "streams_per_user: ", "streams_per_user: -", 1)),
		"two budgets of one name":    text(strings.Replace(good, "}]", "}, {name: daily, limit: 1m}]", 1)),
		"a second document":          text(good + "---\nlimits: {}\n"),
		"a secret that is not there": text(good + "providers: {soniox: {key: env:STTGATE_TEST_NOBODY_SETS_THIS}}\n"),
		"too large":                  text(good + strings.Repeat("# more\n", 200_000)),
		"not there":                  func(t *testing.T, file string) { t.Helper(); _ = os.Remove(file) },
	}
}

// storm is a gateway in this process, as far as the test asks it.
type storm struct {
	*house
	t    *testing.T
	file string
}

func (s *storm) get(base, path string, out any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+base+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("X-Sttgate-User", "ann")
	if err := getJSON(req, out); err != nil {
		s.t.Fatal(err)
	}
}

// reload asks the API, and says whether it was put into force.
func (s *storm) reload() bool {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.gateway.AdminAddr()+"/admin/v1/config/reload", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusUnprocessableEntity {
		s.t.Fatalf("reload: %s: %s", res.Status, body)
	}
	return res.StatusCode == http.StatusOK
}

// inForce is the step whose limits hold, as clients are told.
func (s *storm) inForce() int {
	s.t.Helper()
	var l struct {
		Budgets []struct {
			Limit int64 `json:"limit_ms"`
		} `json:"budgets"`
		StreamsPerUser int `json:"streams_per_user"`
	}
	s.get(s.gateway.DataAddr(), "/sttgate/v1/limits", &l)
	if len(l.Budgets) != 1 {
		s.t.Fatalf("%d budgets hold", len(l.Budgets))
	}
	step := l.StreamsPerUser - 1000
	if l.Budgets[0].Limit != int64(6000+step)*60_000 {
		s.t.Errorf("half a config is in force: %d streams, %d ms", l.StreamsPerUser, l.Budgets[0].Limit)
	}
	return step
}

// explains holds an operator's explanation against a step.
func (s *storm) explains(step int) {
	s.t.Helper()
	var x explainView
	s.get(s.gateway.AdminAddr(), "/admin/v1/users/ann/explain", &x)
	want, err := json.Marshal(x.Rules)
	if err != nil || x.Decision != "allow" || !strings.Contains(string(want), fmt.Sprintf("%dh%dm", (6000+step)/60, (6000+step)%60)) && (6000+step)%60 != 0 {
		s.t.Errorf("step %d is explained as %s", step, want)
	}
}

// talk keeps streams busy, a little each, until stop is closed, and counts those that end.
func (s *storm) talk(stop <-chan struct{}) (*sync.WaitGroup, func() int) {
	s.t.Helper()
	var all, readers sync.WaitGroup
	var mu sync.Mutex
	died := 0
	var conns []*websocket.Conn
	for range stormStreams {
		c, resp, err := websocket.DefaultDialer.Dial("ws://"+s.gateway.DataAddr()+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{"X-Sttgate-User": {"ann"}, "Authorization": {"Token any"}})
		if err != nil {
			s.t.Fatalf("stream %d: %v, %v", len(conns), err, resp)
		}
		conns = append(conns, c)
		readers.Go(func() {
			for {
				if _, _, err := c.ReadMessage(); err != nil {
					return
				}
			}
		})
	}
	dead := func() {
		mu.Lock()
		defer mu.Unlock()
		died++
	}
	all.Go(func() { // one speaker for all: two hundred tickers would be the test's own load
		beat := time.NewTicker(500 * time.Millisecond)
		defer beat.Stop()
		for frame := make([]byte, 640); ; {
			for _, c := range conns {
				if c.WriteMessage(websocket.BinaryMessage, frame) != nil {
					dead()
				}
			}
			select {
			case <-beat.C:
			case <-stop:
				for _, c := range conns {
					_ = c.Close()
				}
				readers.Wait()
				return
			}
		}
	})
	return &all, func() int {
		mu.Lock()
		defer mu.Unlock()
		return died
	}
}

// held is what a process holds when nothing is in flight.
func held() (goroutines int, heap uint64) {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}

// TestAThousandReloadsUnderTwoHundredStreams runs alone: it counts this process's goroutines.
func TestAThousandReloadsUnderTwoHundredStreams(t *testing.T) { //nolint:paralleltest // see above
	h, err := openHouse(t.Context(), slog.New(slog.DiscardHandler), goodRules(0))
	if err != nil {
		t.Fatal(err)
	}
	s := &storm{house: h, t: t, file: filepath.Join(h.dir, "sttgate.yaml")}
	stop := make(chan struct{})
	talking, died := s.talk(stop)
	stopTalking := sync.OnceFunc(func() {
		close(stop)
		talking.Wait()
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
	defer stopTalking()

	watching, cancel := context.WithCancel(t.Context())
	sampled := make(chan struct{})
	samples := 0
	go func() { // whoever looks in between sees whole configs only
		defer close(sampled)
		beat := time.NewTicker(50 * time.Millisecond)
		defer beat.Stop()
		for ; watching.Err() == nil; samples++ {
			s.inForce()
			<-beat.C
		}
	}()
	stopSampling := sync.OnceFunc(func() {
		cancel()
		<-sampled
	})
	defer stopSampling()

	broken := brokenRules()
	var names []string
	for name := range broken {
		names = append(names, name)
	}
	step, refused := 0, 0
	var before, goroutines int
	var heapBefore, heap uint64
	for i := 1; i <= stormReloads; i++ {
		if i%3 == 0 {
			name := names[i/3%len(names)]
			broken[name](t, s.file)
			if refused++; s.reload() {
				t.Fatalf("a file with %s was put into force", name)
			}
		} else {
			if err := os.WriteFile(s.file, []byte(goodRules(i)), 0o600); err != nil {
				t.Fatal(err)
			}
			if !s.reload() {
				t.Fatalf("the file of step %d was refused: %v", i, h.gateway.config.live.Last().Err)
			}
			step = i
		}
		if got := s.inForce(); got != step {
			t.Fatalf("after reload %d the limits of step %d are in force, want %d", i, got, step)
		}
		if i%10 == 0 {
			s.explains(step)
		}
		if i == stormReloads/10 {
			before, heapBefore = held()
		}
	}
	stopSampling()
	goroutines, heap = held()
	if n := len(h.gateway.proxy.Streams.List()); n != stormStreams || died() != 0 {
		t.Errorf("%d streams run, %d writes failed; want all %d and none", n, died(), stormStreams)
	}
	t.Logf("%d reloads, %d of them refused in %d ways, %d samples between them; goroutines %d -> %d, heap %d -> %d KiB",
		stormReloads, refused, len(broken), samples, before, goroutines, heapBefore>>10, heap>>10)
	if goroutines > before+20 {
		t.Errorf("goroutines grow: %d, then %d", before, goroutines)
	}
	if heap > heapBefore+8<<20 {
		t.Errorf("memory grows: %d KiB, then %d", heapBefore>>10, heap>>10)
	}
	stopTalking()
}
