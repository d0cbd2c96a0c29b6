package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// block is a fenced block of a page.
type block struct {
	page, heading, lang string
	line                int // of its first line
	text                string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// lines are those of a block that are not empty, each with what a backslash carries on to the next.
func (b block) lines() (out []string) {
	for line := range strings.Lines(strings.ReplaceAll(b.text, "\\\n", "\\\n\x00")) {
		line = strings.TrimSuffix(line, "\n")
		if carried, ok := strings.CutPrefix(line, "\x00"); ok {
			out[len(out)-1] += "\n" + carried
		} else if line != "" {
			out = append(out, line)
		}
	}
	return out
}

// repository is where the pages' names begin.
const repository = "../.."

// pages are the texts that people follow. The chart's README is made of its template, which a check of the chart holds.
func pages(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/runbooks/*.md", "charts/sttgate/README.md"} {
		found, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v %v", pattern, found, err)
		}
		for _, f := range found {
			name, err := filepath.Rel(repository, f)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(name))
		}
	}
	return names
}

func readPage(t *testing.T, page string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocksOf are a page's blocks in their order. A fence may stand inside a list.
func blocksOf(t *testing.T, page string) (out []block) {
	t.Helper()
	var heading, indent string
	var open *block
	n := 0
	for line := range strings.Lines(readPage(t, page)) {
		n++
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open == nil:
			indent = line[:strings.Index(line, "`")]
			open = &block{page: page, heading: heading, lang: fence, line: n + 1}
		case isFence:
			out, open = append(out, *open), nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent)
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimSpace(line)
		}
	}
	if open != nil {
		t.Errorf("%s: a block that does not end", open)
	}
	return out
}

// prose is a page without its blocks.
func prose(t *testing.T, page string) string {
	t.Helper()
	var out strings.Builder
	inside := false
	for line := range strings.Lines(readPage(t, page)) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inside = !inside
		} else if !inside {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestABlockIsReadWithWhatItsLinesCarryOn(t *testing.T) {
	t.Parallel()
	b := block{text: "a \\\n  b\n\nc # d\n"}
	if got := b.lines(); len(got) != 2 || got[0] != "a \\\n  b" || got[1] != "c # d" {
		t.Errorf("%q", got)
	}
}
