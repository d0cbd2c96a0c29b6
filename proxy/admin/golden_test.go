package admin

import (
	"cmp"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the goldens anew")

func twoStreams(s stand) {
	s.list = []Stream{
		{ID: "s-2", User: "bob", Provider: "deepgram", State: "forwarding", Started: now().Add(-time.Minute), Forwarded: 60_000},
		{ID: "s-1", User: "alice", Provider: "deepgram", State: "dropping", Started: now().Add(-time.Hour).In(time.FixedZone("X", 3600)), Forwarded: 3_000_000, Dropped: 20},
	}
}

type goldenCase struct {
	name, method, path, body string
	before                   func(stand)
}

func goldenCases() []goldenCase {
	return []goldenCase{
		{name: "user_unknown", method: "GET", path: "/admin/v1/users/nobody"},
		{name: "user", method: "GET", path: "/admin/v1/users/alice", before: func(s stand) {
			twoStreams(s)
			s.states = map[string]State{"alice": {Stage: "restrict", Since: now().Add(-time.Hour), Until: now().Add(time.Hour), Reason: "resells <audio>", By: "admin:loopback"}}
		}},
		{name: "user_escaped", method: "GET", path: "/admin/v1/users/a%40b.com"},
		{name: "stage", method: "PUT", path: "/admin/v1/users/alice/stage", body: `{"stage":"restrict","reason":"too much","until":"7d"}`},
		{name: "stage_lifted", method: "PUT", path: "/admin/v1/users/alice/stage", body: `{"stage":"none","reason":"sorry"}`, before: func(s stand) {
			s.states = map[string]State{"alice": {Stage: "restrict", Since: now().Add(-time.Hour), Reason: "too much", By: "admin:loopback"}}
		}},
		{name: "streams_none", method: "GET", path: "/admin/v1/streams"},
		{name: "streams", method: "GET", path: "/admin/v1/streams", before: twoStreams},
		{name: "overview", method: "GET", path: "/admin/v1/overview?top=1", before: twoStreams},
		{name: "stream_kill", method: "DELETE", path: "/admin/v1/streams/s-1", before: twoStreams},
		{name: "stream_kill_unknown", method: "DELETE", path: "/admin/v1/streams/s-3", before: twoStreams},
		{name: "drain", method: "POST", path: "/admin/v1/drain"},
		{name: "token", method: "POST", path: "/admin/v1/tokens", body: `{"user":"alice","plan":"pro","ttl":"1d12h"}`},
		{name: "token_defaults", method: "POST", path: "/admin/v1/tokens", body: `{"user":"alice"}`},
		{name: "config", method: "GET", path: "/admin/v1/config"},
		{name: "config_validate", method: "POST", path: "/admin/v1/config/validate", body: "limits: {streams: 200}\n"},
		{name: "config_validate_bad", method: "POST", path: "/admin/v1/config/validate", body: "bad: 1\n"},
		{name: "config_validate_large", method: "POST", path: "/admin/v1/config/validate", body: strings.Repeat("#", maxConfig+1)},
		{name: "config_reload", method: "POST", path: "/admin/v1/config/reload"},
		{name: "config_reload_bad", method: "POST", path: "/admin/v1/config/reload", before: func(s stand) {
			s.errs = []error{ConfigFaults{{File: "gate.yaml", Line: 1, Key: "bad", What: "unknown key"}, {Env: "STTGATE_X", What: "overrides no key"}}}
		}},
		{name: "config_reload_failed", method: "POST", path: "/admin/v1/config/reload", before: func(s stand) { s.errs = []error{errInside} }},
		{name: "version", method: "GET", path: "/version"},
		{name: "metrics", method: "GET", path: "/metrics"},
		{name: "not_found", method: "GET", path: "/admin/v1/nothing"},
		{name: "livez", method: "GET", path: "/livez"},
		{name: "readyz_verbose", method: "GET", path: "/readyz?verbose", before: func(s stand) { s.ready = []Check{{"store", errInside}, {"config", nil}} }},
	}
}

// TestAnswersAreThese compares whole answers with files: they are an API.
func TestAnswersAreThese(t *testing.T) {
	for _, tt := range goldenCases() {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t)
			if tt.before != nil {
				tt.before(s)
			}
			a := s.do(t, tt.method, tt.path, tt.body)
			golden(t, tt.name+".txt", a)
			if tt.method == http.MethodGet {
				head := s.do(t, http.MethodHead, tt.path, "")
				if head.StatusCode != a.StatusCode || head.body != "" || head.Header.Get("Content-Type") != a.Header.Get("Content-Type") {
					t.Errorf("HEAD answers %d %q with %q", head.StatusCode, head.Header.Get("Content-Type"), head.body)
				}
			}
		})
	}
}

func golden(t *testing.T, name string, a answer) {
	t.Helper()
	var b strings.Builder
	b.WriteString(a.Status + "\n")
	for _, k := range []string{"Content-Type", "Cache-Control", "X-Content-Type-Options", "Allow"} {
		if v := a.Header.Get(k); v != "" {
			b.WriteString(k + ": " + v + "\n")
		}
	}
	b.WriteString("\n" + strings.ReplaceAll(a.body, cmp.Or(a.Header.Get("X-Request-ID"), "none"), "ID"))
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// TestEveryGoldenHasACase keeps files of removed cases from lingering.
func TestEveryGoldenHasACase(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		if !slices.ContainsFunc(goldenCases(), func(c goldenCase) bool { return c.name == name }) {
			t.Errorf("%s belongs to no case", f)
		}
	}
}
