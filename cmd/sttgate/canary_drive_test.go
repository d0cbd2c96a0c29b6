package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sttgate/sttgate/config/secret/secrettest"
)

// canaryDriver makes a gateway write.
type canaryDriver struct {
	w          *canaryWorld
	cmd        *exec.Cmd
	out, errs  canaryText
	data, addr string // of clients and of operators
	answers    []secrettest.Surface
	token      string // ann's
	speech     string // a file
}

// canaryText is what a process writes while it is read.
type canaryText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (c *canaryText) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.Write(p)
}

func (c *canaryText) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.String()
}

// startCanary starts the gateway.
func startCanary(w *canaryWorld) *canaryDriver {
	w.t.Helper()
	d := &canaryDriver{w: w, cmd: exec.Command("sttgate", "serve", "--config", w.file)} //nolint:noctx // stop ends it
	d.cmd.Env, d.cmd.Stdout, d.cmd.Stderr = append(os.Environ(), w.env...), &d.out, &d.errs
	if err := d.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = d.cmd.Process.Kill() // stop has ended it already
		_ = d.cmd.Wait()
		if w.t.Failed() {
			w.t.Logf("the gateway's log:\n%s", d.errs.String())
		}
	})
	ready := d.says(`"msg":"ready"`)
	var line struct{ Listen, Admin string }
	if err := json.Unmarshal([]byte(ready), &line); err != nil {
		w.t.Fatal(err)
	}
	d.data, d.addr = line.Listen, line.Admin
	// Audio that would be known again: mulaw, of which any byte is a sample. Three seconds.
	d.speech = w.put("said.raw", "")
	if err := os.WriteFile(d.speech, []byte(strings.Repeat(canaryAudio, 1100))[:24_000], 0o600); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// says waits for a line of the log that has all of these.
func (d *canaryDriver) says(words ...string) string {
	d.w.t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); ; <-look.C {
		for line := range strings.Lines(d.errs.String()) {
			missing := false
			for _, word := range words {
				missing = missing || !strings.Contains(line, word)
			}
			if !missing && strings.HasSuffix(line, "\n") {
				return line
			}
		}
		if time.Now().After(end) {
			d.w.t.Fatalf("the gateway does not say %q", words)
		}
	}
}

func (d *canaryDriver) signal(s os.Signal) {
	d.w.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.w.t.Fatal(err)
	}
}

// stop ends it politely.
func (d *canaryDriver) stop() {
	d.w.t.Helper()
	d.admin(http.MethodGet, "/metrics", "", "", http.StatusOK)
	d.signal(syscall.SIGTERM)
	if err := d.cmd.Wait(); err != nil {
		d.w.t.Errorf("the gateway ends with %v", err)
	}
}

// cli runs a command and keeps what it says.
func (d *canaryDriver) cli(name string, code int, args ...string) string {
	d.w.t.Helper()
	cmd := exec.CommandContext(d.w.t.Context(), "sttgate", args...)
	cmd.Env = append(os.Environ(), d.w.env...)
	said, err := cmd.CombinedOutput()
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		d.w.t.Fatal(err)
	}
	if got != code {
		d.w.t.Fatalf("%s: exit code %d, want %d\n%s", name, got, code, said)
	}
	if name != "" {
		d.answers = append(d.answers, secrettest.Surface{Name: name, Text: said})
	}
	return string(said)
}

// send is a client of a vendor's; what it was answered is its own affair.
func (d *canaryDriver) send(code int, args ...string) string {
	d.w.t.Helper()
	return d.cli("", code, append([]string{"send", d.speech, "--encoding", "mulaw", "--sample-rate", "8000", "--url", "ws://" + d.data, "--speed", "max"}, args...)...)
}

// admin is a call of the operator's, whose answer is kept. One with a token of a caller is not.
func (d *canaryDriver) admin(method, path, token, body string, status int) string {
	d.w.t.Helper()
	answer := d.ask(method, "http://"+d.addr+path, body, status, "Authorization", "Bearer "+token)
	if path != "/admin/v1/tokens" {
		d.answers = append(d.answers, secrettest.Surface{Name: method + " " + path, Text: []byte(answer)})
	}
	return answer
}

// ask sends a request that has to be answered with a status, where one is given; the answer's header is in front of its body.
func (d *canaryDriver) ask(method, url, body string, status int, header ...string) string {
	d.w.t.Helper()
	req, err := http.NewRequestWithContext(d.w.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		d.w.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		d.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || status != 0 && resp.StatusCode != status {
		d.w.t.Fatalf("%s %s: %d %v, want %d\n%s", method, url, resp.StatusCode, err, status, b)
	}
	return fmt.Sprint(resp.Header) + "\n" + string(b)
}

// speaks streams and uploads to every vendor, with every credential.
func (d *canaryDriver) speaks() {
	var minted struct{ Token string }
	answer := d.admin(http.MethodPost, "/admin/v1/tokens", d.w.words["admin"], `{"user":"ann"}`, http.StatusCreated)
	if err := json.Unmarshal([]byte(answer[strings.Index(answer, "\n"):]), &minted); err != nil {
		d.w.t.Fatal(err)
	}
	d.token = minted.Token
	claims := strings.Split(d.token, ".")
	d.w.words["a token's claims"], d.w.words["a token's signature"] = claims[1], claims[2]
	if said := d.send(0, "--token", d.token); !strings.Contains(said, canarySaid) {
		d.w.t.Fatalf("nothing was said:\n%s", said)
	}
	d.send(0, "--token", d.token, "--provider", "soniox")
	d.send(0, "--token", d.token, "--provider", "speechmatics")
	d.ask(http.MethodPost, "http://"+d.data+"/v1/listen?encoding=mulaw&sample_rate=8000", strings.Repeat(canaryAudio, 100), http.StatusOK,
		"X-Sttgate-User", "bob", "Authorization", "Token "+d.w.words["client"], "Content-Type", "audio/raw")
	d.ask(http.MethodPost, "http://"+d.data+"/v1/listen?encoding=mulaw&sample_rate=8000", strings.Repeat(canaryAudio, 100), http.StatusOK,
		"X-Sttgate-User", "carl", "X-Sttgate-Peer-Secret", d.w.words["peer"], "Authorization", "Token "+d.w.words["client"], "Content-Type", "audio/raw")
	// She is over a cap: somebody judges her, and her backend is told. A review that comes before her first stream is written down asks nobody.
	for end := time.Now().Add(procHang); !d.w.told("hook", "ann") || !d.w.told("judge", "ann") || !d.w.told("events", "dev.sttgate"); {
		d.send(0, "--token", d.token, "--provider", "speechmatics")
		if time.Now().After(end) {
			d.w.t.Fatal("nobody is told that a user was moved")
		}
	}
}

// isRefused is refused in every way that has to do with credentials.
func (d *canaryDriver) isRefused() {
	guess, post := d.w.words["guess"], func(status int, path string, header ...string) {
		d.answers = append(d.answers, secrettest.Surface{
			Name: "refused " + path, Text: []byte(d.ask(http.MethodPost, "http://"+d.data+path, canaryAudio, status, append(header, "Content-Type", "audio/raw")...)),
		})
	}
	const listen = "/v1/listen?encoding=mulaw&sample_rate=8000"
	post(http.StatusUnauthorized, listen, "Authorization", "Token "+guess)
	post(http.StatusUnauthorized, listen, "Authorization", "Bearer "+d.token[:len(d.token)-4]+"AAAA") // forged
	post(0, listen, "X-Sttgate-User", "ann", "X-Sttgate-Peer-Secret", guess)                          // the address is trusted already
	post(0, listen, "X-Sttgate-User", "ann", "Authorization", "Bearer "+d.token, "X-Sttgate-Plan", "a b")
	post(0, "/v1/nothing?jwt="+d.token+"&api_key=x", "Authorization", "Token "+guess)
	post(0, "/v2/en?jwt="+d.token)
	d.send(1, "--token", guess)
	for range 3 { // eight seconds are nine
		d.ask(http.MethodPost, "http://"+d.data+listen, strings.Repeat("x", 24_000), 0, "X-Sttgate-User", "dora", "Authorization", "Token "+d.w.words["client"], "Content-Type", "audio/raw")
	}
}

// operates asks everything that operators can, also with wrong tokens.
func (d *canaryDriver) operates() {
	admin, look := d.w.words["admin"], d.w.words["look"]
	for _, path := range []string{"/livez", "/readyz?verbose", "/startupz", "/version", "/openapi.json", "/", "/metrics"} {
		d.admin(http.MethodGet, path, look, "", http.StatusOK)
	}
	for _, path := range []string{"users", "users/ann", "users/ann/explain", "streams", "overview", "config"} {
		d.admin(http.MethodGet, "/admin/v1/"+path, look, "", http.StatusOK)
		d.admin(http.MethodGet, "/admin/v1/"+path, d.w.words["guess"], "", http.StatusUnauthorized)
	}
	d.admin(http.MethodPut, "/admin/v1/users/bob/stage", admin, `{"stage":"restrict","reason":"test"}`, http.StatusOK)
	d.admin(http.MethodPut, "/admin/v1/users/bob/stage", look, `{"stage":"none","reason":"test"}`, http.StatusForbidden)
	d.admin(http.MethodPost, "/admin/v1/users/bob/grants", admin, `{"budget":"daily","milliseconds":1000,"reason":"test"}`, http.StatusOK)
	d.admin(http.MethodPost, "/admin/v1/users/bob/reset", admin, `{"reason":"test"}`, http.StatusOK)
	d.admin(http.MethodPut, "/admin/v1/users/carl/exempt", admin, `{"reason":"test"}`, http.StatusOK)
	d.admin(http.MethodDelete, "/admin/v1/streams/none", admin, "", http.StatusNotFound)
}

// stored is what the store has.
func (d *canaryDriver) stored() secrettest.Surface {
	c := redis.NewClient(&redis.Options{Addr: d.w.redis.Addr(), Password: d.w.words["redis"]})
	defer func() { _ = c.Close() }() // its questions were answered
	keys, err := c.Keys(context.Background(), "*").Result()
	var text strings.Builder
	for _, key := range keys {
		if err == nil {
			var value string
			value, err = c.Dump(context.Background(), key).Result()
			text.WriteString(key + "\n" + value + "\n")
		}
	}
	if err != nil {
		d.w.t.Fatal(err)
	}
	return secrettest.Surface{Name: "what redis has", Text: []byte(text.String())}
}
