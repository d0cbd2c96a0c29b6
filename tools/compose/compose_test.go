package compose

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

func TestAWrongWordIsNotTaken(t *testing.T) {
	for _, change := range [][2]string{
		{"read_only: true", "readonly: true"},
		{"condition: service_healthy", "condition: healthy"},
		{"networks: [ledger]", "networks: [leger]"},
		{"secrets: [admin-token]", "secrets: [admin]"},
	} {
		text := contents(t, home+"/compose.yaml")
		wrong := strings.Replace(text, change[0], change[1], 1)
		if wrong == text {
			t.Fatalf("compose.yaml has no %q", change[0])
		}
		file := filepath.Join(t.TempDir(), "compose.yaml")
		if err := os.WriteFile(file, []byte(wrong), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(t.Context(), file); err == nil {
			t.Errorf("%q is taken", change[1])
		}
	}
}

func TestEachContainerMayDoLittle(t *testing.T) {
	image := regexp.MustCompile(`^[a-z/]+:v?\d+\.\d+\.\d+$`) // a version, not what moves
	for name, s := range load(t, home+"/compose.yaml").Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) ||
			s.PidsLimit == 0 || s.MemLimit == 0 {
			t.Errorf("%s: is not read-only, without capabilities, new privileges, and within limits", name)
		}
		if user, _, _ := strings.Cut(s.User, ":"); user == "" || user == "root" || user == "0" {
			t.Errorf("%s: runs as %q", name, s.User)
		}
		if s.Build == nil && !image.MatchString(s.Image) {
			t.Errorf("%s: image %q has no version that stays", name, s.Image)
		}
		if s.Build != nil && (s.Image != "sttgate:laptop" || filepath.Clean(s.Build.Context) != absolute(t, top) || s.Build.Dockerfile != "Dockerfile") {
			t.Errorf("%s: is not built from the Dockerfile", name)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is open to others", name, p.Published)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && !v.ReadOnly {
				t.Errorf("%s: may write to %s", name, v.Source)
			}
		}
		for key, value := range s.Environment {
			if secret := regexp.MustCompile(`TOKEN|KEY|PASSWORD|SECRET`); value != nil && secret.MatchString(key) && !strings.Contains(*value, "/run/secrets/") {
				t.Errorf("%s: %s is not a file", name, key)
			}
		}
	}
}

func TestWhatIsMountedIsThere(t *testing.T) {
	p := load(t, home+"/compose.yaml")
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: an engine would make an empty directory of it: %v", name, err)
			}
		}
	}
	// Secrets are made by whoever runs it: beside the files, and never in git.
	ignored := contents(t, top+"/.gitignore")
	for name, s := range p.Secrets {
		at, err := filepath.Rel(absolute(t, top), s.File)
		if err != nil || s.Environment != "" || s.Content != "" {
			t.Errorf("secret %s: is not a file (%v)", name, err)
		}
		if !strings.Contains(ignored, "/"+filepath.Dir(at)+"/\n") {
			t.Errorf("secret %s: git would take %s", name, at)
		}
	}
}

func TestEachWaitsUntilWhatItNeedsIsHealthy(t *testing.T) {
	p := load(t, home+"/compose.yaml")
	for name, s := range p.Services {
		if slices.Contains(s.Profiles, "traffic") {
			continue // a speaker comes and goes
		}
		if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) < 2 || s.HealthCheck.Test[0] != "CMD" {
			t.Errorf("%s: has no health check of its own that needs no shell", name)
		}
		for on, d := range s.DependsOn {
			if d.Condition != types.ServiceConditionHealthy {
				t.Errorf("%s: waits for %s only until it is %s", name, on, d.Condition)
			}
		}
	}
	for name, on := range map[string]string{"gateway": "redis vendors", "prometheus": "gateway", "grafana": "prometheus", "ann": "gateway"} {
		if got := strings.Join(slices.Sorted(maps.Keys(p.Services[name].DependsOn)), " "); got != on {
			t.Errorf("%s: waits for %q", name, got)
		}
	}
	// Redis has no password.
	if n := p.Networks["ledger"]; !n.Internal {
		t.Error("the ledger's network leads outside")
	}
	for name, s := range p.Services {
		_, there := s.Networks["ledger"]
		if want := name == "redis" || name == "gateway"; there != want {
			t.Errorf("%s: is in the ledger's network: %v", name, there)
		}
	}
}

func TestTheGatewayHasTimeToDrain(t *testing.T) {
	var config struct {
		Drain struct{ Hard string }
	}
	if err := yaml.Unmarshal([]byte(contents(t, home+"/gateway/config.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	hard, err := time.ParseDuration(config.Drain.Hard)
	if err != nil {
		t.Fatal(err)
	}
	if g := load(t, home+"/compose.yaml").Services["gateway"].StopGracePeriod; g == nil || time.Duration(*g) < hard+10*time.Second {
		t.Errorf("is killed after %v, and drains for %v", g, hard)
	}
}

// TestARealVendorTakesItsStandInsPlace: one more file and one more secret, and all addresses are those of the defaults.
func TestARealVendorTakesItsStandInsPlace(t *testing.T) {
	var defaults struct {
		Providers map[string]struct {
			URL      string
			Realtime string `yaml:"realtime_url"`
		}
	}
	if err := yaml.Unmarshal([]byte(contents(t, top+"/config.example.yaml")), &defaults); err != nil {
		t.Fatal(err)
	}
	fake := load(t, home+"/compose.yaml").Services["gateway"].Environment
	for vendor, want := range defaults.Providers {
		p := load(t, home+"/compose.yaml", home+"/vendors/"+vendor+".yaml")
		prefix := "STTGATE_PROVIDERS_" + strings.ToUpper(vendor) + "_"
		env := p.Services["gateway"].Environment
		for key, value := range map[string]string{prefix + "URL": want.URL, prefix + "REALTIME_URL": want.Realtime, prefix + "KEY": "file:/run/secrets/" + vendor} {
			if value != "" && (env[key] == nil || *env[key] != value) {
				t.Errorf("%s is not %s", key, value)
			}
		}
		for key := range fake {
			if !strings.HasPrefix(key, prefix) && *env[key] != *fake[key] {
				t.Errorf("%s: changes %s, too", vendor, key)
			}
		}
		if s := p.Secrets[vendor]; s.File != absolute(t, home+"/secrets/"+vendor) || !slices.ContainsFunc(p.Services["gateway"].Secrets, func(s types.ServiceSecretConfig) bool { return s.Source == vendor }) {
			t.Errorf("%s: the key is not charts/compose/secrets/%s", vendor, vendor)
		}
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
