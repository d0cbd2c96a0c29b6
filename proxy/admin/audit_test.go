package admin

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var errFull = errors.New("no space left on device")

// paper is an audit file that breaks.
type paper struct {
	written strings.Builder
	good    int // how often it can be opened, yet; -1: always
	torn    int // how many bytes of the next write arrive before it fails; 0: all
}

func (p *paper) open() (auditFile, error) {
	if p.good == 0 {
		return nil, errFull
	}
	p.good--
	return p, nil
}

func (p *paper) Write(b []byte) (int, error) {
	if n := p.torn; n > 0 {
		p.torn = 0
		p.written.Write(b[:n])
		return n, errFull
	}
	return p.written.Write(b)
}
func (p *paper) Sync() error  { return nil }
func (p *paper) Close() error { return nil }

// auditBreaks is an audit file that fails after it could be opened so many times.
func auditBreaks(after int) option { return auditOn(&paper{good: after}) }

func auditOn(p *paper) option {
	return func(_ *Config, d *Deps) { d.Audit = &Audit{log: d.Log, open: p.open} }
}

func TestAuditFileHasEachChangeAsALineOfJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	if err := os.WriteFile(file, []byte("{\"what\":\"before\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(c *Config, _ *Deps) { c.AuditFile = file })
	a := s.do(t, "PUT", "/admin/v1/users/alice/stage", `{"stage":"restrict","reason":"too much"}`)
	if err := os.Rename(file, file+".1"); err != nil { // as logrotate does
		t.Fatal(err)
	}
	s.do(t, "POST", "/admin/v1/drain", "")
	s.do(t, "GET", "/admin/v1/streams", "")
	for name, want := range map[string][]string{file + ".1": {"before", "user.stage"}, file: {"drain"}} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		if len(lines) != len(want) {
			t.Fatalf("%s has %q", name, b)
		}
		for i, line := range lines {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil || m["what"] != want[i] || m["msg"] != nil || m["level"] != nil {
				t.Errorf("%v: %s", err, line)
			}
			if want[i] == "user.stage" && (m["who"] != "token:bb7d548f5b85" || m["user"] != "alice" || m["why"] != "too much" || m["time"] == nil ||
				m["request"] != a.Header.Get("X-Request-ID") || m["before"].(map[string]any)["stage"] != "none") {
				t.Errorf("it says %s", line)
			}
		}
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestNothingIsChangedThatCannotBeAudited(t *testing.T) {
	p := &paper{good: 0}
	s := serve(t, auditOn(p))
	twoStreams(s)
	for call, body := range map[string]string{
		"PUT /admin/v1/users/alice/stage": `{"stage":"restrict","reason":"r"}`, "POST /admin/v1/users/alice/reset": `{"reason":"r"}`,
		"DELETE /admin/v1/streams/s-1": "", "POST /admin/v1/drain": "", "POST /admin/v1/tokens": `{"user":"alice"}`,
	} {
		method, path, _ := strings.Cut(call, " ")
		s.do(t, method, path, body).wantProblem(t, http.StatusServiceUnavailable, "nothing was changed")
	}
	if s.draining || len(s.killed)+len(s.minted)+len(s.states) > 0 {
		t.Error("something was changed")
	}
	if a := s.do(t, "GET", "/admin/v1/users/alice", ""); a.StatusCode != http.StatusOK {
		t.Errorf("a look answers %s", a.Status)
	}
	p.good = -1
	if a := s.do(t, "POST", "/admin/v1/drain", ""); a.StatusCode != http.StatusAccepted {
		t.Errorf("after the disk is back: %s", a.Status)
	}
}

func TestALineThatWasLostIsWrittenFirstWhenTheFileIsBack(t *testing.T) {
	for name, p := range map[string]*paper{"not opened": {good: 1}, "torn": {good: 2, torn: 20}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, auditOn(p))
			body := `{"stage":"restrict","reason":"r"}`
			s.do(t, "PUT", "/admin/v1/users/alice/stage", body).wantProblem(t, http.StatusInternalServerError, "it is done")
			if s.state("alice").Stage != "restrict" || len(s.log.lines(t, "audit")) != 1 || len(s.log.lines(t, "audit line not written")) != 1 {
				t.Errorf("it is not as the answer says: %s", s.log)
			}
			s.do(t, "PUT", "/admin/v1/users/bob/stage", body).wantProblem(t, http.StatusServiceUnavailable, "nothing was changed")
			p.good = -1
			if a := s.do(t, "PUT", "/admin/v1/users/carl/stage", body); a.StatusCode != http.StatusOK {
				t.Errorf("when it is back: %s", a.Status)
			}
			var users []string
			for line := range strings.Lines(p.written.String()) {
				var m struct{ User string }
				if json.Unmarshal([]byte(line), &m) == nil {
					users = append(users, m.User)
				}
			}
			if got := strings.Join(users, " "); got != "alice carl" {
				t.Errorf("the file tells of %s: %s", got, p.written.String())
			}
		})
	}
}

func TestAnAuditFileThatCannotBeOpenedStopsTheStart(t *testing.T) {
	_, err := NewAudit(filepath.Join(t.TempDir(), "no", "such", "audit.jsonl"), slog.New(slog.DiscardHandler))
	if err == nil || !strings.HasPrefix(err.Error(), "admin.audit_file: ") {
		t.Errorf("got %v", err)
	}
}

// TestAReloadThatNobodyAskedForOverTheAPIIsALineToo has the file broken: it has happened by then, so the line is owed.
func TestAReloadThatNobodyAskedForOverTheAPIIsALineToo(t *testing.T) {
	p := &paper{good: 0}
	a := &Audit{log: slog.New(slog.DiscardHandler), open: p.open}
	diff := ConfigDiff{Hash: "def456", Changes: []ConfigChange{{Key: "limits.streams", From: "5", To: "6"}}}
	if err := a.Reloaded(t.Context(), Reloading{Who: "file", Why: "the file has changed", Before: "abc123", Diff: diff}); !errors.Is(err, errFull) {
		t.Errorf("a file that cannot be opened: %v", err)
	}
	p.good = -1
	fault := ConfigFaults{{File: "gate.yaml", Line: 3, Key: "limits.streams", What: "is negative"}, {Env: "STTGATE_X", What: "overrides no key"}}
	if err := a.Reloaded(t.Context(), Reloading{Who: "signal", Why: "SIGHUP", Before: "def456", Err: fault}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(p.written.String()) {
		_, rest, _ := strings.Cut(line, `,"who"`)
		got = append(got, `"who"`+strings.TrimSpace(rest))
	}
	want := []string{
		`"who":"file","what":"config.reload","result":"reloaded","before":"abc123","after":"def456","changes":["limits.streams: 5 -> 6"],"needs_restart":[],"why":"the file has changed"}`,
		`"who":"signal","what":"config.reload","result":"refused","before":"def456","after":"def456","faults":["gate.yaml:3: limits.streams: is negative","env STTGATE_X: overrides no key"],"why":"SIGHUP"}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the file has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
