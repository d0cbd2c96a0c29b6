package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What the chart renders lies beside its own tests; these ask whether this program takes it.
const renderings = "../../tools/chart/testdata/golden"

// rendered is as much of a manifest as has to do with the gateway's container.
type rendered struct {
	Kind string
	Data map[string]string
	Spec struct {
		Template struct {
			Spec struct {
				InitContainers []podContainer `yaml:"initContainers"`
				Containers     []podContainer
			}
		}
	}
}

type podContainer struct {
	Name string
	Args []string
	Env  []podVariable
}

type podVariable struct {
	Name      string
	Value     string
	ValueFrom map[string]map[string]string `yaml:"valueFrom"`
}

func readRendering(t *testing.T, file string) (config string, containers []podContainer) {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // a name of the test's own
	if err != nil {
		t.Fatal(err)
	}
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var r rendered
		switch err := d.Decode(&r); {
		case errors.Is(err, io.EOF):
			return config, containers
		case err != nil:
			t.Fatalf("%s: %v", file, err)
		}
		if c, ok := r.Data["config.yaml"]; ok {
			config = c
		}
		if r.Kind == "Deployment" || r.Kind == "StatefulSet" {
			containers = append(r.Spec.Template.Spec.InitContainers, r.Spec.Template.Spec.Containers...)
		}
	}
}

func TestTheGatewayTakesWhatTheChartRenders(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(renderings, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no renderings: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			config, containers := readRendering(t, f)
			i := indexOf(containers, "sttgate")
			if i < 0 {
				t.Fatal("has no container of the gateway")
			}
			dir := t.TempDir()
			file := filepath.Join(dir, "config.yaml")
			if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			if want := []string{"serve", "--config", "/etc/sttgate/config.yaml"}; strings.Join(containers[i].Args, " ") != strings.Join(want, " ") {
				t.Errorf("is started with %q, not with %q", containers[i].Args, want)
			}
			var out, faults bytes.Buffer
			if code := run(t.Context(), []string{"check", "--config", file}, inPod(t, dir, containers[i]), nil, &out, &faults); code != exitDone {
				t.Errorf("check of\n%s\nsays\n%s", config, faults.String())
			}
		})
	}
}

// inPod is the container's environment, with its mounted secrets in dir.
func inPod(t *testing.T, dir string, c podContainer) (environ []string) {
	t.Helper()
	const mount = "file:/run/secrets/sttgate/"
	for _, v := range c.Env {
		switch key, mounted := strings.CutPrefix(v.Value, mount); {
		case mounted:
			value := "0123456789abcdef0123456789abcdef"
			if strings.HasSuffix(key, "url") {
				value = "redis://:secret@127.0.0.1:6379/0"
			}
			if err := os.WriteFile(filepath.Join(dir, key), []byte(value), 0o600); err != nil {
				t.Fatal(err)
			}
			environ = append(environ, v.Name+"=file:"+filepath.Join(dir, key))
		case v.ValueFrom["secretKeyRef"] != nil:
			environ = append(environ, v.Name+"=redis://127.0.0.1:6379/0")
		case v.Value != "":
			environ = append(environ, v.Name+"="+v.Value)
		}
	}
	return environ
}

func indexOf(containers []podContainer, name string) int {
	for i, c := range containers {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// What the documentation tells an app's container to have is what the example's gets.
func TestTheSidecarsEnvironmentIsWhatTheDocumentationSays(t *testing.T) {
	_, containers := readRendering(t, filepath.Join(renderings, "backend.yaml"))
	i := indexOf(containers, "backend")
	if i < 0 {
		t.Fatal("the example has no container of the app")
	}
	text, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- the app's environment -->\n+```yaml\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("docs/kubernetes.md has no block of the app's environment")
	}
	var said struct{ Env []podVariable }
	if err := yaml.Unmarshal(block[1], &said); err != nil {
		t.Fatal(err)
	}
	got, err := yaml.Marshal(containers[i].Env)
	if err != nil {
		t.Fatal(err)
	}
	want, err := yaml.Marshal(said.Env)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the example renders\n%s\nand docs/kubernetes.md says\n%s", got, want)
	}
}
