package compose

import (
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// What a container sees, as this machine has it: the addresses of services become free ones on loopback, and the paths of mounts those of
// copies, in which addresses are mapped, too. Nothing else is changed but what the maps below say.

// listens are the ports inside the containers.
func listens() map[string][]string {
	return map[string][]string{"gateway": {"8080", "9090"}, "vendors": {"8089"}, "redis": {"6379"}, "prometheus": {"9090"}}
}

// images are what the entry points of others' images start, and what else they rely on: a port that is not said, the directory they start in.
// Of our own it is the Dockerfile's (tools/image holds that).
func (h *house) program(s types.ServiceConfig) (args []string, dir string) {
	switch image, _, _ := strings.Cut(s.Image, ":"); image {
	case "sttgate":
		if len(s.Entrypoint) > 0 {
			return s.Entrypoint, ""
		}
		return []string{"/sttgate"}, ""
	case "redis":
		return nil, h.mounts[s.Name]["/data"]
	case "prom/prometheus":
		return []string{"prometheus"}, ""
	}
	h.t.Fatalf("no program of %s on this machine", s.Image)
	return nil, ""
}

func (h *house) more(s types.ServiceConfig) []string {
	switch s.Name {
	case "redis":
		_, port, _ := net.SplitHostPort(h.at["redis:6379"])
		return []string{"--port", port, "--bind", "127.0.0.1"}
	case "prometheus":
		return []string{"--web.listen-address=" + h.at["prometheus:9090"]}
	}
	return nil
}

// mapped is text of a container as this machine has it.
func (h *house) mapped(service, text string) string {
	for address, real := range h.at {
		name, port, _ := strings.Cut(address, ":")
		text = strings.ReplaceAll(text, address, real)
		if name == service {
			text = strings.NewReplacer("0.0.0.0:"+port, real, "127.0.0.1:"+port, real).Replace(text)
		}
	}
	targets := h.mounts[service]
	longest := func(a, b string) int { return len(b) - len(a) }
	for _, target := range slices.SortedFunc(keys(targets), longest) {
		text = regexp.MustCompile(`(^|[\s="'\[:])`+regexp.QuoteMeta(target)+`(/|$|[\s"'\],])`).ReplaceAllString(text, "${1}"+targets[target]+"${2}")
	}
	return text
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// mount makes the files that a service sees.
func (h *house) mount(s types.ServiceConfig) {
	m := map[string]string{"/sttgate": h.gateway}
	h.mounts[s.Name] = m
	for _, secret := range s.Secrets {
		at := filepath.Join(h.t.TempDir(), secret.Source)
		if err := os.WriteFile(at, []byte(h.secret+"\n"), 0o600); err != nil {
			h.t.Fatal(err)
		}
		m["/run/secrets/"+secret.Source] = at
	}
	for _, v := range s.Volumes {
		m[v.Target] = filepath.Join(h.t.TempDir(), "volume")
		if v.Type == types.VolumeTypeVolume {
			if err := os.Mkdir(m[v.Target], 0o700); err != nil {
				h.t.Fatal(err)
			}
		}
	}
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeBind {
			h.copy(s.Name, v.Source, m[v.Target])
		}
	}
}

func (h *house) copy(service, from, to string) {
	h.t.Helper()
	if err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := to + strings.TrimPrefix(path, from)
		if d.IsDir() {
			return os.Mkdir(at, 0o700)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
			raw = []byte(faster(h.mapped(service, string(raw))))
		}
		return os.WriteFile(at, raw, 0o600)
	}); err != nil {
		h.t.Fatal(err)
	}
}

// faster looks each second instead of each fifth, and an alert fires when its cause has been there for a second, not for minutes. What the
// rules themselves say is held by charts/observe.
func faster(text string) string {
	text = strings.NewReplacer("scrape_interval: 5s", "scrape_interval: 1s", "evaluation_interval: 5s", "evaluation_interval: 1s").Replace(text)
	return regexp.MustCompile(`(?m)^( +for: )\d+[smh]$`).ReplaceAllString(text, "${1}1s")
}

// freePort is one below those that connections are given, so that none of them takes it before the program does.
func freePort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(10000)) //nolint:gosec // no secret
		l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no port is free")
	return ""
}
