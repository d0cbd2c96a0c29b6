package chart

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
)

// The oldest Kubernetes that the chart is for, and the newest that Helm knows.
const (
	oldest = "v1.29.0"
	newest = "v1.37.0"
)

// way is one way of values.
type way struct{ chart, values, kube string }

// matrix is every way of values that is written down: all files of the chart's ci directory for the newest
// Kubernetes, one of them for the oldest too, and the example that has the gateway as a sidecar.
func matrix(t *testing.T) map[string]way {
	t.Helper()
	out := map[string]way{
		"backend":             {chart: exampleDir, kube: newest},
		"redis-on-the-oldest": {chart: gatewayDir, values: filepath.Join(gatewayDir, "ci", "redis-values.yaml"), kube: oldest},
	}
	for _, f := range ciValues(t) {
		out[strings.TrimSuffix(filepath.Base(f), "-values.yaml")] = way{chart: gatewayDir, values: f, kube: newest}
	}
	return out
}

func ciValues(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(gatewayDir, "ci", "*-values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no values to render: %v", err)
	}
	return files
}

func (w way) render() (map[string]string, error) {
	values := chartutil.Values{}
	if w.values != "" {
		var err error
		if values, err = chartutil.ReadValuesFile(w.values); err != nil {
			return nil, err
		}
	}
	c, err := load(w.chart)
	if err != nil {
		return nil, err
	}
	return render(c, values, w.kube)
}

func TestRendersWhatIsWrittenDown(t *testing.T) {
	for name, w := range matrix(t) {
		t.Run(name, func(t *testing.T) {
			files, err := w.render()
			if err != nil {
				t.Fatal(err)
			}
			native, custom := manifests(files)
			golden(t, filepath.Join("testdata", "golden", name+".yaml"), native)
			golden(t, filepath.Join("testdata", "golden", "custom", name+".yaml"), custom)
		})
	}
}

// The example's pod counts the gateway's readiness, unless its app does more than speech.
func TestAnAppMayBeReadyWithoutItsGateway(t *testing.T) {
	for _, counts := range []bool{true, false} {
		c, err := load(exampleDir)
		if err != nil {
			t.Fatal(err)
		}
		files, err := render(c, chartutil.Values{"sttgate": map[string]any{"sidecar": map[string]any{"readiness": counts}}}, newest)
		if err != nil {
			t.Fatal(err)
		}
		pod := files["backend/templates/deployment.yaml"]
		if got := strings.Contains(pod, "readinessProbe:"); got != counts {
			t.Errorf("sidecar.readiness is %t, and the pod is\n%s", counts, pod)
		}
		if !strings.Contains(pod, "startupProbe:") || !strings.Contains(pod, "livenessProbe:") {
			t.Errorf("a probe is gone:\n%s", pod)
		}
	}
}

// golden compares with a file; nothing at all is no file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" && got != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file) //nolint:gosec // a name of the test's own
	if err != nil && (got != "" || !errors.Is(err, fs.ErrNotExist)) {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s:%d is\n%s\nand would now be\n%s\n(make chart UPDATE=1 writes it)", file, i+1, w[i], g[i])
		}
	}
	t.Fatalf("%s has %d lines and would now have %d (make chart UPDATE=1 writes it)", file, len(w), len(g))
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write testdata/golden")
	flag.String("gateway", "", "the program of the image")
	flag.String("backend", "", "charts/examples/backend/app, built")
	flag.Parse()
	os.Exit(m.Run())
}
