package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCommandsOfTheRunbooksExist holds what docs/runbooks tells people to type at night against the program: the commands and
// their flags.
func TestCommandsOfTheRunbooksExist(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	line := regexp.MustCompile("(?m)(?:^|`)sttgate ([a-z][^`\\n#|]*)")
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(raw), -1) {
			words := strings.Fields(m[1])
			c, rest, err := (&program{}).root().Find(words)
			if err != nil || !c.Runnable() {
				t.Errorf("%s: sttgate %s: there is no such command (%v)", filepath.Base(f), m[1], err)
				continue
			}
			for _, w := range rest {
				if name, ok := strings.CutPrefix(w, "--"); ok && c.Flags().Lookup(name) == nil && c.InheritedFlags().Lookup(name) == nil {
					t.Errorf("%s: sttgate %s has no --%s", filepath.Base(f), c.Name(), name)
				}
			}
		}
	}
}
