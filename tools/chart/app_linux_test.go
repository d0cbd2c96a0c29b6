package chart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// app is the example's backend, with the environment of the pod's container and no other.
type app struct {
	at   string
	cmd  *exec.Cmd
	kill func()
}

func startApp(t *testing.T, p *pod) *app {
	t.Helper()
	a := &app{at: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	a.cmd = exec.Command(tool(t, "backend"), "-listen", a.at)
	a.cmd.Env = p.environ(t)
	a.kill = background(t, a.cmd)
	until(t, "the app", func() error { return status("http://" + a.at + "/healthz") })
	return a
}

// environ is the app's container's.
func (p *pod) environ(t *testing.T) (out []string) {
	t.Helper()
	for _, v := range p.container(t, "backend").Env {
		out = append(out, v.Name+"="+v.Value)
	}
	return out
}

// transcribe sends audio to the backend, whole, and returns what it says was said.
func (a *app) transcribe(t *testing.T, user string, audio io.Reader) string {
	t.Helper()
	answer, err := a.post(user, audio)
	must(t, err)
	return answer
}

func (a *app) post(user string, audio io.Reader) (string, error) {
	client := http.Client{Timeout: guard, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post("http://"+a.at+"/transcripts?user="+user, "application/octet-stream", audio)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", errors.Join(err, fmt.Errorf("%s: %s", resp.Status, body))
	}
	var said struct{ Transcript string }
	err = json.Unmarshal(body, &said)
	return said.Transcript, err
}

// talk is somebody who goes on speaking, in real time, until end.
type talk struct{ end func() }

func (a *app) talk(user string) talk {
	r, w := io.Pipe()
	var both sync.WaitGroup
	both.Go(func() {
		_, err := a.post(user, r)
		_ = r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // its backend was killed: that is the test
	})
	both.Go(func() {
		pace := time.NewTicker(100 * time.Millisecond)
		defer pace.Stop()
		for frame := make([]byte, bytesPerSecond/10); ; <-pace.C {
			if _, err := w.Write(frame); err != nil {
				return
			}
		}
	})
	return talk{end: func() { _ = w.Close(); both.Wait() }} // never fails
}

// runNode drives the SDK for JavaScript with the conformance suite's driver, and returns what its user sees.
func runNode(t *testing.T, p *pod) string {
	t.Helper()
	environ := p.environ(t)
	var base string
	for _, e := range environ {
		if v, ok := strings.CutPrefix(e, "STT_BASE_URL="); ok {
			base = v
		}
	}
	job, err := json.Marshal(map[string]any{"url": base, "key": "the gateway's", "user": "bob", "mode": "upload", "audio": absolute(t, "../../meter/testdata/testing-8k-mulaw.wav")})
	must(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "deepgram5.mjs")
	cmd.Dir, cmd.Stdin = "../../cmd/sttgate/conformance/testdata/sdk", bytes.NewReader(job)
	cmd.Env = append(environ, "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	return string(out)
}

func absolute(t *testing.T, file string) string {
	t.Helper()
	at, err := filepath.Abs(file)
	must(t, err)
	return at
}
