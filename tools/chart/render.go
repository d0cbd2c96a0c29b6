package chart

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// The charts, from here.
const (
	gatewayDir = "../../charts/sttgate"
	exampleDir = "../../charts/examples/backend"
)

// load reads a chart. Of one that depends on the gateway's it does what
// `helm dependency build` would: the dependency is a directory of this tree.
func load(dir string) (*chart.Chart, error) {
	c, err := loader.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", dir, err)
	}
	for _, d := range c.Metadata.Dependencies {
		at, ok := strings.CutPrefix(d.Repository, "file://")
		if !ok {
			return nil, fmt.Errorf("%s depends on %s of %s: only directories are known here", dir, d.Name, d.Repository)
		}
		sub, err := load(path.Join(dir, at))
		if err != nil {
			return nil, err
		}
		if sub.Metadata.Version != d.Version {
			return nil, fmt.Errorf("%s wants %s %s, and there is %s", dir, d.Name, d.Version, sub.Metadata.Version)
		}
		c.AddDependency(sub)
	}
	return c, nil
}

// render is `helm template gate CHART --namespace speech --kube-version KUBE`, hooks and notes
// included: file by file, in the order of their names.
func render(c *chart.Chart, values chartutil.Values, kube string) (map[string]string, error) {
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		return nil, err
	}
	v, err := chartutil.ParseKubeVersion(kube)
	if err != nil {
		return nil, err
	}
	caps := chartutil.DefaultCapabilities.Copy()
	caps.KubeVersion = *v
	release := chartutil.ReleaseOptions{Name: "gate", Namespace: "speech", Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValues(c, values, release, caps)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, top)
}

// Files that others fill: they are looked at one by one (custom_test.go), so that a new alert
// changes nothing that is written down here.
const (
	rulesFile     = "prometheusrule.yaml"
	dashboardFile = "dashboard.yaml"
)

// manifests joins what render gave, without notes, named templates and files that came to
// nothing: what every cluster understands, and the kinds that somebody has to install first.
func manifests(files map[string]string) (native, custom string) {
	var n, c strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := strings.TrimSpace(files[name])
		switch base := path.Base(name); {
		case text == "", path.Ext(name) == ".txt", strings.HasPrefix(base, "_"), base == rulesFile, base == dashboardFile:
		case strings.Contains(text, "apiVersion: monitoring.coreos.com/"), strings.Contains(text, "apiVersion: cilium.io/"):
			fmt.Fprintf(&c, "---\n# Source: %s\n%s\n", name, text)
		default:
			fmt.Fprintf(&n, "---\n# Source: %s\n%s\n", name, text)
		}
	}
	return n.String(), c.String()
}
