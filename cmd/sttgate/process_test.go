package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/proxy/fake"
)

// process is a real `sttgate serve` in a process of its own.
type process struct {
	t           testing.TB
	cmd         *exec.Cmd
	data, admin string
	log         sync.WaitGroup
	tell        func(line []byte) // is told of each line of the log, instead of lines; nil: nobody
	mu          sync.Mutex
	lines       bytes.Buffer
}

// serveProcess starts one and waits until it says that it is ready.
func serveProcess(t testing.TB, file string) *process {
	t.Helper()
	return startProcess(t, file, nil)
}

// startProcess is serveProcess with somebody who reads the log.
func startProcess(t testing.TB, file string, tell func(line []byte)) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command("sttgate", "serve", "--config", file), tell: tell} //nolint:noctx // the tests kill it
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // most tests have ended it already
		p.log.Wait()
		_ = p.cmd.Wait()
		if t.Failed() && tell == nil {
			t.Logf("gateway's log:\n%s", p.lines.String())
		}
	})
	ready := make(chan struct{})
	p.log.Go(func() {
		defer sync.OnceFunc(func() { close(ready) })()
		for s := bufio.NewScanner(out); s.Scan(); {
			if p.tell != nil {
				p.tell(s.Bytes())
			} else {
				p.mu.Lock()
				p.lines.Write(append(s.Bytes(), '\n'))
				p.mu.Unlock()
			}
			var line struct{ Msg, Listen, Admin string }
			if json.Unmarshal(s.Bytes(), &line) == nil && line.Msg == "ready" && p.data == "" {
				p.data, p.admin = line.Listen, line.Admin
				ready <- struct{}{}
			}
		}
	})
	select {
	case <-ready:
	case <-time.After(procHang):
	}
	if p.data == "" {
		t.Fatal("the gateway does not become ready")
	}
	return p
}

// says waits for a line of the log.
func (p *process) says(msg string) {
	p.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); ; <-look.C {
		p.mu.Lock()
		found := bytes.Contains(p.lines.Bytes(), []byte(`"msg":"`+msg+`"`))
		p.mu.Unlock()
		if found {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("the gateway does not say %q", msg)
		}
	}
}

// wait returns the exit code.
func (p *process) wait() int {
	p.log.Wait()
	_ = p.cmd.Wait() // the code tells
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// call does an admin request that has to succeed, and decodes the answer into out.
func (p *process) call(method, path, body string, out any) {
	p.t.Helper()
	b := p.request(method, path, body, http.StatusOK)
	if out == nil {
		return
	}
	if err := json.Unmarshal([]byte(b), out); err != nil {
		p.t.Fatalf("%v: %s", err, b)
	}
}

// send does an admin request without a body.
func (p *process) send(method, path string, status int) string {
	p.t.Helper()
	return p.request(method, path, "", status)
}

func (p *process) request(method, path, body string, status int) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), procHang)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.admin+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		p.t.Fatalf("%s %s: %d %v\n%s", method, path, resp.StatusCode, err, b)
	}
	return string(b)
}

// used is what a user has spent of their one budget, in ms.
func (p *process) used(user string) int64 {
	p.t.Helper()
	var u struct {
		Budgets []struct {
			Used int64 `json:"used_ms"`
		} `json:"budgets"`
	}
	p.call(http.MethodGet, "/admin/v1/users/"+user, "", &u)
	if len(u.Budgets) != 1 {
		p.t.Fatalf("%d budgets apply to %s, want one", len(u.Budgets), user)
	}
	return u.Budgets[0].Used
}

// world is a fake vendor in the test's process, whose byte count is the truth, and
// the config of gateways before it.
type world struct {
	t      *testing.T
	vendor *fake.Deepgram
	file   string
}

// procHang is how long a test waits for what must happen.
const procHang = time.Minute

const processSlice = time.Second

func newWorld(t *testing.T, extra string) *world {
	t.Helper()
	w := &world{t: t, vendor: fake.NewDeepgram(fake.Options{}), file: filepath.Join(t.TempDir(), "sttgate.yaml")}
	up := httptest.NewServer(w.vendor)
	t.Cleanup(func() {
		w.vendor.Close()
		up.Close()
	})
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
providers: {deepgram: {url: %q, key: secret}}
ledger: {path: %q, slice: %s}
budgets: [{name: daily, providers: [deepgram], stages: [restrict], window: 168h, limit: 100h}]
%s`, up.URL, filepath.Join(t.TempDir(), "ledger"), processSlice, extra)
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// heard is the audio that reached the vendor, over all gateways that ever ran, in ms.
func (w *world) heard() int64 { return w.vendor.Totals().AudioMS }

// flood streams at ten times real time from n clients until their connections end.
func flood(t *testing.T, p *process, n int) *sync.WaitGroup {
	t.Helper()
	var conns []*websocket.Conn
	for range n {
		c, resp, err := websocket.DefaultDialer.Dial("ws://"+p.data+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{"X-Sttgate-User": {"bob"}})
		if err != nil {
			t.Fatalf("connect: %v %v", err, resp)
		}
		conns = append(conns, c)
	}
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() {
			for {
				if _, _, err := c.ReadMessage(); err != nil {
					_ = c.Close()
					return
				}
			}
		})
		all.Go(func() {
			pace := time.NewTicker(10 * time.Millisecond)
			defer pace.Stop()
			for frame := make([]byte, 3200); c.WriteMessage(websocket.BinaryMessage, frame) == nil; {
				<-pace.C
			}
		})
	}
	return &all
}

// until waits until the vendor has heard ms more than before.
func (w *world) until(before, ms int64) {
	w.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); w.heard()-before < ms; <-look.C {
		if time.Now().After(end) {
			w.t.Fatalf("the vendor hears nothing more: %d ms", w.heard())
		}
	}
}

func TestKilledGatewaysGiveNothingAwayAndOverchargeASliceAtMost(t *testing.T) {
	t.Parallel()
	const streams, rounds = 16, 4
	w := newWorld(t, "")
	p := serveProcess(t, w.file)
	p.call(http.MethodPut, "/admin/v1/users/bob/stage", `{"stage":"restrict","reason":"test"}`, nil)
	for round := 1; round <= rounds; round++ {
		before := w.heard()
		all := flood(t, p, streams)
		w.until(before, int64(round*streams)*700) // each round at another point of the leases
		p.signal(syscall.SIGKILL)
		p.wait()
		all.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), procHang)
		if _, err := w.vendor.Wait(ctx, round*streams); err != nil {
			t.Fatal(err)
		}
		cancel()
		p = serveProcess(t, w.file)
		heard, used := w.heard(), p.used("bob")
		t.Logf("round %d: the vendor heard %d ms, charged are %d (%d more)", round, heard, used, used-heard)
		if used < heard {
			t.Errorf("%d ms were given away", heard-used)
		}
		if over := used - heard; over > int64(round)*streams*processSlice.Milliseconds() {
			t.Errorf("charged %d ms too much, at most a slice of %s for each of %d killed streams may be", over, processSlice, round*streams)
		}
	}
}

func TestSIGTERMEndsStreamsPolitelyAndSettlesToTheMillisecond(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, drain string
		hurry       bool
	}{
		{"after the grace", "drain: {grace: 200ms, hard: 1m}", false},
		{"at the second signal", "drain: {grace: 1h, hard: 2h}", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.drain)
			p := serveProcess(t, w.file)
			p.call(http.MethodPut, "/admin/v1/users/bob/stage", `{"stage":"restrict","reason":"test"}`, nil)
			const streams = 10
			all := flood(t, p, streams)
			w.until(0, streams*300)
			p.signal(syscall.SIGTERM)
			if tt.hurry {
				p.says("draining") // two signals at once may arrive as one
				p.signal(syscall.SIGTERM)
			}
			all.Wait()
			if code := p.wait(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			for _, s := range w.vendor.Streams() {
				if r := s.Record(); r.CloseCode == 1006 || r.SentCode != 1000 {
					t.Errorf("a stream did not end politely at the vendor: peer's code %d, vendor's %d", r.CloseCode, r.SentCode)
				}
			}
			p = serveProcess(t, w.file)
			if heard, used := w.heard(), p.used("bob"); heard != used {
				t.Errorf("the vendor heard %d ms, charged are %d", heard, used)
			}
		})
	}
}
