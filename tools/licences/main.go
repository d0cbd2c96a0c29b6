// Command licences says under which licences the modules are that are linked into sttgate, and refuses one that is
// not on the list. It writes docs/licences.md; with -check it compares; with -texts it prints the licences
// themselves, which a binary that is given away has to come with; with -bom it puts them into a bill of materials, which it holds against the binary.
//
//	go list -deps, for each system of a release ─► modules ─► their LICENSE, COPYING, NOTICE ─► known words ─► the list
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	root := flag.String("root", ".", "the top of the tree")
	check := flag.Bool("check", false, "compare with docs/licences.md instead of writing it")
	texts := flag.Bool("texts", false, "print the texts")
	file := flag.String("bom", "", "complete this CycloneDX file instead, the one of -binary, by the schema in -schemas")
	binary := flag.String("binary", "", "the program that -bom is of")
	schemas := flag.String("schemas", "", "where CycloneDX's schemas are")
	flag.Parse()
	do := func() error { return run(*root, *check, *texts) }
	if *file != "" {
		do = func() error { return fill(*root, *file, *binary, *schemas) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func fill(root, file, binary, schemas string) error {
	modules, err := licensed(root)
	if err != nil {
		return err
	}
	return complete(root, file, binary, schemas, modules)
}

// licensed are the linked modules with their licences.
func licensed(root string) ([]*module, error) {
	modules, err := linked(root)
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		if err := m.read(); err != nil {
			return nil, err
		}
	}
	return modules, nil
}

func run(root string, check, texts bool) error {
	modules, err := licensed(root)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	page.WriteString(head)
	for _, m := range modules {
		if texts {
			fmt.Printf("==== %s %s (%s)\n\n%s\n\n", m.Path, m.Version, strings.Join(m.licences, ", "), m.text)
		}
		fmt.Fprintf(&page, "| %s | %s |\n", m.Path, strings.Join(m.licences, ", "))
	}
	file := filepath.Join(root, "docs", "licences.md")
	switch {
	case texts:
		return nil
	case !check:
		return os.WriteFile(file, page.Bytes(), 0o644) //nolint:gosec // documentation
	}
	now, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, page.Bytes()) {
		return errors.New("docs/licences.md is not what is linked: run make licences, and read what is new")
	}
	fmt.Printf("licences: %d modules, each under one that may be linked\n", len(modules))
	return nil
}

const head = `# Licences of what is linked

Written by ` + "`make licences`" + `, held by ` + "`make licences-check`" + `: the modules in the program that a release has, for Linux and macOS; the last, std, is Go itself. A licence that is not known, or obliges users of the
program to publish anything, fails the check. The texts are in each archive of a release (` + "`THIRD_PARTY`" + `).

| module | licence |
|---|---|
`

// module is as much of what go list says as is needed.
type module struct {
	Path, Version, Dir string
	Main               bool

	licences []string
	text     string
}

// linked are the modules of the program's packages, of all systems, sorted.
func linked(root string) ([]*module, error) {
	found := map[string]*module{}
	for _, system := range []string{"linux", "darwin"} {
		cmd := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/sttgate") //nolint:noctx // it ends
		cmd.Dir, cmd.Stderr = root, os.Stderr
		cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", system, err)
		}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct{ Module *module }
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("go list: %w", err)
			}
			if p.Module != nil && !p.Module.Main {
				found[p.Module.Path] = p.Module
			}
		}
	}
	std, err := goItself(root)
	if err != nil {
		return nil, err
	}
	out := []*module{std}
	for _, m := range found {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *module) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// goItself is the standard library and the runtime, which every program is linked with: Go's own licence wants to come along, too.
func goItself(root string) (*module, error) {
	cmd := exec.Command("go", "env", "GOROOT", "GOVERSION") //nolint:noctx // it ends
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	lines := strings.Fields(string(out))
	if len(lines) != 2 {
		return nil, fmt.Errorf("go env says %q", out)
	}
	return &module{Path: "std", Version: lines[1], Dir: lines[0]}, nil
}

// read finds the module's licences, of which each file has to be a known one.
func (m *module) read() error {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	var texts []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		notice := strings.HasPrefix(name, "NOTICE")
		if e.IsDir() || !notice && !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "UNLICEN") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
		texts = append(texts, strings.TrimSpace(string(b)))
		if notice {
			continue
		}
		names := known(string(b))
		if len(names) == 0 {
			return fmt.Errorf("%s: %s is under no licence that may be linked: read it; if it may, tools/licences learns its words", m.Path, e.Name())
		}
		for _, n := range names {
			if !slices.Contains(m.licences, n) {
				m.licences = append(m.licences, n)
			}
		}
	}
	if len(m.licences) == 0 {
		return fmt.Errorf("%s has no licence: nobody may link it", m.Path)
	}
	m.text = strings.Join(texts, "\n\n")
	return nil
}
