package chart

import (
	"path/filepath"
	"testing"

	"github.com/helm-unittest/helm-unittest/pkg/unittest"
	"github.com/helm-unittest/helm-unittest/pkg/unittest/printer"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
)

// `helm lint --strict` for each file of the ci directory: no warning either.
func TestLintSaysNothing(t *testing.T) {
	for _, f := range ciValues(t) {
		values, err := chartutil.ReadValuesFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range lint.All(gatewayDir, values, "speech", true).Messages {
			if m.Severity >= support.WarningSev { // below is advice: an icon
				t.Errorf("%s: %s: %v", filepath.Base(f), m.Path, m.Err)
			}
		}
	}
}

// The suites in charts/sttgate/tests, as the helm-unittest plugin runs them.
func TestSuites(t *testing.T) {
	colour := false
	r := unittest.TestRunner{
		Printer: printer.NewPrinter(t.Output(), &colour), Strict: true, TestFiles: []string{"tests/*_test.yaml"},
	}
	if !r.RunV3([]string{gatewayDir}) {
		t.Error("a suite of charts/sttgate/tests failed: see above")
	}
}
