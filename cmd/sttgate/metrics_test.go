package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/notify"
	"github.com/sttgate/sttgate/proxy/provider"
)

// metric is an entry of docs/metrics.yaml.
type metric struct {
	Name, Type, Help string
	Labels           map[string][]string
}

func (m metric) String() string {
	return fmt.Sprintf("%s %v: %s", m.Type, slices.Sorted(maps.Keys(m.Labels)), m.Help)
}

// admits says whether a label may have a value.
func (m metric) admits(label, value string) bool {
	return slices.ContainsFunc(m.Labels[label], func(v string) bool {
		if pattern, ok := strings.CutPrefix(v, "/"); ok {
			return regexp.MustCompile("^" + strings.TrimSuffix(pattern, "/") + "$").MatchString(value)
		}
		return v == value
	})
}

// catalogue is docs/metrics.yaml by name.
func catalogue(t *testing.T) map[string]metric {
	t.Helper()
	raw, err := os.ReadFile("../../docs/metrics.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Metrics []metric }
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	all := map[string]metric{}
	for _, m := range file.Metrics {
		all[m.Name] = m
	}
	return all
}

// TestMetricsAreThoseOfTheList holds a gateway that has had traffic against docs/metrics.yaml, in both directions: names, types,
// help and labels with their values.
func TestMetricsAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	deaf := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(deaf.Close)
	w := newWorld(t, fmt.Sprintf("notify: {webhook: {url: %q, secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz}}\n", deaf.URL))
	p := serveProcess(t, w.file)
	p.call(http.MethodPut, "/admin/v1/users/bob/stage", `{"stage":"restrict","reason":"test"}`, nil)
	all := flood(t, p, 1)
	w.until(0, 300)
	for _, s := range p.streams() {
		p.send(http.MethodDelete, "/admin/v1/streams/"+s, http.StatusAccepted)
	}
	all.Wait()

	want, got := catalogue(t), map[string]bool{}
	families := p.scrape()
	for _, m := range families["sttgate_users_in_stage"].GetMetric() {
		if stage := m.GetLabel()[0].GetValue(); (m.GetGauge().GetValue() == 1) != (stage == "restrict") {
			t.Errorf("%v users are at %s; bob is at restrict", m.GetGauge().GetValue(), stage)
		}
	}
	for name, f := range families {
		if !strings.HasPrefix(name, "sttgate_") {
			continue
		}
		got[name] = true
		checkFamily(t, want, f)
	}
	for name := range want {
		if !got[name] {
			t.Errorf("%s is in docs/metrics.yaml, and the gateway has none", name)
		}
	}
	problems, err := promlint.New(strings.NewReader(p.send(http.MethodGet, "/metrics", http.StatusOK))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range problems {
		if strings.HasPrefix(l.Metric, "sttgate_") { // the others are not ours
			t.Errorf("promlint: %s: %s", l.Metric, l.Text)
		}
	}
}

// checkFamily holds what a gateway shows against its entry.
func checkFamily(t *testing.T, want map[string]metric, f *dto.MetricFamily) {
	t.Helper()
	m, ok := want[f.GetName()]
	if !ok {
		t.Errorf("%s is not in docs/metrics.yaml", f.GetName())
		return
	}
	for _, series := range f.GetMetric() {
		labels := map[string][]string{}
		for _, l := range series.GetLabel() {
			labels[l.GetName()] = nil
			if !m.admits(l.GetName(), l.GetValue()) {
				t.Errorf("%s: %s=%q is not in docs/metrics.yaml", m.Name, l.GetName(), l.GetValue())
			}
		}
		if got := (metric{m.Name, strings.ToLower(f.GetType().String()), f.GetHelp(), labels}); got.String() != m.String() {
			t.Errorf("%s: docs/metrics.yaml says\n%s\nand the gateway\n%s", m.Name, m, got)
			return
		}
	}
}

// TestThePageTellsEveryMetric holds docs/metrics.md against docs/metrics.yaml, in both directions.
func TestThePageTellsEveryMetric(t *testing.T) {
	t.Parallel()
	md, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	want, told := catalogue(t), map[string]bool{}
	row := regexp.MustCompile("(?m)^\\| `(sttgate_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|")
	for _, m := range row.FindAllStringSubmatch(string(md), -1) {
		told[m[1]] = true
		var labels []string
		for _, l := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(m[3], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		if w := want[m[1]]; m[2] != w.Type || !slices.Equal(labels, slices.Sorted(maps.Keys(w.Labels))) {
			t.Errorf("%s: the page says %s %v, docs/metrics.yaml %s", m[1], m[2], labels, w)
		}
	}
	for name, m := range want {
		if !told[name] {
			t.Errorf("the page does not tell of %s", name)
		}
		for label, values := range m.Labels {
			for _, v := range values {
				if !strings.HasPrefix(v, "/") && v != "true" && v != "false" && !strings.Contains(string(md), "`"+v+"`") {
					t.Errorf("the page does not tell of %s{%s=%q}", name, label, v)
				}
			}
		}
	}
}

func TestTheClosedSetsAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	all := catalogue(t)
	same := func(metric, label string, want []string) {
		t.Helper()
		got := slices.Sorted(slices.Values(all[metric].Labels[label]))
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s{%s}: docs/metrics.yaml has %v, the code %v", metric, label, got, want)
		}
	}
	var vendors, stages []string
	for _, p := range provider.Builtin() {
		vendors = append(vendors, p.Name())
	}
	for _, s := range policy.Stages() {
		stages = append(stages, string(s))
	}
	same("sttgate_streams_active", "provider", vendors)
	same("sttgate_stage_transitions_total", "to", stages)
	same("sttgate_reviews_total", "result", results())
	same("sttgate_usage_events_total", "result", notify.Results())
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
