package compose

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"go.yaml.in/yaml/v3"
)

const files = top + "/charts/sttgate/files"

// panel is what is asked for one.
type panel struct{ title, expr string }

// grafana reads the dashboard with Grafana's own types: a key that they do not have is an error, also of a kind of panel's options.
func grafana(raw string) (d dashboard.Dashboard, err error) {
	plugins.RegisterDefaultPlugins()
	// It returns a list of faults as an error that is never nil; for the same reason it does not keep the panels, so they are read once more.
	var faults cog.BuildErrors
	if err := d.UnmarshalJSONStrict([]byte(raw)); err != nil && (!errors.As(err, &faults) || len(faults) > 0) {
		return d, err
	}
	d = dashboard.Dashboard{}
	err = json.Unmarshal([]byte(raw), &d)
	return d, err
}

func panels(t *testing.T) (all []panel) {
	t.Helper()
	d, err := grafana(contents(t, files+"/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		if p.Panel == nil {
			continue // a heading
		}
		for _, q := range p.Panel.Targets {
			switch q := q.(type) {
			case *prometheus.Dataquery:
				all = append(all, panel{*p.Panel.Title, q.Expr})
			case prometheus.Dataquery:
				all = append(all, panel{*p.Panel.Title, q.Expr})
			default:
				t.Fatalf("%s asks with a %T", *p.Panel.Title, q)
			}
		}
	}
	for _, a := range d.Annotations.List {
		if a.Expr != nil {
			all = append(all, panel{a.Name, *a.Expr})
		}
	}
	return all
}

func TestTheDashboardIsOneOfGrafanas(t *testing.T) {
	raw := contents(t, files+"/dashboard.json")
	if _, err := grafana(raw); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{`"gridPos"`, `"gridpos"`}, {`"colorMode": "value"`, `"colourMode": "value"`}, {`"legendFormat"`, `"legend"`}, {`"showPoints": "never"`, `"showPoints": 1`}} {
		wrong := strings.Replace(raw, change[0], change[1], 1)
		if wrong == raw {
			t.Fatalf("the dashboard has no %s", change[0])
		}
		if _, err := grafana(wrong); err == nil {
			t.Errorf("%s is taken", change[1])
		}
	}
}

// TestGrafanaFindsPrometheusAndTheDashboard holds what ties the files together; Grafana itself does not run here.
func TestGrafanaFindsPrometheusAndTheDashboard(t *testing.T) {
	var sources struct {
		Version     int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			Default                      bool `yaml:"isDefault"`
			Data                         struct {
				Method   string `yaml:"httpMethod"`
				Interval string `yaml:"timeInterval"`
			} `yaml:"jsonData"`
		}
	}
	strict(t, home+"/grafana/datasources/prometheus.yaml", &sources)
	s := sources.Datasources[0]
	if s.Type != "prometheus" || s.URL != "http://prometheus:9090" || !s.Default {
		t.Errorf("the data source is %+v", s)
	}
	var config struct {
		Global struct {
			Interval string `yaml:"scrape_interval"`
		}
	}
	if err := yaml.Unmarshal([]byte(contents(t, home+"/prometheus.yml")), &config); err != nil {
		t.Fatal(err)
	}
	if s.Data.Interval != config.Global.Interval {
		t.Errorf("Grafana takes %s for the interval of scrapes, which is %s", s.Data.Interval, config.Global.Interval)
	}
	var providers struct {
		Version   int `yaml:"apiVersion"`
		Providers []struct {
			Name, Type string
			Updates    bool `yaml:"allowUiUpdates"`
			Options    struct{ Path string }
		}
	}
	strict(t, home+"/grafana/dashboards/sttgate.yaml", &providers)
	g := load(t, home+"/compose.yaml").Services["grafana"]
	mounted := map[string]string{}
	for _, v := range g.Volumes {
		mounted[v.Target] = v.Source
	}
	if at := mounted[providers.Providers[0].Options.Path]; at != absolute(t, files) {
		t.Errorf("dashboards are looked for in %s, where %q is", providers.Providers[0].Options.Path, at)
	}
	if at := mounted["/etc/grafana/provisioning"]; at != absolute(t, home+"/grafana") {
		t.Errorf("Grafana is told by %q", at)
	}
	if *g.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] != providers.Providers[0].Options.Path+"/dashboard.json" {
		t.Error("Grafana does not begin with the dashboard")
	}
}

func strict(t *testing.T, file string, into any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(contents(t, file)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// chosen fills in what a reader chooses, as Grafana does when they have chosen nothing: All, which is each variable's own allValue.
func chosen(t *testing.T, expr string) string {
	t.Helper()
	var d struct {
		Templating struct {
			List []struct{ Name, AllValue string }
		}
	}
	if err := json.Unmarshal([]byte(contents(t, files+"/dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	for _, v := range d.Templating.List {
		expr = strings.ReplaceAll(expr, "$"+v.Name, v.AllValue)
	}
	expr = strings.ReplaceAll(expr, "$__rate_interval", "20s") // four scrapes of prometheus.yml
	if left := regexp.MustCompile(`\$\w+`).FindString(expr); left != "" {
		t.Errorf("%s: %s is nobody's", expr, left)
	}
	return expr
}
