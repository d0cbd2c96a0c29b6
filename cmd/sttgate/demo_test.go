package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// Not parallel: it looks at what is left in the temporary directory.
func TestDemoKeepsItsPromisesAndLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var out, progress bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--json"}, nil, strings.NewReader(""), &out, &progress); code != exitDone {
		t.Fatalf("exit code %d\n%s\n%s", code, progress.String(), out.String())
	}
	var r demoReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("stdout is not one JSON document: %v\n%s", err, out.String())
	}
	if !r.OK || len(r.Wrong) != 0 || r.SpeechMS != 11000 || len(r.Acts) != 7 {
		t.Fatalf("report: %+v", r)
	}
	free, cut, no := r.Acts[0], r.Acts[1], r.Acts[2]
	// Said again in numbers, so that a fault in audit cannot hide one in the gateway.
	if free.User != "alice" || free.SentMS != 11000 || free.Forwarded != 11000 || free.Dropped != 0 || free.Charged != 11000 || free.Reported != 11000 {
		t.Errorf("unrestricted: %+v", free)
	}
	if cut.User != "bob" || cut.Stage != "restrict" || cut.SentMS != 11000 || cut.Forwarded != 4000 || cut.Dropped != 7000 || cut.Charged != 4000 || cut.Reported != 4000 {
		t.Errorf("cut: %+v", cut)
	}
	if no.User != "bob" || no.Status != 429 || no.Reason != "budget_exhausted" || no.Forwarded != 0 || no.Charged != 0 {
		t.Errorf("refused: %+v", no)
	}
	for i, vendor := range map[int]string{3: "soniox", 5: "speechmatics"} {
		free, ended := r.Acts[i], r.Acts[i+1]
		if free.Provider != vendor || free.Forwarded != 11000 || free.Charged != 11000 || free.Reported != 11000 {
			t.Errorf("%s, unrestricted: %+v", vendor, free)
		}
		if ended.Provider != vendor || ended.Forwarded != 4000 || ended.Charged != 4000 || ended.Reported != 4000 || ended.Reason == "" {
			t.Errorf("%s, ended: %+v", vendor, ended)
		}
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDemoWithAWrongFigureFailsAndNamesIt(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{true, false} {
		var out, errs bytes.Buffer
		p := &program{stdout: &out, stderr: &errs}
		acts := goodActs()
		acts[1].Charged = 5000
		if err := p.reportDemo(acts, asJSON); !errors.Is(err, errTold) {
			t.Errorf("json %v: a wrong figure is %v", asJSON, err)
		}
		if want := "deepgram cut (bob): charged"; !strings.Contains(errs.String(), want) {
			t.Errorf("json %v: no %q in %q", asJSON, want, errs.String())
		}
		if strings.Contains(out.String(), "figures agree") {
			t.Error("a wrong demo says that its figures agree")
		}
	}
}

func TestDemoTableShowsEveryColumnOfTheContract(t *testing.T) {
	t.Parallel()
	acts := goodActs()
	for i := range acts {
		acts[i].Result = acts[i].result()
	}
	got := demoTable(acts)
	for _, want := range []string{
		"vendor", "user", "stage", "sent", "forwarded", "dropped", "charged", "vendor-reported", "result",
		"4.000 s", "7.000 s", "cut at 4.000 s", "all forwarded", "429 budget_exhausted", "ended at 4.000 s", "speechmatics",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestSumMetricAddsTheMatchingSamples(t *testing.T) {
	t.Parallel()
	text := `# HELP m_total x
m_total{kind="dropped",provider="a"} 3
m_total{kind="dropped",provider="b"} 1.5e+01
m_total{kind="forwarded",provider="a"} 100
m_total_more{kind="dropped"} 1000
`
	for label, want := range map[string]int64{`kind="dropped"`: 18, "": 118, `kind="other"`: 0} {
		if got, err := sumMetric(text, "m_total", label); err != nil || got != want {
			t.Errorf("sum of %q is %d (%v), want %d", label, got, err, want)
		}
	}
	if _, err := sumMetric("m{a=\"b\"} many\n", "m", ""); err == nil {
		t.Error("a sample that is no number is no error")
	}
}
