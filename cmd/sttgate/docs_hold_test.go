package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sttgate/sttgate/config"
)

// holdBlock lets what is no command be read by what reads it.
func holdBlock(t *testing.T, b block, used []bool) {
	t.Helper()
	if excepted(b, b.text, used) {
		return
	}
	switch b.lang {
	case "yaml":
		loadConfig(t, b)
	case "js":
		reads(t, b, "snippet.mjs", "node", "--check")
	case "go":
		compiles(t, b)
	default:
		t.Errorf("%s: a block of %q is held by nothing: let holdBlock know, or say in elsewhere why it cannot be", b, b.lang)
	}
}

// loadConfig puts a piece of a config over the defaults, as a file that has nothing else.
func loadConfig(t *testing.T, b block) {
	t.Helper()
	var sections map[string]any
	if err := yaml.Unmarshal([]byte(b.text), &sections); err != nil {
		t.Errorf("%s: %v", b, err)
		return
	}
	dir := t.TempDir()
	var environ []string
	for _, name := range regexp.MustCompile(`env:([A-Z_]+)`).FindAllStringSubmatch(b.text, -1) {
		value := "0123456789abcdef0123456789abcdef"
		switch {
		case strings.Contains(name[1], "REDIS"):
			value = "redis://127.0.0.1:6379/0"
		case strings.Contains(name[1], "WEBHOOK"):
			value = "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))
		}
		environ = append(environ, name[1]+"="+value)
	}
	secret, file := filepath.Join(dir, "secret"), filepath.Join(dir, "gate.yaml")
	text := regexp.MustCompile(`file:/[a-z/]+`).ReplaceAllString(b.text, "file:"+secret)
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := config.Load(file, environ); err != nil {
		t.Errorf("%s is refused: %v", b, err)
	}
}

// reads runs a program over a block.
func reads(t *testing.T, b block, name string, program ...string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program[0], append(program[1:], name)...) //nolint:gosec // a program of the test's own
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", b, err, out)
	}
}

// compiles builds a piece of Go within a function that has what a reader's has: ctx, user.
func compiles(t *testing.T, b block) {
	t.Helper()
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "snippet.go")
	text := fmt.Sprintf(`package snippet

import (
	"context"
	"net/http"

	interfaces "github.com/deepgram/deepgram-go-sdk/v3/pkg/client/interfaces"
)

func snippet(ctx context.Context, user string) (any, any) {
	%s
	return ctx, options
}

var _ = http.Header{}
`, b.text)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "cmd/sttgate/snippet/snippet.go"): source}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "./cmd/sttgate/snippet") //nolint:gosec // names of the test's own
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%s does not compile: %v\n%s", b, err, out)
	}
}

// TestTheAnswersOfOperatorsAreAsThePageShowsThem holds docs/admin.md: a refusal and a line of the audit log have the members that it shows.
func TestTheAnswersOfOperatorsAreAsThePageShowsThem(t *testing.T) {
	t.Parallel()
	var shown []map[string]any
	for _, b := range blocksOf(t, "docs/admin.md") {
		if b.lang != "json" {
			continue
		}
		var members map[string]any
		if err := json.Unmarshal([]byte(b.text), &members); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		shown = append(shown, members)
	}
	if len(shown) != 2 {
		t.Fatalf("docs/admin.md shows %d bodies, this test knows two", len(shown))
	}
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	s := newStageWith(t, stageRules+fmt.Sprintf("admin: {token: writer-writer-writer, read_token: reader-reader-reader, audit_file: %q}\n", file))
	put := func(token string) (answer []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+s.admin+"/admin/v1/users/ann/stage", strings.NewReader(`{"stage":"restrict","reason":"shared account"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		tr := &http.Transport{}
		defer tr.CloseIdleConnections()
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	refused := put("reader-reader-reader")
	put("writer-writer-writer")
	audited, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range [][]byte{refused, audited} {
		var members map[string]any
		if err := json.Unmarshal(got, &members); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		if have, want := slices.Sorted(maps.Keys(members)), slices.Sorted(maps.Keys(shown[i])); !slices.Equal(have, want) {
			t.Errorf("docs/admin.md shows %v, and there is %v", want, have)
		}
		for _, same := range []string{"type", "title", "status", "detail", "what", "user", "why"} {
			if shown[i][same] != members[same] {
				t.Errorf("docs/admin.md shows %s %v, and there is %v", same, shown[i][same], members[same])
			}
		}
	}
}

// TestTheContainersEnvironmentIsAConfig holds what pages give to a container: the gateway takes it.
func TestTheContainersEnvironmentIsAConfig(t *testing.T) {
	t.Parallel()
	given := regexp.MustCompile(`-e ([A-Z_]+=\S+)`)
	n := 0
	for _, page := range pages(t) {
		for _, b := range blocksOf(t, page) {
			for _, line := range b.lines() {
				if b.lang != "sh" || !strings.HasPrefix(line, "docker run ") {
					continue
				}
				n++
				environ := []string{"DEEPGRAM_API_KEY=secret"}
				for _, m := range given.FindAllStringSubmatch(line, -1) {
					environ = append(environ, m[1])
				}
				if _, _, err := config.Load("", environ); err != nil {
					t.Errorf("%s: %v", b, err)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no page runs a container: take docker from elsewhere")
	}
}

// TestTheExampleOfSimulateCanBeReplayed holds the event that docs/policy.md shows.
func TestTheExampleOfSimulateCanBeReplayed(t *testing.T) {
	t.Parallel()
	for _, b := range blocksOf(t, "docs/policy.md") {
		if b.lang != "json" {
			continue
		}
		file := filepath.Join(t.TempDir(), "october.jsonl")
		if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"simulate", "--usage", file, "--json"}, nil, strings.NewReader(""), &out, &errs); code != exitDone {
			t.Errorf("%s: exit %d\n%s", b, code, errs.String())
		}
		if !strings.Contains(out.String(), "300000") {
			t.Errorf("%s is not counted:\n%s", b, out.String())
		}
	}
}
