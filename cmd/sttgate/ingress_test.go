package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// ingressBlock is a block of docs/ingress.md: what is written there is what runs here.
func ingressBlock(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/ingress.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- " + regexp.QuoteMeta(name) + " -->\n+```[a-z]*\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatalf("docs/ingress.md has no block %q", name)
	}
	return string(block[1])
}

// replaced puts a test's address, or its way to a file, where the documentation has an example.
func replaced(t *testing.T, text string, oldNew ...string) string {
	t.Helper()
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			t.Fatalf("docs/ingress.md has no %q in\n%s", oldNew[i], text)
		}
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	return text
}

// reserve finds an address for a program that cannot be told to take any port. Nobody else asks for ports of
// this part of the loopback, so it is still free when the program comes.
func reserve(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.88.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nobody has connected
	return l.Addr().String()
}

// ingress is a real proxy before gateways.
type ingress struct {
	t     *testing.T
	addr  string
	stats string // where HAProxy is asked
}

// startIngress runs a proxy until the test ends. Its log is shown when the test has failed.
func startIngress(t *testing.T, addr, bin string, args ...string) *ingress {
	t.Helper()
	path, err := exec.LookPath(bin)
	if err != nil { // sbin is not on every user's path
		if path, err = exec.LookPath("/usr/sbin/" + bin); err != nil {
			t.Fatalf("%v: make deps installs it", err)
		}
	}
	var log bytes.Buffer
	cmd := exec.Command(path, args...) //nolint:gosec,noctx // words of the tests; ended below
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = cmd.Wait() // it is told to go
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // to both: at once, workers included
		select {
		case <-gone:
		case <-time.After(procHang):
			_ = cmd.Process.Kill()
			<-gone
		}
		if t.Failed() {
			t.Logf("%s says:\n%s", bin, log.String())
		}
	})
	in := &ingress{t: t, addr: addr}
	in.until(bin+" listens", func() bool {
		select {
		case <-gone:
			t.Fatalf("%s does not start:\n%s", bin, log.String())
		default:
		}
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return in
}

func (in *ingress) until(what string, so func() bool) {
	in.t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); !so(); <-look.C {
		if time.Now().After(end) {
			in.t.Fatalf("in vain: %s", what)
		}
	}
}

// startHAProxy runs HAProxy with a backend of the documentation's, whose example servers are replaced.
func startHAProxy(t *testing.T, front, backend string) *ingress {
	t.Helper()
	addr, stats, conf := reserve(t), reserve(t), filepath.Join(t.TempDir(), "haproxy.cfg")
	text := "global\n    stats socket ipv4@" + stats + " level admin\n" + replaced(t, front, ":80", addr) + backend
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in := startIngress(t, addr, "haproxy", "-db", "-f", conf)
	in.stats = stats
	return in
}

// isUp says what HAProxy thinks of a server.
func (in *ingress) isUp(server string) bool {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), procHang)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", in.stats)
	if err != nil {
		in.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("show stat\n")); err != nil {
		in.t.Fatal(err)
	}
	rows, err := csv.NewReader(c).ReadAll()
	if err != nil {
		in.t.Fatal(err)
	}
	for _, row := range rows {
		if row[1] == server { // the status is the eighteenth field in all versions
			return strings.HasPrefix(row[17], "UP")
		}
	}
	in.t.Fatalf("HAProxy does not know %s", server)
	return false
}
