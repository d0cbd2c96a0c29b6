package main

import (
	"bytes"
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

	"github.com/sttgate/sttgate/policy/simulate"
)

// usageEvent is what these tests read of a usage event.
type usageEvent struct {
	ID, Source, Type, Subject string
	Data                      struct {
		Audio   int64 `json:"audio_ms"`
		Charged int64 `json:"charged_ms"`
		Where   string
		Count   int
		Result  string
	}
}

// usageEvents reads a file of events. Each stands there once.
func usageEvents(t *testing.T, file string) (all []usageEvent) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range bytes.Lines(text) {
		var e usageEvent
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if !seen[e.Source+e.ID] {
			all = append(all, e)
		}
		seen[e.Source+e.ID] = true
	}
	return all
}

// simulated runs `sttgate simulate` with a gateway's own config on what it wrote.
func simulated(t *testing.T, config, usage string) simulate.Report {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sttgate", "simulate", "--config", config, "--usage", usage, "--json")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var r simulate.Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}

// TestWhatServeWritesIsWhatTheVendorHeardAndSimulateReads streams, uploads and is refused, ends the gateway, and replays its file.
func TestWhatServeWritesIsWhatTheVendorHeardAndSimulateReads(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "usage.jsonl")
	w := newWorld(t, fmt.Sprintf("events: {file: %q, interval: 1s}\ndrain: {grace: 100ms, hard: 1m}\n", file))
	p := serveProcess(t, w.file)
	all := flood(t, p, 3)
	w.until(0, 3*15_000) // at ten times real time: parts have been told
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.data+"/v1/listen?encoding=linear16&sample_rate=16000", bytes.NewReader(make([]byte, 64_000)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Sttgate-User", "ann")
	status(t, req, http.StatusOK)
	req = req.Clone(t.Context())
	req.Header.Del("X-Sttgate-User")
	req.Body = io.NopCloser(bytes.NewReader(make([]byte, 64_000)))
	status(t, req, http.StatusUnauthorized)
	p.call(http.MethodPut, "/admin/v1/users/bob/stage", `{"stage":"warning","reason":"test"}`, nil)
	p.signal(syscall.SIGTERM)
	all.Wait()
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}

	var audio, charged int64
	types, refused := map[string]int{}, map[string]int{}
	for _, e := range usageEvents(t, file) {
		types[strings.TrimSuffix(strings.TrimPrefix(e.Type, "dev.sttgate."), ".v1")]++
		audio, charged = audio+e.Data.Audio, charged+e.Data.Charged
		if e.Type == "dev.sttgate.usage.refusal.v1" {
			refused[e.Subject+" "+e.Data.Where] += e.Data.Count
		}
	}
	heard := w.heard() + 2000 // the upload
	// A part is told once a second: how many there are is chance.
	if audio != heard || charged != heard || types["usage.end"] != 4 || types["usage.part"] < 1 || types["policy.step"] != 1 {
		t.Errorf("the vendor heard %d ms; told are %d, charged %d; %v", heard, audio, charged, types)
	}
	if refused[" door"] != 1 || refused["bob stream"] != 3 {
		t.Errorf("refused: %v", refused)
	}
	r := simulated(t, w.file, file)
	if r.RefusedBefore != (simulate.Refused{Times: 4, Users: 1}) {
		t.Errorf("simulate reads %+v refused", r.RefusedBefore)
	}
	if r.Before != heard || r.After != heard || r.Users != 2 {
		t.Errorf("simulate reads %d ms of %d users, the vendor heard %d", r.Before, r.Users, heard)
	}
}

func status(t *testing.T, req *http.Request, want int) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		b, _ := io.ReadAll(resp.Body)
		t.Fatalf("answered %d: %s", resp.StatusCode, b)
	}
}

// TestNoEndIsLostWhenTheGatewayIsKilled ends streams while the receiver is down, kills the gateway, and expects the ends from the next one.
func TestNoEndIsLostWhenTheGatewayIsKilled(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	const streams = 8
	up, kept, got := false, map[string]int64{}, map[string]int64{}
	onDisk, enough := make(chan struct{}), make(chan struct{}) // ends on the disk; ends that came
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var es []usageEvent
		if err := json.NewDecoder(r.Body).Decode(&es); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		into, full := got, enough
		if !up { // what is offered comes from the disk
			into, full = kept, onDisk
			rw.WriteHeader(http.StatusBadGateway)
		}
		for _, e := range es {
			if e.Type != "dev.sttgate.usage.end.v1" {
				continue
			}
			if ms, twice := kept[e.ID]; up && (!twice || ms != e.Data.Audio) {
				t.Errorf("%s came with %d ms, before the kill with %d", e.ID, e.Data.Audio, ms)
			}
			_, twice := into[e.ID]
			if into[e.ID] = e.Data.Audio; !twice && len(into) == streams {
				close(full)
			}
		}
	}))
	defer receiver.Close()
	w := newWorld(t, fmt.Sprintf("events: {url: %q}\n", receiver.URL))
	p := serveProcess(t, w.file)
	all := flood(t, p, streams)
	w.until(0, streams*300)
	for _, s := range p.streams() {
		p.send(http.MethodDelete, "/admin/v1/streams/"+s, http.StatusAccepted)
	}
	all.Wait()
	select {
	case <-onDisk:
	case <-time.After(procHang):
		t.Fatal("the receiver was not offered the ends")
	}
	p.signal(syscall.SIGKILL)
	p.wait()
	mu.Lock()
	up = true
	mu.Unlock()
	serveProcess(t, w.file)
	select {
	case <-enough:
	case <-time.After(procHang):
		t.Error("ends are missing")
	}
	mu.Lock()
	defer mu.Unlock()
	var told int64
	for _, ms := range got {
		told += ms
	}
	if heard := w.heard(); told != heard {
		t.Errorf("the vendor heard %d ms, told are %d", heard, told)
	}
}
