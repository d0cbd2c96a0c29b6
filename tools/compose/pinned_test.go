package compose

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// TestThePinnedPrometheusReadsRulesAndQueries asks the parsers of the very version that compose.yaml names: the one that runs here is the machine's, and older.
func TestThePinnedPrometheusReadsRulesAndQueries(t *testing.T) {
	_, tag, _ := strings.Cut(load(t, home+"/compose.yaml").Services["prometheus"].Image, ":v3.")
	if want := "github.com/prometheus/prometheus v0.3" + tag; !strings.Contains(contents(t, "go.mod"), want+"\n") {
		t.Errorf("go.mod has not %s: the image has moved on, or it has", want)
	}
	p := parser.NewParser(parser.Options{})
	if _, errs := rulefmt.ParseFile(files+"/alerts.yaml", false, model.UTF8Validation, p, slog.New(slog.DiscardHandler)); len(errs) > 0 {
		t.Error(errs)
	}
	for _, q := range panels(t) {
		if _, err := p.ParseExpr(chosen(t, q.expr)); err != nil {
			t.Errorf("%s: %v", q.title, err)
		}
	}
}
