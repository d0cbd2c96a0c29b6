package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// Kubernetes as it was released: the schemas that kubectl-validate carries, every version from the oldest
// that the chart is for. The command itself (make chart-validate) is built from the whole API server, for
// minutes; this reads its data, and is as strict: what a schema does not know is a fault.
func TestKubernetesKnowsEveryField(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-modfile=../kubectl-validate.mod", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kubectl-validate").Output()
	if err != nil {
		t.Fatalf("where is kubectl-validate: %v", err)
	}
	builtins := filepath.Join(strings.TrimSpace(string(out)), "pkg", "openapiclient", "builtins")
	versions, err := filepath.Glob(filepath.Join(builtins, "1.*"))
	if err != nil {
		t.Fatal(err)
	}
	tested := 0
	for _, dir := range versions {
		if filepath.Base(dir) < "1.29" { // of the same length, all of them
			continue
		}
		tested++
		t.Run(filepath.Base(dir), func(t *testing.T) {
			api := &schemas{dir: dir, known: map[schema.GroupVersionKind]*jsonschema.Schema{}}
			for _, d := range written(t) {
				if err := api.validate(d.text); err != nil {
					t.Errorf("%s: %v", d.from, err)
				}
			}
			if err := api.validate([]byte("apiVersion: v1\nkind: Service\nspec: {ports: [{port: 80, targetport: 80}]}")); err == nil {
				t.Error("a field that is misspelt is taken")
			}
		})
	}
	if tested < 2 {
		t.Fatalf("%s has %d versions to test with", builtins, tested)
	}
}

// And Kubernetes as it is now: its own types, of the release that Helm is built with.
func TestTheNewestTypesTakeEveryField(t *testing.T) {
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, d := range written(t) {
		if _, _, err := strict.Decode(d.text, nil, nil); err != nil {
			t.Errorf("%s: %v", d.from, err)
		}
	}
}

type document struct {
	from string
	text []byte
}

// written is every document of the goldens.
func written(t *testing.T) []document {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	var out []document
	for _, f := range files {
		text, err := os.ReadFile(f) //nolint:gosec // a name of the test's own
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range bytes.Split(text, []byte("---\n"))[1:] {
			out = append(out, document{fmt.Sprintf("%s, document %d", f, i+1), d})
		}
	}
	return out
}

// schemas are those of one version, a file for each group and version.
type schemas struct {
	dir   string
	known map[schema.GroupVersionKind]*jsonschema.Schema
}

func (s *schemas) validate(text []byte) error {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return err
	}
	m, ok := doc.(map[string]any)
	if !ok {
		return fmt.Errorf("is no object: %s", text)
	}
	kind := schema.FromAPIVersionAndKind(fmt.Sprint(m["apiVersion"]), fmt.Sprint(m["kind"]))
	if s.known[kind] == nil {
		if s.known[kind], err = s.compile(kind); err != nil {
			return err
		}
	}
	return s.known[kind].Validate(doc)
}

func (s *schemas) compile(kind schema.GroupVersionKind) (*jsonschema.Schema, error) {
	file := path.Join(s.dir, "apis", kind.Group, kind.Version+".json")
	if kind.Group == "" {
		file = path.Join(s.dir, "api", kind.Version+".json")
	}
	text, err := os.ReadFile(file) //nolint:gosec // of a module whose sum is known
	if err != nil {
		return nil, err
	}
	var api struct {
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &api); err != nil {
		return nil, err
	}
	root := ""
	for name, one := range api.Components.Schemas {
		closed(one)
		if of(one, kind) {
			root = name
		}
	}
	if root == "" {
		return nil, fmt.Errorf("%s has no %s", file, kind.Kind)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:api", map[string]any{"components": map[string]any{"schemas": api.Components.Schemas}}); err != nil {
		return nil, err
	}
	return c.Compile("mem:api#/components/schemas/" + root)
}

// closed makes a schema with properties know no others.
func closed(s any) {
	m, ok := s.(map[string]any)
	if !ok || m["properties"] == nil || m["additionalProperties"] != nil {
		return
	}
	m["additionalProperties"] = false
}

func of(s any, kind schema.GroupVersionKind) bool {
	m, ok := s.(map[string]any)
	if !ok {
		return false
	}
	list, ok := m["x-kubernetes-group-version-kind"].([]any)
	return ok && slices.ContainsFunc(list, func(v any) bool {
		g, ok := v.(map[string]any)
		return ok && g["group"] == kind.Group && g["version"] == kind.Version && g["kind"] == kind.Kind
	})
}
