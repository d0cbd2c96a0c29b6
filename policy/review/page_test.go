package review

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fenced is the first block of a language in a page.
func fenced(t *testing.T, page []byte, lang string) string {
	t.Helper()
	_, block, found := strings.Cut(string(page), "\n```"+lang+"\n")
	if !found {
		t.Fatalf("docs/classifier.md has no %s", lang)
	}
	block, _, _ = strings.Cut(block, "```")
	return block
}

// TestTheServiceOfThePageAnswersAsAgreed runs the classifier that docs/classifier.md begins with, asks it with the evidence that the page
// shows, and reads its answer as the gateway does.
func TestTheServiceOfThePageAnswersAsAgreed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/classifier.md")
	if err != nil {
		t.Fatal(err)
	}
	// Nobody else asks for ports of this part of the loopback: it is free still when the service comes.
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.89.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close() // nobody has connected
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	const documented = `"127.0.0.1", 8099`
	text := fenced(t, page, "python")
	if !strings.Contains(text, documented) {
		t.Fatalf("it does not listen on %s", documented)
	}
	file := filepath.Join(t.TempDir(), "judge.py")
	if err := os.WriteFile(file, []byte(strings.Replace(text, documented, fmt.Sprintf("%q, %s", host, port), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("python3", file) //nolint:gosec,noctx // our own page; it is killed below
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait() // killed
	}()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(time.Minute); ; <-look.C {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/review", strings.NewReader(fenced(t, page, "json")))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			if time.Now().After(end) {
				t.Fatalf("it does not come: %v", err)
			}
			continue
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %v %s", resp.StatusCode, err, body)
		}
		if _, err := ParseVerdict(body); err != nil {
			t.Errorf("its answer is none: %v: %s", err, body)
		}
		return
	}
}
