package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// metric is an entry of docs/metrics.yaml.
type metric struct {
	Name, Type string
	Labels     map[string][]string
}

// list is docs/metrics.yaml by name, with the series that a histogram has.
func list(t *testing.T) map[string]metric {
	t.Helper()
	var file struct{ Metrics []metric }
	readYAML(t, "../../docs/metrics.yaml", &file)
	all := map[string]metric{}
	for _, m := range file.Metrics {
		all[m.Name] = m
		if m.Type == "histogram" {
			for _, part := range []string{"_bucket", "_count", "_sum"} {
				all[m.Name+part] = m
			}
		}
	}
	// The process's own, which client_golang registers.
	for _, name := range []string{"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds"} {
		all[name] = metric{Name: name}
	}
	return all
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

var (
	series  = regexp.MustCompile(`\b((?:sttgate|process|go)_[a-z0-9_]+)(\{[^}]*\})?`)
	matcher = regexp.MustCompile(`([a-z_]+)(=~|!=|!~|=)"([^"]*)"`)
	grouped = regexp.MustCompile(`\b(?:by|ignoring|on|group_left)\s*\(([a-z_, ]*)\)`)
)

// fit reports what a query names that the gateway does not have.
func fit(all map[string]metric, expr string) (faults []string) {
	known := []string{"job", "instance", "le"} // what a scrape adds, and a histogram
	for _, s := range series.FindAllStringSubmatch(expr, -1) {
		m, ok := all[s[1]]
		if !ok {
			faults = append(faults, s[1]+" is not in docs/metrics.yaml")
			continue
		}
		for label := range m.Labels {
			known = append(known, label)
		}
		for _, l := range matcher.FindAllStringSubmatch(s[2], -1) {
			faults = append(faults, fitLabel(m, l[1], l[3])...)
		}
	}
	for _, g := range grouped.FindAllStringSubmatch(expr, -1) {
		for label := range strings.FieldsFuncSeq(g[1], func(r rune) bool { return r == ',' || r == ' ' }) {
			if !slices.Contains(known, label) {
				faults = append(faults, "nothing in the query has the label "+label)
			}
		}
	}
	return faults
}

// fitLabel is for one matcher. A value may be several, and what a dashboard's reader chooses.
func fitLabel(m metric, label, values string) (faults []string) {
	if label == "job" || label == "instance" {
		return nil
	}
	if m.Labels[label] == nil {
		return []string{m.Name + " has no label " + label}
	}
	for v := range strings.SplitSeq(values, "|") {
		if !strings.HasPrefix(v, "$") && !slices.Contains(m.Labels[label], v) {
			faults = append(faults, m.Name+"{"+label+"} is never "+v)
		}
	}
	return faults
}

func TestAQueryThatNamesWhatThereIsNotIsFound(t *testing.T) {
	all := list(t)
	for expr, want := range map[string]int{
		`sum by (provider) (rate(sttgate_upstream_errors_total{code=~"402|429",provider=~"$provider"}[5m]))`: 0,
		`histogram_quantile(0.9, sum by (le) (rate(sttgate_lease_duration_seconds_bucket[5m])))`:             0,
		`sttgate_store_down == 1`:                   1,
		`sttgate_upstream_errors_total{code="418"}`: 1,
		`sttgate_store_up{provider="soniox"}`:       1,
		`sum by (user) (sttgate_streams_active)`:    1,
	} {
		if got := fit(all, expr); len(got) != want {
			t.Errorf("%s: %v", expr, got)
		}
	}
}
