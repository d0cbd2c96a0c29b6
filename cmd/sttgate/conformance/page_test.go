package conformance

import (
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// pageFile is the matrix for readers.
const pageFile = "../../../docs/sdks.md"

//go:embed testdata/sdks.md
var preface string

// page is docs/sdks.md as a run has it.
type page struct {
	versions map[string]string // of an SDK's name
	rows     map[string]string // of an SDK and a scene
}

func newPage(t *testing.T) *page {
	t.Helper()
	p := &page{versions: make(map[string]string), rows: make(map[string]string)}
	for _, s := range sdks() {
		name, version := s.version(t)
		p.versions[s.name] = name + " " + version
	}
	return p
}

func rowKey(s sdk, sc scene) string { return s.name + "/" + s.mode + "/" + sc.name }

// add enters what came of a scene.
func (p *page) add(s sdk, sc scene, o outcome) {
	sees := strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(o.sees)
	if sc.vanishes {
		sees = "–"
	}
	p.rows[rowKey(s, sc)] = fmt.Sprintf("| %s | %s | %d | %s | %s |\n", sc.title, sees, o.connects, counted(o.log), sc.money.paid(o))
}

// paid says what was charged. Where it is another figure in each run, it says which it is.
func (m money) paid(o outcome) string {
	switch m {
	case asHeard, forwarded, inTime:
		return "what was forwarded"
	default:
		if o.charged == 0 {
			return "nothing"
		}
		return fmt.Sprintf("%d.%03d s", o.charged/1000, o.charged%1000)
	}
}

// String is the whole page.
func (p *page) String() string {
	var b strings.Builder
	b.WriteString(preface)
	for _, s := range sdks() {
		fmt.Fprintf(&b, "\n## %s, %s\n\n| scene | its user sees | connects | the gateway's log | charged |\n|---|---|---|---|---|\n", p.versions[s.name], s.mode)
		for _, sc := range s.scenes {
			b.WriteString(p.rows[rowKey(s, sc)])
		}
	}
	return b.String()
}

// compare holds the file against the run, or writes it.
func (p *page) compare(t *testing.T) {
	t.Helper()
	for _, s := range sdks() {
		for _, sc := range s.scenes {
			if s.knows(sc) && p.rows[rowKey(s, sc)] == "" {
				t.Logf("not all of the matrix was run: %s is left as it is", pageFile)
				return
			}
		}
	}
	if *update {
		if err := os.WriteFile(pageFile, []byte(p.String()), 0o644); err != nil { //nolint:gosec // documentation
			t.Fatal(err)
		}
	}
	on, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.String(); got != string(on) {
		for l := range strings.Lines(got) {
			if !slices.Contains(strings.SplitAfter(string(on), "\n"), l) {
				t.Errorf("docs/sdks.md does not have what the run shows; make conformance UPDATE=1 writes it:\n%s", l)
			}
		}
		t.Error("docs/sdks.md is not this run's")
	}
}
