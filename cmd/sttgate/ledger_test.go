package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// daily is a user's budget in the tests of moving.
func daily(user string) []ledger.Scope {
	return []ledger.Scope{{Budget: "daily", Owner: "user:" + user, Window: ledger.Window{Unit: ledger.Day}, Limit: 60_000}}
}

// filled makes an embedded store in which users have spent their number of milliseconds, but
// ann, whose stream of 5000 ms was open when the gateway died.
func filled(t *testing.T, users int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s := opened(t, dir)
	for _, spent := range []int64{0, 1200} {
		if _, err := s.Lease(t.Context(), ledger.Request{User: "ann", Stream: "open", Scopes: daily("ann"), Ceiling: 5000, Spent: spent}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range users {
		user := fmt.Sprint("user", i)
		if _, err := s.Settle(t.Context(), ledger.Request{User: user, Stream: user, Scopes: daily(user), Spent: int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func opened(t *testing.T, dir string) *ledger.Embedded {
	t.Helper()
	s, err := ledger.OpenEmbedded(dir, time.UTC, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// spentBy is what a user has used of the day in a store that nobody has open.
func spentBy(t *testing.T, dir, user string) int64 {
	t.Helper()
	s := opened(t, dir)
	u, err := s.Usage(t.Context(), ledger.Query{User: user, Scopes: daily(user)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return u.Balances[0].Used
}

// on runs the program on a store.
func on(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"ledger"}, args...), []string{"STTGATE_LEDGER_PATH=" + dir}, nil, &out, &errs)
	return code, out.String(), errs.String()
}

// wants runs it and wants an exit code and a text, on stdout or, of a failure, on stderr.
func wants(t *testing.T, want int, text, dir string, args ...string) {
	t.Helper()
	code, out, errs := on(t, dir, args...)
	if code != want || code == 0 && !strings.Contains(out, text) || code != 0 && (!strings.Contains(errs, text) || out != "") {
		t.Fatalf("%v: exit %d\nstdout: %s\nstderr: %s\nwant %d %q", args, code, out, errs, want, text)
	}
}

func TestADayMovesThroughAFileAndIsTakenOnce(t *testing.T) {
	t.Parallel()
	old, next, file := filled(t, 300), t.TempDir(), filepath.Join(t.TempDir(), "day.jsonl")
	wants(t, 0, " records to "+file, old, "export", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: it holds user ids", info, err)
	}
	wants(t, 1, "there is such a file already", old, "export", file)
	wants(t, 0, "imported ", next, "import", file)
	wants(t, 0, "was imported before; nothing was changed", next, "import", file)
	wants(t, 0, `"taken": 0`, next, "import", "--merge", "--json", file)
	for user, want := range map[string]int64{"ann": 5000, "user299": 299, "user1": 1} {
		if got := spentBy(t, next, user); got != want {
			t.Errorf("%s: %d ms, want %d", user, got, want)
		}
	}
	if left, err := filepath.Glob(file + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAStoreInUseIsOnlyAddedToWhenTold(t *testing.T) {
	t.Parallel()
	a, b, file := filled(t, 10), filled(t, 10), filepath.Join(t.TempDir(), "day.jsonl")
	wants(t, 0, "", a, "export", file)
	wants(t, 1, "the store is in use already; nothing was changed. --merge adds", b, "import", file)
	if got := spentBy(t, b, "user9"); got != 9 {
		t.Errorf("%d ms", got)
	}
	wants(t, 0, "", b, "import", file, "--merge")
	if got := spentBy(t, b, "user9"); got != 18 {
		t.Errorf("%d ms, want both stores'", got)
	}
}

func TestADamagedDayChangesNothingAndNamesItsLine(t *testing.T) {
	t.Parallel()
	old, next, file := filled(t, 10), t.TempDir(), filepath.Join(t.TempDir(), "day.jsonl")
	wants(t, 0, "", old, "export", file)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(good, []byte("\n"))
	for name, c := range map[string]struct {
		bad  []byte
		says string
	}{
		"cut off":         {good[:len(good)-30], fmt.Sprintf("%s:%d: damaged: the file ends here", file, lines)},
		"changed":         {bytes.Replace(good, []byte(`"spent_ms":9}`), []byte(`"spent_ms":1}`), 1), fmt.Sprintf("%s:%d: damaged: what stands above was changed", file, lines)},
		"another version": {bytes.Replace(good, []byte(`"version":2`), []byte(`"version":9`), 1), file + ":1: another version"},
	} {
		if err := os.WriteFile(file, c.bad, 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, errs := on(t, next, "import", file)
		if code != 1 || !strings.HasPrefix(errs, c.says) {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
	if left, err := os.ReadDir(next); err != nil || len(left) > 0 {
		t.Errorf("the store was made: %v, %v", left, err)
	}
}

func TestADayIsNotMovedUnderARunningGateway(t *testing.T) {
	t.Parallel()
	old, dir := filled(t, 1), t.TempDir()
	config := filepath.Join(dir, "gate.yaml")
	if err := os.WriteFile(config, []byte("listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nledger: {path: "+old+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serveProcess(t, config)
	wants(t, 1, "is in use by another process: a gateway runs on it; stop it (SIGTERM, ", old, "export", filepath.Join(dir, "day.jsonl"))
	day := filepath.Join(dir, "other.jsonl")
	wants(t, 0, "", filled(t, 1), "export", day)
	wants(t, 1, "is in use by another process: a gateway runs on it", old, "import", day, "--merge")
}

func TestWhatIsNoLedgerIsNotExported(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	wants(t, 1, "no ledger to export: stat "+empty, empty, "export", filepath.Join(empty, "day.jsonl"))
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	var errs bytes.Buffer
	code := run(t.Context(), []string{"ledger", "export", filepath.Join(empty, "x")}, []string{"STTGATE_LEDGER_STORE=memory"}, nil, &errs, &errs)
	if code != 1 || !strings.Contains(errs.String(), "ledger.store is memory") {
		t.Errorf("exit %d: %s", code, &errs)
	}
	wants(t, 1, "no such file", empty, "import", filepath.Join(empty, "nothing"))
	wants(t, 2, "accepts 1 arg", empty, "export")
	wants(t, 2, "needs a subcommand", empty)
}
