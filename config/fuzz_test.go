package config

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// FuzzLoad: whatever stands in a file and an environment, Load answers with a
// config that renders or with faults that have one line each.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/busted_types.yaml", "testdata/busted_lists.yaml", "testdata/working_full.yaml", exampleFile} {
		data, err := os.ReadFile(pattern)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "STTGATE_LIMITS_STREAMS=5\nFAIR_USE_RESTRICT_DAILY_DG_MS=0")
	}
	f.Add([]byte("a: &a [*a]\nbudgets: *a"), "STTGATE_LEDGER_SLICE=9223372036854775807s")
	f.Add([]byte("budgets: &b [{name: x, limit: 99999999999999d}, *b]"), "")
	f.Add([]byte("? [a]\n: b\n!!map {limits: !x 5, listen: !!binary aGk=}"), "STTGATE_=")
	f.Fuzz(func(t *testing.T, data []byte, env string) {
		c, s, err := load("fuzz.yaml", data, strings.Split(env, "\n"))
		if err == nil {
			if verr := c.Validate(); verr != nil {
				t.Fatalf("loaded a config that is not valid: %v", verr)
			}
			if _, err := c.Effective(s); err != nil {
				t.Fatal(err)
			}
			return
		}
		var faults Faults
		if !errors.As(err, &faults) || strings.Count(err.Error(), "\n")+1 != len(faults) {
			t.Fatalf("not one line per fault: %q", err)
		}
		if strings.Contains(err.Error(), "internal: ") {
			t.Fatalf("the walk let through what does not fit: %v", err)
		}
	})
}
