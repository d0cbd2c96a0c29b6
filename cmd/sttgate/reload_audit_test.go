package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sttgate/sttgate/proxy/admin"
)

// auditLine is what this test reads of one.
type auditLine struct {
	Who, What, Result, Before, After, Why string
	Remote, Request                       string
	Changes, Faults                       []string
}

// TestEveryReloadIsOneAuditLineWhoeverAskedForIt changes the file under a running gateway in the three ways there are, good and broken, and
// reads the audit file, the log, and what the overview says of each.
func TestEveryReloadIsOneAuditLineWhoeverAskedForIt(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	w := newWorld(t, "")
	w.edit("admin: {listen: 127.0.0.1:0}", fmt.Sprintf("admin: {listen: 127.0.0.1:0, audit_file: %q}", file))
	p := serveProcess(t, w.file)
	standing := func() admin.ConfigStanding {
		var o admin.Overview
		p.call(http.MethodGet, "/admin/v1/overview", "", &o)
		return o.Config
	}
	first := standing()
	if first.Hash == "" || first.By != "start" || first.Last.By != "start" || !first.Last.Successful || !first.Last.At.Equal(first.Loaded) {
		t.Errorf("at the start: %+v", first)
	}

	// Each is waited for: two at once would be in either order.
	w.edit("limit: 100h", "limit: 90h")
	p.saysTimes("audit", 1)
	byFile := standing()
	w.edit("limit: 90h", "limit: 9")
	p.saysTimes("audit", 2)
	broken := standing()
	p.signal(syscall.SIGHUP) // refused again: nobody has mended it
	p.saysTimes("audit", 3)
	p.send(http.MethodPost, "/admin/v1/config/reload", http.StatusUnprocessableEntity)
	w.edit("limit: 9}", "limit: 80h}")
	p.saysTimes("audit", 5)
	p.signal(syscall.SIGHUP)
	p.saysTimes("audit", 6)
	p.call(http.MethodPost, "/admin/v1/config/reload", "", nil)
	last := standing()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}

	lines := auditLines(t, file)
	if len(lines) != 7 || len(p.logged("audit")) != 7 {
		t.Fatalf("%d lines in the file, %d in the log, want seven: %+v", len(lines), len(p.logged("audit")), lines)
	}
	for i, want := range []auditLine{
		{Who: "file", Result: "reloaded", Why: "the file has changed", Changes: []string{"budgets[daily].limit: 100h -> 90h"}},
		{Who: "file", Result: "refused", Why: "the file has changed"},
		{Who: "signal", Result: "refused", Why: "SIGHUP"},
		{Who: "loopback", Result: "refused", Why: "asked by the operator"},
		{Who: "file", Result: "reloaded", Why: "the file has changed", Changes: []string{"budgets[daily].limit: 90h -> 80h"}},
		{Who: "signal", Result: "reloaded", Why: "SIGHUP"},
		{Who: "loopback", Result: "reloaded", Why: "asked by the operator"},
	} {
		got := lines[i]
		if got.Who != want.Who || got.What != "config.reload" || got.Result != want.Result || got.Why != want.Why || !slices.Equal(got.Changes, want.Changes) {
			t.Errorf("line %d is %+v, want %+v", i, got, want)
		}
		if overAPI := got.Who == "loopback"; (got.Remote != "") != overAPI || (got.Request != "") != overAPI {
			t.Errorf("line %d: %+v", i, got)
		}
		if refused := got.Result == "refused"; (got.Before == got.After && got.Before != "") != (refused || i > 4) || (len(got.Faults) == 1) != refused {
			t.Errorf("line %d: %+v", i, got)
		}
	}
	if lines[0].Before != first.Hash || lines[0].After != byFile.Hash || lines[6].After != last.Hash {
		t.Errorf("hashes: %+v, %+v, %+v", lines, first, last)
	}
	if byFile.By != "file" || !byFile.Last.Successful || byFile.Loaded.Equal(first.Loaded) || last.By != "api" || last.Last.By != "api" {
		t.Errorf("the overview says %+v, %+v", byFile, last)
	}
	if broken.Hash != byFile.Hash || broken.By != "file" || broken.Last.Successful || broken.Last.Faults != 1 || !strings.Contains(broken.Last.Fault, ":5: budgets[0].limit: ") ||
		broken.Last.Fault != lines[1].Faults[0] {
		t.Errorf("of the broken file the overview says %+v, the audit file %+v", broken, lines[1].Faults)
	}
}

func auditLines(t *testing.T, file string) (all []auditLine) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var l auditLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, l)
	}
	return all
}
