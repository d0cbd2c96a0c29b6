package providertest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/proxy/provider"
)

// Run plays every transcript in dir. Together they must show what is asked of a
// vendor: a directory that never ends a stream proves nothing about ends. A test
// binary with a flag -update writes the expectations anew instead; read the diff
// before committing it.
func Run(t *testing.T, p provider.Provider, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no transcripts in %s (%v)", p.Name(), dir, err)
	}
	seen := make(map[string]bool)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			verbs(want, seen)
			compare(t, p, file, want)
		})
	}
	for _, verb := range required(p) {
		if !seen[verb] {
			t.Errorf("no transcript in %s shows %q: every vendor has to", dir, verb)
		}
	}
}

func compare(t *testing.T, p provider.Provider, file string, want []byte) {
	t.Helper()
	got, err := Play(p, want)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if updating() {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, want) {
		line, g, w := firstDifference(got, want)
		t.Errorf("%s:%d:\ngot  %s\nwant %s", file, line, g, w)
	}
}

// firstDifference is where a transcript went another way, and the lines there.
func firstDifference(got, want []byte) (line int, g, w string) {
	gs, ws := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for line < len(gs) && line < len(ws) && gs[line] == ws[line] {
		line++
	}
	if line < len(gs) {
		g = gs[line]
	}
	if line < len(ws) {
		w = ws[line]
	}
	return line + 1, g, w
}

// updating reads the flag of the test binary that has one.
func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// required are the events that a vendor's transcripts must show.
func required(p provider.Provider) []string {
	need := []string{"request", "credential", "upstream", "accept", "refuse", "vendor", "metered", "reported", "speech", "finish", "farewell"}
	if _, ok := p.(provider.Greeter); ok {
		need = append(need, "greeting")
	}
	if _, ok := p.(provider.Batch); ok {
		need = append(need, "order", "outcome")
	}
	if _, ok := p.(provider.Granter); ok {
		need = append(need, "grant", "granted")
	}
	return need
}

// verbs collects the events of a transcript.
func verbs(script []byte, seen map[string]bool) {
	for line := range strings.Lines(string(script)) {
		if verb, _, ok := event(line); ok && !seen[verb] {
			seen[verb] = true
		}
	}
}

// event splits a line; ok is false where it is none.
func event(line string) (verb, arg string, ok bool) {
	line = strings.TrimSuffix(line, "\n")
	if line == "" || slices.Contains([]byte{'\t', '#'}, line[0]) {
		return "", "", false
	}
	verb, arg, _ = strings.Cut(line, " ")
	return verb, arg, true
}
