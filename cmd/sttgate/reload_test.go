package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// edit replaces a text in the world's config file, as an editor does.
func (w *world) edit(old, with string) {
	w.t.Helper()
	data, err := os.ReadFile(w.file)
	if err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		w.t.Fatalf("the config has no %q", old)
	}
	w.write(strings.Replace(string(data), old, with, 1))
}

func (w *world) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file+".new", []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(w.file+".new", w.file); err != nil {
		w.t.Fatal(err)
	}
}

// logged are the lines with a message, in order.
func (p *process) logged(msg string) (out []map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for line := range strings.Lines(p.lines.String()) {
		var m map[string]any
		if json.Unmarshal([]byte(line), &m) == nil && m["msg"] == msg {
			out = append(out, m)
		}
	}
	return out
}

// saysTimes waits until a message has been logged n times, and returns the last of them.
func (p *process) saysTimes(msg string, n int) map[string]any {
	p.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); ; <-look.C {
		if all := p.logged(msg); len(all) >= n {
			return all[n-1]
		}
		if time.Now().After(end) {
			p.t.Fatalf("the gateway does not say %q %d times", msg, n)
		}
	}
}

// limit is that of a user's one budget as the data listener tells it, in ms.
func (p *process) limit(user string) int64 {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.data+"/sttgate/v1/limits", http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("X-Sttgate-User", user)
	var a struct {
		Budgets []struct {
			Limit int64 `json:"limit_ms"`
		} `json:"budgets"`
	}
	if err := getJSON(req, &a); err != nil || len(a.Budgets) != 1 {
		p.t.Fatalf("limits: %+v, %v", a, err)
	}
	return a.Budgets[0].Limit
}

// TestALimitInTheFileReachesARunningStream counts audio: what passes after a limit was lowered is the lease in hand, what
// was being bought, and what the client sent until the gateway had read the file.
func TestALimitInTheFileReachesARunningStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	p := serveProcess(t, w.file)
	p.call(http.MethodPut, "/admin/v1/users/bob/stage", `{"stage":"restrict","reason":"test"}`, nil)
	c, _, err := websocket.DefaultDialer.Dial("ws://"+p.data+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{"X-Sttgate-User": {"bob"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	}()
	began := false // a client is upgraded a moment before its stream is listed
	live := func() (s liveStream) {
		var v userView
		p.call(http.MethodGet, "/admin/v1/users/bob", "", &v)
		switch {
		case len(v.Streams) == 1:
			began = true
			return v.Streams[0]
		case began:
			t.Fatalf("%d streams run, want the one", len(v.Streams))
		}
		return s
	}
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	speak := func(until func() bool) { // at ten times real time
		t.Helper()
		for end := time.Now().Add(procHang); !until(); <-pace.C {
			if err := c.WriteMessage(websocket.BinaryMessage, make([]byte, 3200)); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(end) {
				t.Fatal("what is waited for does not happen")
			}
		}
	}
	speak(func() bool { return live().ForwardedMS > 3000 })
	id, used := live().ID, p.used("bob")

	w.edit("limit: 100h", "limit: 2s")
	p.saysTimes("config reloaded", 1)
	at := live().ForwardedMS // the client is silent: nothing passes between the reload and this
	if got := p.limit("bob"); got != 2000 {
		t.Errorf("the limits say %d ms", got)
	}
	speak(func() bool { return live().DroppedMS > 0 })
	if over := live().ForwardedMS - at; over > processSlice.Milliseconds()+1000 {
		t.Errorf("%d ms passed after the limit was lowered: more than a lease and a second", over)
	}
	if now := p.used("bob"); now < used {
		t.Errorf("the reload took what was used from %d to %d ms", used, now)
	}

	w.edit("limit: 2s", "limit: 50h")
	p.signal(syscall.SIGHUP)
	p.saysTimes("config reloaded", 2)
	at = live().ForwardedMS
	speak(func() bool { return live().ForwardedMS > at+2000 })
	if live().ID != id {
		t.Error("the stream that goes on is another one")
	}
	line := p.logged("config reloaded")[0]
	if got, _ := json.Marshal(line["changes"]); string(got) != `["budgets[daily].limit: 100h -\u003e 2s"]` || line["by"] != "file" {
		t.Errorf("the log says %v", line)
	}
}

func TestARefusedFileStaysOutOfForceAndIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	p := serveProcess(t, w.file)
	gauge := func(name string) float64 { return p.scrape()[name].GetMetric()[0].GetGauge().GetValue() }
	loaded := gauge("sttgate_config_last_reload_timestamp_seconds")
	hash := p.scrape()["sttgate_config_info"].GetMetric()[0].GetLabel()[0].GetValue()
	good, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}

	w.edit("limit: 100h", "limit: 100")
	line := p.saysTimes("config refused; the old one stays in force", 1)
	if faults, ok := line["faults"].([]any); !ok || len(faults) != 1 || !strings.Contains(faults[0].(string), ":5: budgets[0].limit: ") {
		t.Errorf("the log says %v", line)
	}
	if p.limit("bob") != 360_000_000 || gauge("sttgate_config_last_reload_successful") != 0 || gauge("sttgate_config_last_reload_timestamp_seconds") != loaded {
		t.Error("a refused file shows as one that holds")
	}

	w.write(string(good) + "log: {format: text}\nlimits: {streams: 7}\n")
	line = p.saysTimes("config reloaded", 1)
	if line["changes"].([]any)[0] != "limits.streams: 10000 -> 7" {
		t.Errorf("the log says %v", line)
	}
	line = p.saysTimes("the config has changes that need a restart", 1)
	if line["changes"].([]any)[0] != "log.format: json -> text" {
		t.Errorf("the log says %v", line)
	}
	if gauge("sttgate_config_last_reload_successful") != 1 || gauge("sttgate_config_last_reload_timestamp_seconds") <= loaded {
		t.Error("the metrics do not show the reload")
	}
	if now := p.scrape()["sttgate_config_info"].GetMetric(); len(now) != 1 || now[0].GetLabel()[0].GetValue() == hash {
		t.Errorf("the hash is %v, as before", now)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
