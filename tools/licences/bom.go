package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// bom is as much of a CycloneDX document as is looked at; the rest passes as it is.
type bom struct {
	Components []component `json:"components"`
	Metadata   struct {
		Component component `json:"component"`
	} `json:"metadata"`
}

type component struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// complete puts the licences into a bill of materials that has none, and refuses one that is not of this program: each module that the binary says it
// has must be there at its version, nothing else may, and the whole must be as CycloneDX's own schema wants it.
func complete(root, file, binary, schemas string, modules []*module) error {
	raw, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return err
	}
	var read bom
	var doc map[string]any
	if err := errors.Join(json.Unmarshal(raw, &read), json.Unmarshal(raw, &doc)); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	if err := covers(read, info); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	own, err := os.ReadFile(filepath.Join(root, "LICENSE"))
	if err != nil {
		return err
	}
	licences := map[string][]string{info.Main.Path: known(string(own))}
	for _, m := range modules {
		licences[m.Path] = m.licences
	}
	metadata, _ := doc["metadata"].(map[string]any)
	parts, _ := doc["components"].([]any)
	for _, part := range append([]any{metadata["component"]}, parts...) {
		c, _ := part.(map[string]any)
		name, _ := c["name"].(string)
		if len(licences[name]) == 0 {
			return fmt.Errorf("%s: %s has no licence", file, name)
		}
		var list []any
		for _, l := range licences[name] {
			list = append(list, map[string]any{"license": map[string]any{"id": l}})
		}
		c["licenses"] = list
	}
	if err := valid(doc, schemas); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	return os.WriteFile(filepath.Clean(file), out.Bytes(), 0o644) //nolint:gosec // for everybody
}

// covers compares a bill with what the binary itself says.
func covers(b bom, info *buildinfo.BuildInfo) error {
	has, wants := map[string]string{}, map[string]string{"std": info.GoVersion}
	for _, c := range b.Components {
		has[c.Name] = c.Version
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		wants[m.Path] = m.Version
	}
	var faults []string
	for name, version := range wants {
		if got := has[name]; got != version {
			faults = append(faults, fmt.Sprintf("%s %s is in the program, and here is %q", name, version, got))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(has)) {
		if wants[name] == "" {
			faults = append(faults, name+" is not in the program")
		}
	}
	if b.Metadata.Component.Name != info.Main.Path {
		faults = append(faults, fmt.Sprintf("it is of %q", b.Metadata.Component.Name))
	}
	if len(faults) > 0 {
		slices.Sort(faults)
		return errors.New(strings.Join(faults, "\n"))
	}
	return nil
}

// valid asks CycloneDX's schema, out of the directory that cyclonedx-go has it in.
func valid(doc map[string]any, dir string) error {
	c := jsonschema.NewCompiler()
	version, _ := doc["specVersion"].(string)
	id := ""
	for _, name := range []string{"bom-" + version + ".schema.json", "spdx.schema.json", "jsf-0.82.schemax.json"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("no schema for version %s: %w", version, err)
		}
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		of, _ := schema.(map[string]any)
		at, _ := of["$id"].(string)
		if err := c.AddResource(at, schema); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if id == "" {
			id = at
		}
	}
	schema, err := c.Compile(id)
	if err != nil {
		return err
	}
	return schema.Validate(doc)
}
