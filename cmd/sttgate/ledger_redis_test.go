package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// documented are the lines of a page that call the program, in the order in which they stand below a heading.
func documented(t *testing.T, page, heading string) (lines []string) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(b), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", page, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "sttgate ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// in runs a line of a page in a directory, and wants an exit code.
func in(t *testing.T, dir, line string, want int) string {
	t.Helper()
	words := strings.Fields(line)
	c := exec.CommandContext(t.Context(), words[0], words[1:]...) //nolint:gosec // our own page
	c.Dir = dir
	out, _ := c.CombinedOutput() // the code tells
	if got := c.ProcessState.ExitCode(); got != want {
		t.Fatalf("%s: exit %d, want %d\n%s", line, got, want, out)
	}
	return string(out)
}

// stop ends a gateway as a supervisor does, with its streams.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		p.t.Errorf("exit code %d", code)
	}
}

// TestADayMovesFromFilesToRedisAndOnAsThePageSays runs the page's own lines between real gateways.
func TestADayMovesFromFilesToRedisAndOnAsThePageSays(t *testing.T) {
	t.Parallel()
	lines := documented(t, "../../docs/redis.md", "Moving without losing the day")
	if len(lines) != 4 {
		t.Fatalf("the page has %d lines, this test knows what to expect of 4: %q", len(lines), lines)
	}
	w := newWorld(t, "drain: {grace: 100ms, hard: 1m}\n")
	dir := t.TempDir()
	redis := ledgertest.StartRedis(t)
	place := func(name string, file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return to
	}
	budget := "budgets: [{name: daily, providers: [deepgram], window: day, limit: 10h, on_exhausted: close}]\n"
	file := func(n int) string {
		b, err := os.ReadFile(w.file)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		for line := range strings.Lines(string(b)) {
			switch {
			case strings.HasPrefix(line, "ledger:"):
				line = fmt.Sprintf("ledger: {path: %q}\n", filepath.Join(dir, fmt.Sprint("pod", n)))
			case strings.HasPrefix(line, "budgets:"):
				line = budget
			}
			text.WriteString(line)
		}
		to := filepath.Join(t.TempDir(), "file.yaml")
		if err := os.WriteFile(to, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return to
	}
	onRedis := place("redis.yaml", w.redisConfig(redis.URL(), "10h", "mode: deny"))
	var there *process // runs on Redis while the second file comes
	for pod := range 2 {
		at := place("file.yaml", file(pod))
		p := serveProcess(t, at)
		all := flood(t, p, 2)
		w.until(w.heard(), 2000)
		p.stop()
		all.Wait()
		in(t, dir, lines[0], 0)
		in(t, dir, lines[1], 0)
		if said := in(t, dir, lines[1], 0); !strings.Contains(said, "imported before") {
			t.Errorf("a second import says %s", said)
		}
		if there == nil {
			there = serveProcess(t, onRedis)
		}
		w.exactly(w.heard(), there.used("bob"))
		if err := os.Rename(filepath.Join(dir, "day.jsonl"), filepath.Join(dir, fmt.Sprint("day", pod, ".jsonl"))); err != nil {
			t.Fatal(err)
		}
	}
	if said := in(t, dir, lines[2], 1); !strings.Contains(said, fmt.Sprintf("process %d on ", there.cmd.Process.Pid)) || !strings.Contains(said, "stop it") {
		t.Errorf("an export under a gateway says %s", said)
	}
	there.stop()
	place("next.yaml", file(3))
	in(t, dir, lines[2], 0)
	in(t, dir, lines[3], 0)
	w.exactly(w.heard(), serveProcess(t, filepath.Join(dir, "next.yaml")).used("bob"))
}
