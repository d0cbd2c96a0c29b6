package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const alertsFile = "../sttgate/files/alerts.yaml"

// alert is one of alerts.yaml.
type alert struct {
	Alert, Expr, For string
	Labels           map[string]string
	Annotations      map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	readYAML(t, alertsFile, &file)
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// promtool is Prometheus' own judge of rules: make deps installs it.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// runbooks is where alerts.yaml sends people; the pages are in the tree.
const runbooks = "https://github.com/sttgate/sttgate/blob/main/docs/runbooks/"

func TestAlertsSayWhatToDoAboutWhatThereIs(t *testing.T) {
	all, pages := list(t), map[string]bool{}
	index, err := os.ReadFile("../../docs/runbooks/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts(t) {
		for _, fault := range fit(all, a.Expr) {
			t.Errorf("%s: %s", a.Alert, fault)
		}
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", a.Alert, s)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s tells too little", a.Alert)
		}
		page, ok := strings.CutPrefix(a.Annotations["runbook_url"], runbooks)
		if !ok {
			t.Errorf("%s: runbook_url %q is not under %s", a.Alert, a.Annotations["runbook_url"], runbooks)
			continue
		}
		pages[page] = true
		text, err := os.ReadFile(filepath.Join("../../docs/runbooks", page))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{"# " + a.Alert + "\n", "Severity: " + a.Labels["severity"] + ".", "## What it means", "## Who is hurt", "## How to look", "## What to do", "## It is over when"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %q", page, want)
			}
		}
		if !strings.Contains(string(index), fmt.Sprintf("| [%s](%s) | %s |", a.Alert, page, a.Labels["severity"])) {
			t.Errorf("%s is not in docs/runbooks/README.md, or with another severity", a.Alert)
		}
	}
	files, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := filepath.Base(f); name != "README.md" && !pages[name] {
			t.Errorf("%s is no alert's", f)
		}
	}
}

// TestAlertsFireAndKeepQuiet runs the cases, and holds that each alert has one where it fires and one where it must not.
func TestAlertsFireAndKeepQuiet(t *testing.T) {
	const cases = "testdata/alerts_test.yaml"
	promtool(t, "check", "rules", alertsFile)
	promtool(t, "test", "rules", cases)

	var file struct {
		Tests []struct {
			Series []struct{ Series string } `yaml:"input_series"`
			Rules  []struct {
				Alert string     `yaml:"alertname"`
				Fire  []struct{} `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, cases, &file)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, c := range file.Tests {
		for _, r := range c.Rules {
			fires[r.Alert] = fires[r.Alert] || len(r.Fire) > 0
			quiet[r.Alert] = quiet[r.Alert] || len(r.Fire) == 0
			for _, s := range c.Series {
				quiet[r.Alert] = quiet[r.Alert] || !strings.Contains(s.Series, `job="fires"`)
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !quiet[a.Alert] {
			t.Errorf("%s: a case where it fires: %v; where it keeps quiet: %v", a.Alert, fires[a.Alert], quiet[a.Alert])
		}
	}
}

// TestQueriesOfTheDocsAreOnesOfThisGateway holds the PromQL and the metrics of the runbooks, and those of the page of refusals, against the list, and lets promtool read it.
func TestQueriesOfTheDocsAreOnesOfThisGateway(t *testing.T) {
	files, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "../../docs/refusals.md", "../../docs/outage-drill.md")
	all, rules := list(t), "groups:\n- name: docs\n  rules:\n"
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(raw), "```promql\n") {
			if i == 0 {
				continue
			}
			block, _, _ = strings.Cut(block, "```")
			for line := range strings.Lines(block) {
				line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
				rules += fmt.Sprintf("  - {record: \"a:b\", expr: %q, labels: {n: \"%d\"}}\n", line, len(rules))
				for _, fault := range fit(all, line) {
					t.Errorf("%s: %s", f, fault)
				}
			}
		}
		for _, name := range series.FindAllStringSubmatch(string(raw), -1) {
			if _, ok := all[name[1]]; !ok {
				t.Errorf("%s: there is no %s", f, name[1])
			}
		}
	}
	file := filepath.Join(t.TempDir(), "docs.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}
