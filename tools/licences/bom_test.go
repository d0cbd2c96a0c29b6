package main

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

func TestABillIsOfItsProgram(t *testing.T) {
	info := &buildinfo.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "us"}, Deps: []*debug.Module{{Path: "a", Version: "v1.0.0"}}}
	good := func() (b bom) {
		b.Metadata.Component.Name = "us"
		b.Components = []component{{"std", "go1.26.8"}, {"a", "v1.0.0"}}
		return b
	}
	for _, tt := range []struct {
		name string
		make func() bom
		want string // a word of the refusal; "" for none
	}{
		{"what it should be", good, ""},
		{"a module is missing", func() bom { b := good(); b.Components = b.Components[:1]; return b }, `a v1.0.0 is in the program, and here is ""`},
		{"a version is another one", func() bom { b := good(); b.Components[1].Version = "v1.0.1"; return b }, "v1.0.1"},
		{"one too many", func() bom { b := good(); b.Components = append(b.Components, component{"b", "v1"}); return b }, "b is not in the program"},
		{"somebody else's", func() bom { b := good(); b.Metadata.Component.Name = "them"; return b }, "them"},
	} {
		err := covers(tt.make(), info)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestAVersionWithoutASchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "spdx.schema.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := valid(map[string]any{"specVersion": "9.9"}, dir); err == nil || !strings.Contains(err.Error(), "9.9") {
		t.Errorf("%v", err)
	}
}
