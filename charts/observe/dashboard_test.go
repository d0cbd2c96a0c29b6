package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheDashboardIsTheOneThatIsWritten(t *testing.T) {
	want, err := marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../" + dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not current: make dashboard writes it", dashboardFile)
	}
	if bytes.Contains(want, []byte("{{ .")) {
		t.Error("the chart would take a legend for a template of its own")
	}
}

func TestEveryPanelAsksForWhatThereIsAndSaysWhatIsGood(t *testing.T) {
	all, shown := list(t), ""
	rules := "groups:\n- name: dashboard\n  rules:\n"
	d := newDashboard()
	ids, places := map[int]bool{}, map[position]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || places[p.GridPos] != "" || p.GridPos.X+p.GridPos.W > columns {
			t.Errorf("%s: id %d or place %v is taken, by %q", p.Title, p.ID, p.GridPos, places[p.GridPos])
		}
		ids[p.ID], places[p.GridPos] = true, p.Title
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%s: a panel has a unit, a query, and says what good looks like", p.Title)
		}
		for _, q := range p.Targets {
			shown += q.Expr
			for _, fault := range fit(all, q.Expr) {
				t.Errorf("%s: %s", p.Title, fault)
			}
			if !strings.Contains(q.Expr, `instance=~"$instance"`) {
				t.Errorf("%s does not follow the choice of instances: %s", p.Title, q.Expr)
			}
			rules += fmt.Sprintf("  - {record: \"a:b\", expr: %q, labels: {n: \"%d\"}}\n", strings.ReplaceAll(q.Expr, "$__rate_interval", "5m"), len(rules))
		}
	}
	for _, v := range d.Annotations.List {
		shown += v.Expr
		for _, fault := range fit(all, v.Expr) {
			t.Errorf("%s: %s", v.Name, fault)
		}
	}
	for name, m := range all {
		if m.Name == name && m.Type != "histogram" && !strings.Contains(shown, name) && name != "sttgate_audio_bytes_total" {
			t.Errorf("no panel shows %s", name)
		}
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}
