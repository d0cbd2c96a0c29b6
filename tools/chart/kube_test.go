package chart

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

// Kubernetes as it is now: its own types, of the release that Helm is built with. Older ones are kubectl-validate's (make chart-validate).
func TestTheNewestTypesTakeEveryField(t *testing.T) {
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, d := range written(t) {
		if _, _, err := strict.Decode(d.text, nil, nil); err != nil {
			t.Errorf("%s: %v", d.from, err)
		}
	}
	if _, _, err := strict.Decode([]byte("apiVersion: v1\nkind: Service\nspec: {ports: [{port: 80, targetport: 80}]}"), nil, nil); err == nil {
		t.Error("a field that is misspelt is taken")
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
