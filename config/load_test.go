package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the goldens")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary begins every secret of the test data. It must never be seen again.
const canary = "CANARY"

// read loads a file of testdata with the environment that its "# env:" lines name.
func read(t *testing.T, path string) (Config, Sources, error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for line := range strings.Lines(string(data)) {
		if e, ok := strings.CutPrefix(line, "# env: "); ok {
			environ = append(environ, strings.TrimRight(e, "\n"))
		}
	}
	return load(filepath.Base(path), data, environ)
}

func cases(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data for %s: %v", pattern, err)
	}
	return files
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if bytes.Contains(got, []byte(canary)) {
		t.Errorf("a secret is shown:\n%s", got)
	}
	name := strings.TrimSuffix(path, ".yaml") + ".golden"
	if *update {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got:\n%s\nwant (%s):\n%s", got, name, want)
	}
}

func TestEveryFaultIsOneLineThatSaysWhereAndWhat(t *testing.T) {
	for _, path := range cases(t, "busted_*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, s, err := read(t, path)
			var faults Faults
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("error %v, want Faults", err)
			}
			if !reflect.DeepEqual(c, Config{}) || s != nil {
				t.Error("a refused file yields a config all the same")
			}
			if lines := strings.Count(err.Error(), "\n") + 1; lines != len(faults) {
				t.Errorf("%d lines for %d faults", lines, len(faults))
			}
			golden(t, path, []byte(err.Error()+"\n"))
		})
	}
}

func TestEffectiveShowsEveryValueWithItsSourceAndLoadsAgain(t *testing.T) {
	for _, path := range cases(t, "working_*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, s, err := read(t, path)
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.Effective(s)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, path, out)

			// Secrets do not survive the rendering: give both sides the same.
			again := strings.NewReplacer("'***'", `""`, `"***"`, `""`).Replace(string(out))
			c.Admin.Token = Default().Admin.Token
			c.Proxy.Identity.PeerSecret = Default().Proxy.Identity.PeerSecret
			c.Proxy.Identity.Tokens.Secret = Default().Proxy.Identity.Tokens.Secret
			dg := c.Proxy.Providers["deepgram"]
			dg.Key = Default().Proxy.Providers["deepgram"].Key
			c.Proxy.Providers["deepgram"] = dg
			c.Policy.Review.Classifier.Key = Default().Policy.Review.Classifier.Key
			// Without its token the admin API may not be open.
			again = strings.Replace(again, "0.0.0.0:9090", "127.0.0.1:9090", 1)
			c.Admin.Listen = strings.Replace(c.Admin.Listen, "0.0.0.0", "127.0.0.1", 1)
			got, _, err := load("again.yaml", []byte(again), nil)
			if err != nil {
				t.Fatalf("%v\nin:\n%s", err, again)
			}
			if !reflect.DeepEqual(got, c) {
				t.Errorf("loaded again it is\n%+v\nwant\n%+v", got, c)
			}
		})
	}
}

func TestNoFileAndAnEmptyFileMeanTheDefaults(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.yaml")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", empty} {
		c, s, err := Load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := Default(); !reflect.DeepEqual(c, want) {
			t.Errorf("got %+v\nwant %+v", c, want)
		}
		for key, at := range s {
			if !at.Default() {
				t.Errorf("%s comes from %s", key, at)
			}
		}
	}
}

func TestANamedFileThatCannotBeReadIsAnError(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, bytes.Repeat([]byte("#\n"), maxFile), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "missing.yaml"), dir, large} {
		_, _, err := Load(path, nil)
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

func TestWrittenOutZerosSurviveTheDefaultsOfThePackages(t *testing.T) {
	c, _, err := read(t, "testdata/working_full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := c.Proxy.WithDefaults()
	if p.Identity.Query != "" || p.Identity.Path || p.Refuse.RetryAfter || p.Drain.Grace != 0 {
		t.Errorf("a default came back: %+v", p)
	}
	c, _, err = read(t, "testdata/working_no_budgets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p = c.Proxy.WithDefaults()
	if len(p.Budgets) != 0 || len(p.Identity.TrustedPeers) != 0 {
		t.Errorf("an emptied list was filled again: %+v", p)
	}
}

func TestReferencesAreFollowedOnceAndTrimmed(t *testing.T) {
	c, s, err := read(t, "testdata/working_full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Proxy.Identity.PeerSecret.Reveal(); got != "CANARY-peer-secret" {
		t.Errorf("from the file: %q", got)
	}
	if got := c.Proxy.Providers["deepgram"].Key.Reveal(); got != "CANARY-deepgram-key" {
		t.Errorf("from the environment: %q", got)
	}
	if got := s["providers.deepgram.key"].String(); got != "working_full.yaml:15 via env:DG_KEY" {
		t.Errorf("source %q", got)
	}
	c, _, err = load("", nil, []string{"STTGATE_IDENTITY_TOKENS_ISSUER=env:A", "A=env:B", "B=no"})
	if err != nil || c.Proxy.Identity.Tokens.Issuer != "env:B" {
		t.Errorf("issuer %q, %v: a reference was followed twice", c.Proxy.Identity.Tokens.Issuer, err)
	}
}

func TestOneLoadLeavesNothingBehindForTheNext(t *testing.T) {
	before := Default()
	c, _, err := read(t, "testdata/working_full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c.Proxy.Budgets[0].Name = "changed"
	c.Proxy.Identity.TrustedPeers[0] = c.Proxy.Identity.TrustedPeers[1]
	again, _, err := Load("", nil)
	if err != nil || !reflect.DeepEqual(again, before) {
		t.Errorf("defaults changed: %+v, %v", again, err)
	}
}
