package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gateway is a real `sttgate serve`.
type gateway struct {
	*process
	t           *testing.T
	secrets     secrets
	data, admin string // host:port
	answers     []surface
}

// serve starts one before the vendors of these addresses; budgets is more of its config.
func serve(t *testing.T, vendors map[string]string, s secrets, budgets string) *gateway {
	t.Helper()
	dir := t.TempDir()
	var providers strings.Builder
	for name, at := range vendors {
		fmt.Fprintf(&providers, "  %s: {url: %q, key: %q", name, at, s.vendorKey)
		switch ws := strings.Replace(at, "http", "ws", 1); name {
		case "soniox": // by audio alone: the larger of it and the wall clock is another figure in each run
			fmt.Fprintf(&providers, ", realtime_url: %q, charge: audio", ws+"/transcribe-websocket")
		case "speechmatics":
			fmt.Fprintf(&providers, ", realtime_url: %q", ws+"/v2")
		}
		providers.WriteString("}\n")
	}
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0, token: %q}
providers:
%sidentity: {tokens: {secret: %q}}
ledger: {path: %q, slice: 1s}
drain: {grace: 0s, hard: 20s}
limits: {dial_timeout: 1m, header_timeout: 1m}
log: {level: debug}
%s`, s.adminToken, &providers, s.tokenSecret, filepath.Join(dir, "ledger"), budgets)
	file := filepath.Join(dir, "sttgate.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(*gatewayFile, "serve", "--config", file) //nolint:noctx // stop ends it
	cmd.Env = []string{"HOME=" + dir}
	p, err := launch(cmd)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{process: p, t: t, secrets: s}
	t.Cleanup(func() {
		p.kill()
		p.wait()
		if t.Failed() {
			_, errs, _ := p.said()
			t.Logf("gateway's log:\n%s", errs)
		}
	})
	ready := g.await("say that it is ready", func(lines []line) bool { return len(named(lines, "ready")) == 1 })
	g.data, g.admin = named(ready, "ready")[0].Listen, named(ready, "ready")[0].Admin
	return g
}

// line is one of the gateway's log, as far as the tests look.
type line struct {
	Msg, Listen, Admin, Provider, Result, User, Mode, Path string
	Charged                                                int64 `json:"charged_ms"`
	Audio                                                  int64 `json:"audio_ms"`
	Dropped                                                int64 `json:"dropped_ms"`
}

// lines is the log so far.
func lines(errs []byte) []line {
	var out []line
	for l := range bytes.Lines(errs) {
		var one line
		if bytes.HasSuffix(l, []byte("\n")) && json.Unmarshal(l, &one) == nil {
			out = append(out, one)
		}
	}
	return out
}

// named are those with one of the messages.
func named(all []line, msgs ...string) []line {
	var out []line
	for _, l := range all {
		for _, m := range msgs {
			if l.Msg == m {
				out = append(out, l)
			}
		}
	}
	return out
}

// await waits for the log to meet a condition and returns it.
func (g *gateway) await(what string, ok func([]line) bool) []line {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	if err := g.until(ctx, func(_, errs []byte) bool { return ok(lines(errs)) }); err != nil {
		g.t.Fatalf("the gateway does not %s", what)
	}
	return g.log()
}

// log is what has been read of it; all of it once the gateway has stopped.
func (g *gateway) log() []line {
	_, errs, _ := g.said()
	return lines(errs)
}

// call asks the operator's listener and keeps the answer for the scan.
func (g *gateway) call(method, path, body string) []byte {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+g.admin+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+g.secrets.adminToken)
	req.Header.Set("Content-Type", "application/json")
	b := g.do(req, http.StatusOK)
	g.answers = append(g.answers, surface{"answer to operators, " + method + " " + path, b})
	return b
}

func (g *gateway) do(req *http.Request, status int) []byte {
	g.t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		g.t.Fatalf("%s %s: %d %v\n%s", req.Method, req.URL.Path, resp.StatusCode, err, b)
	}
	return b
}

// spend uses up so much of a user's budget, with an upload of raw audio to Deepgram.
func (g *gateway) spend(user string, d time.Duration) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	body := bytes.NewReader(make([]byte, int64(d/time.Millisecond)*bytesPerMS))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.data+"/v1/listen?encoding=linear16&sample_rate=16000", body)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("X-Sttgate-User", user)
	g.do(req, http.StatusOK)
	g.await("settle what was spent beforehand", func(all []line) bool { return len(named(all, "upload ended")) == 1 })
}

// used is what a user has spent of the one budget, in ms.
func (g *gateway) used(user string) int64 {
	g.t.Helper()
	var u struct {
		Budgets []struct {
			Used int64 `json:"used_ms"`
		}
	}
	if err := json.Unmarshal(g.call(http.MethodGet, "/admin/v1/users/"+user, ""), &u); err != nil || len(u.Budgets) != 1 {
		g.t.Fatalf("the user's budget: %v, %+v", err, u)
	}
	return u.Budgets[0].Used
}

// look asks everything that operators can ask.
func (g *gateway) look() {
	for _, path := range []string{"/metrics", "/livez", "/readyz?verbose", "/startupz", "/version", "/admin/v1/streams"} {
		g.call(http.MethodGet, path, "")
	}
}

// stop ends it in the way of an operator in a hurry.
func (g *gateway) stop() {
	g.terminate()
	g.await("stop", func(all []line) bool { return len(named(all, "stopped")) == 1 })
	if code := g.wait(); code != 0 {
		g.t.Errorf("the gateway's exit code is %d", code)
	}
}
