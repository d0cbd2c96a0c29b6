package chart

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/strvals"
)

// shell are the blocks of commands of the pages about Kubernetes, with lines that are carried on made one.
func shell(t *testing.T) (blocks map[string][]string) {
	t.Helper()
	blocks = map[string][]string{}
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, "../../README.md", gatewayDir+"/README.md") {
		text, err := os.ReadFile(f) //nolint:gosec // a page of this tree
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range strings.Split(string(text), "```sh\n") {
			if block, _, _ := strings.Cut(part, "```"); i > 0 && strings.Contains(block, "helm ") {
				blocks[fmt.Sprintf("%s, block %d", f, i)] = strings.Split(strings.ReplaceAll(block, "\\\n", " "), "\n")
			}
		}
	}
	return blocks
}

// install is what `helm install` is told.
type install struct {
	chart  string
	values chartutil.Values
}

// lists is a flag that may stand several times.
type lists []string

func (l *lists) String() string     { return strings.Join(*l, " ") }
func (l *lists) Set(s string) error { *l = append(*l, s); return nil }

func parseInstall(words []string) (install, error) {
	if len(words) < 2 {
		return install{}, fmt.Errorf("helm install %v: a name and a chart", words)
	}
	var files, sets lists
	fl := flag.NewFlagSet("helm install", flag.ContinueOnError)
	fl.String("namespace", "", "")
	fl.Var(&files, "values", "")
	fl.Var(&sets, "set", "")
	if err := fl.Parse(words[2:]); err != nil {
		return install{}, err
	}
	all := chartutil.Values{}
	for _, f := range files {
		v, err := chartutil.ReadValuesFile(filepath.Join("../..", f))
		if err != nil {
			return install{}, err
		}
		all = chartutil.CoalesceTables(v, all)
	}
	for _, s := range sets {
		if err := strvals.ParseInto(s, all); err != nil {
			return install{}, err
		}
	}
	return install{filepath.Join("../..", words[1]), all}, nil
}

var (
	secretKey = regexp.MustCompile(`--from-literal=([a-z-]+)=`)
	variable  = regexp.MustCompile(`"?\$[A-Z_]+"?`)
)

// TestTheDocumentedInstallsRender does what the pages tell people to do with a cluster, as far as there is none: the charts render with the
// very flags, for the oldest Kubernetes and the newest, and what is rendered asks for the Secrets, and the keys in them, that the lines above have made.
func TestTheDocumentedInstallsRender(t *testing.T) {
	installs := 0
	for where, lines := range shell(t) {
		var files map[string]string
		secrets := map[string][]string{}
		for _, line := range lines {
			words := strings.Fields(variable.ReplaceAllString(line, "registry.example/value"))
			switch {
			case len(words) == 0:
			case strings.HasPrefix(line, "helm dependency build "):
				if _, err := load(filepath.Join("../..", words[3])); err != nil {
					t.Errorf("%s: %s: %v", where, line, err)
				}
			case strings.HasPrefix(line, "helm install "):
				installs++
				in, err := parseInstall(words[2:])
				if err != nil {
					t.Fatalf("%s: %s: %v", where, line, err)
				}
				for _, kube := range []string{oldest, newest} {
					c, err := load(in.chart)
					if err != nil {
						t.Fatalf("%s: %v", where, err)
					}
					if files, err = render(c, in.values, kube); err != nil {
						t.Errorf("%s: %s: %v", where, line, err)
					}
				}
			case strings.HasPrefix(line, "helm test "):
				if native, _ := manifests(files); !strings.Contains(native, "helm.sh/hook: test") {
					t.Errorf("%s: %s: what was installed before has no test", where, line)
				}
			case words[0] == "helm":
				t.Errorf("%s: %s: nobody checks that here", where, line)
			}
			if _, name, made := strings.Cut(line, "create secret generic "); made {
				name, _, _ = strings.Cut(name, " ")
				for _, key := range secretKey.FindAllStringSubmatch(line, -1) {
					secrets[name] = append(secrets[name], key[1])
				}
			}
		}
		native, _ := manifests(files)
		for name, keys := range secrets {
			for _, want := range append(keys, name) {
				if !regexp.MustCompile(`(?m)(?:name|key|secretName|path): "?` + want + `"?$`).MatchString(native) {
					t.Errorf("%s: %s of the secret %s is made, and nothing that is installed asks for it", where, want, name)
				}
			}
		}
	}
	if installs < 3 {
		t.Errorf("%d installs were found in the pages", installs)
	}
}

// TestTheExampleHasTheLinesOfThePage holds the YAML of docs/kubernetes.md that is said to be the example's.
func TestTheExampleHasTheLinesOfThePage(t *testing.T) {
	for begins, file := range map[string]string{
		"dependencies:\n":   exampleDir + "/Chart.yaml",
		"initContainers:\n": exampleDir + "/templates/deployment.yaml",
	} {
		page, err := os.ReadFile("../../docs/kubernetes.md")
		if err != nil {
			t.Fatal(err)
		}
		_, block, found := strings.Cut(string(page), "```yaml\n"+begins)
		block, _, _ = strings.Cut(block, "```")
		if !found {
			t.Errorf("docs/kubernetes.md has no block that begins with %q", begins)
			continue
		}
		have, err := os.ReadFile(file) //nolint:gosec // a file of this tree
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(string(have)), " ")
		for word := range strings.FieldsSeq(strings.NewReplacer("{", " ", "}", " ", ",", " ", `"`, " ", "-", " ").Replace(block)) {
			if !strings.Contains(text, strings.TrimPrefix(word, "file://../sttgate")) {
				t.Errorf("docs/kubernetes.md shows %q of %s, which has no such word", word, file)
			}
		}
	}
}
