package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

// watched is rendered with everything for Prometheus and Grafana.
func watched(t *testing.T) map[string]string {
	t.Helper()
	files, err := way{chart: gatewayDir, values: filepath.Join(gatewayDir, "ci", "redis-values.yaml"), kube: newest}.render()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, text := range files {
		out[filepath.Base(name)] = text
	}
	return out
}

func TestTheOperatorsTypesTakeWhatIsRendered(t *testing.T) {
	files := watched(t)
	for name, into := range map[string]any{"servicemonitor.yaml": &monitoring.ServiceMonitor{}, rulesFile: &monitoring.PrometheusRule{}} {
		if err := yaml.UnmarshalStrict([]byte(files[name]), into); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The templates of alerts are Prometheus's, and must come through Helm's as they are.
func TestAlertsArriveAsTheyAreWritten(t *testing.T) {
	var got struct{ Spec map[string]any }
	if err := yaml.Unmarshal([]byte(watched(t)[rulesFile]), &got); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(gatewayDir, "files", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := yaml.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if g, w := asJSON(t, got.Spec), asJSON(t, want); g != w {
		t.Errorf("the rule has\n%s\nand the file\n%s", g, w)
	}
}

func TestDashboardArrivesAsItIsWritten(t *testing.T) {
	var got struct{ Data map[string]string }
	if err := yaml.Unmarshal([]byte(watched(t)[dashboardFile]), &got); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(gatewayDir, "files", "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	if g := got.Data["sttgate.json"]; strings.TrimSpace(g) != strings.TrimSpace(string(want)) || !json.Valid([]byte(g)) {
		t.Errorf("the ConfigMap has\n%s", g)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
