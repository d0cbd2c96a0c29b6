package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// toxiproxy is Shopify's (v2.12.0 of 2025-03-18), between programs and a server: it makes networks bad. It
// runs in a process of its own, built from the tools' module: as a library in the tests' it
// leaves goroutines behind that hang for ever in connections which it has spoilt.
type toxiproxy struct {
	t   testing.TB
	api string
	tr  http.Transport
}

// toxic is what one does to the bytes of a way, in its own words.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Toxicity   float64        `json:"toxicity"`
	Attributes map[string]int `json:"attributes"`
}

// startToxiproxy builds it and runs it until the test's end.
func startToxiproxy(t testing.TB, seed uint64) *toxiproxy {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "toxiproxy")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-modfile=tools/toxiproxy.mod", "-o", bin, "github.com/Shopify/toxiproxy/v2/cmd/server") //nolint:gosec // the tests' own words
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("toxiproxy: %v\n%s", err, out)
	}
	port := ledgertest.FreePort(t)
	p := &toxiproxy{t: t, api: "http://" + net.JoinHostPort("127.0.0.1", port)}
	cmd := exec.Command(bin, "-host", "127.0.0.1", "-port", port, "-seed", fmt.Sprint(seed)) //nolint:gosec,noctx // the same; killed below
	cmd.Env = []string{"LOG_LEVEL=fatal"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.tr.CloseIdleConnections()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); p.ask(http.MethodGet, "/version", nil) != nil; <-look.C {
		if time.Now().After(end) {
			t.Fatal("toxiproxy does not answer")
		}
	}
	return p
}

// way makes a way to a server and returns where it begins.
func (p *toxiproxy) way(name, to string) (addr string) {
	p.t.Helper()
	addr = net.JoinHostPort("127.0.0.1", ledgertest.FreePort(p.t))
	p.must(http.MethodPost, "/proxies", map[string]any{"name": name, "listen": addr, "upstream": to, "enabled": true})
	return addr
}

// spoil makes a way bad, or nobody listen there.
func (p *toxiproxy) spoil(name string, d disturbance) {
	if d.Kind == chaosCut {
		p.must(http.MethodPost, "/proxies/"+name, map[string]any{"enabled": false})
		return
	}
	p.must(http.MethodPost, "/proxies/"+name+"/toxics", d.Toxic)
}

// heal undoes spoil.
func (p *toxiproxy) heal(name string, d disturbance) {
	if d.Kind == chaosCut {
		p.must(http.MethodPost, "/proxies/"+name, map[string]any{"enabled": true})
		return
	}
	p.must(http.MethodDelete, "/proxies/"+name+"/toxics/"+d.Toxic.Name, nil)
}

func (p *toxiproxy) must(method, path string, body any) {
	p.t.Helper()
	if err := p.ask(method, path, body); err != nil {
		p.t.Fatalf("toxiproxy: %s %s: %v", method, path, err)
	}
}

func (p *toxiproxy) ask(method, path string, body any) error {
	ctx, cancel := context.WithTimeout(context.Background(), procHang)
	defer cancel()
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, p.api+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	resp, err := p.tr.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s: %s", resp.Status, said)
	}
	return err
}
