package main

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// TestMetricsAreThoseOfTheDocs holds names, types and labels of a gateway that has
// had traffic of every kind against docs/metrics.md, in both directions.
func TestMetricsAreThoseOfTheDocs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	p := serveProcess(t, w.file)
	p.call(http.MethodPut, "/admin/v1/users/bob/stage", `{"stage":"restrict","reason":"test"}`, nil)
	all := flood(t, p, 1)
	w.until(0, 300)
	for _, s := range p.streams() {
		p.send(http.MethodDelete, "/admin/v1/streams/"+s, http.StatusAccepted)
	}
	all.Wait()

	got := map[string]string{}
	for name, f := range p.scrape() {
		if !strings.HasPrefix(name, "sttgate_") {
			continue
		}
		got[name] = fmt.Sprintf("%s %v", strings.ToLower(f.GetType().String()), labels(f))
	}
	md, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `(sttgate_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|")
	for _, m := range row.FindAllStringSubmatch(string(md), -1) {
		var names []string
		for _, l := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(m[3], -1) {
			names = append(names, l[1])
		}
		slices.Sort(names)
		want[m[1]] = fmt.Sprintf("%s %v", m[2], names)
	}
	// These need something to fail, which the other tests see to.
	for _, name := range []string{"sttgate_store_errors_total", "sttgate_upstream_errors_total"} {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not documented", name)
		}
		delete(want, name)
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s: the docs say %q, the gateway %q", name, w, got[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not documented", name)
		}
	}
}

func labels(f *dto.MetricFamily) []string {
	var names []string
	for _, l := range f.GetMetric()[0].GetLabel() {
		names = append(names, l.GetName())
	}
	slices.Sort(names)
	return names
}

// streams are the ids of the running streams.
func (p *process) streams() []string {
	p.t.Helper()
	var list struct {
		Streams []struct{ ID string }
	}
	p.call(http.MethodGet, "/admin/v1/streams", "", &list)
	var ids []string
	for _, s := range list.Streams {
		ids = append(ids, s.ID)
	}
	return ids
}

// scrape reads /metrics.
func (p *process) scrape() map[string]*dto.MetricFamily {
	p.t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	fs, err := parser.TextToMetricFamilies(strings.NewReader(p.send(http.MethodGet, "/metrics", http.StatusOK)))
	if err != nil {
		p.t.Fatal(err)
	}
	return fs
}
