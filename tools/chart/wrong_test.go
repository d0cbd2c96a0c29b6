package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each file of testdata/wrong has one mistake, and in its first line what is to be said of it.
func TestWrongValuesAreRefusedWithAReason(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "wrong", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("%d files with mistakes, and there were 20 at least", len(files))
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(f) //nolint:gosec // a name of the test's own
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			want, ok := strings.CutPrefix(first, "# refused: ")
			if !ok {
				t.Fatalf("the first line does not begin with %q", "# refused: ")
			}
			_, err = way{chart: gatewayDir, values: f, kube: newest}.render()
			if err == nil {
				t.Fatalf("is taken; wanted: %s", want)
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("is refused with\n%v\nwanted\n%s", err, want)
			}
		})
	}
}
