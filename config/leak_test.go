package config

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every key is given a secret, right and wrong, in every way there is; none may be
// seen in an error, a rendering, a print or a log.
func TestNoSecretIsEverShown(t *testing.T) {
	const s = canary + "-0123456789-0123456789-0123456789"
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(s+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ways := map[string]struct {
		value string
		only  kind // 0: for keys of every kind
	}{
		"literal":  {s, hidden},
		"env":      {"env:SECRET", 0},
		"file":     {"file:" + file, 0},
		"spaces":   {s + " " + s, hidden},
		"newline":  {"env:LINES", 0},
		"anchored": {"*" + s, hidden},
	}
	environ := []string{"SECRET=" + s, "LINES=" + s + "\n\"" + s + "\""}
	shown := 0
	look := func(t *testing.T, what string) {
		t.Helper()
		shown++
		if strings.Contains(what, canary) {
			t.Errorf("shown: %s", what)
		}
	}
	collect(schema(Default()), func(n *node) {
		if n.kind == section || n.kind == list {
			return
		}
		for name, way := range ways {
			if way.only != 0 && way.only != n.kind {
				continue
			}
			t.Run(n.path+"/"+name, func(t *testing.T) {
				doc := n.path + ": " + way.value
				for parts := strings.Split(n.path, "."); len(parts) > 1; parts = nil {
					doc = strings.Join(parts[:len(parts)-1], ": {") + ": {" + parts[len(parts)-1] + ": " + way.value + strings.Repeat("}", len(parts)-1)
				}
				inFile := func() (Config, Sources, error) { return load("f.yaml", []byte(doc), environ) }
				inEnv := func() (Config, Sources, error) {
					return load("", nil, append([]string{EnvName(n.path) + "=" + way.value}, environ...))
				}
				for _, do := range []func() (Config, Sources, error){inFile, inEnv} {
					c, sources, err := do()
					if err != nil {
						look(t, err.Error())
						continue
					}
					if n.kind != hidden {
						continue // a name or a path, which the operator chose to read from there
					}
					out, err := c.Effective(sources)
					if err != nil {
						t.Fatal(err)
					}
					look(t, string(out))
					look(t, fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Admin.Token))
					var log bytes.Buffer
					slog.New(slog.NewJSONHandler(&log, nil)).Info("config", slog.Any("config", c))
					look(t, log.String())
				}
			})
		}
	})
	if shown < 100 {
		t.Errorf("only %d outputs were looked at", shown)
	}
}

func TestTheLoggerWritesAsConfigured(t *testing.T) {
	for _, tc := range []struct {
		log  Log
		want string
	}{
		{Log{Level: "warn", Format: "json"}, `"level":"WARN"`},
		{Log{Level: "warn", Format: "text"}, `level=WARN`},
		{Log{Level: "error", Format: "json"}, ``},
		{Log{Level: "debug", Format: "text"}, `level=WARN`},
	} {
		var out bytes.Buffer
		tc.log.Logger(&out).Warn("hello")
		if got := out.String(); !strings.Contains(got, tc.want) || (tc.want == "") != (got == "") {
			t.Errorf("%+v logs %q, want %q", tc.log, got, tc.want)
		}
		tc.log.Logger(io.Discard).Info("hello")
	}
}
