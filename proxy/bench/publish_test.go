//go:build linux

package main

import (
	"strings"
	"testing"
)

func sampleBook() book {
	cases := scenarios(false, 10_000)
	b := book{cases: cases, who: contenders()}
	for round, v := range []float64{20, 30, 22} {
		b.samples = append(b.samples,
			sample{Case: "sparse-tls", Proxy: ours, Round: round, Values: map[string]float64{"cpu": v}},
			sample{Case: "sparse-tls", Proxy: nginx, Round: round, Values: map[string]float64{"cpu": v * 1.25}})
	}
	b.samples = append(b.samples, sample{Case: "idle-plain", Proxy: ours, Values: map[string]float64{"memory": 12.5}})
	return b
}

func TestGoalsAreJudgedByTheMedianOfRatiosWithinARound(t *testing.T) {
	got := map[string]verdict{}
	for _, v := range judge(sampleBook()) {
		got[v.inCase+" "+v.over] = v
	}
	if v := got["sparse-tls "+nginx]; !v.met || v.got.median != 0.8 || v.got.low != 0.8 {
		t.Errorf("against nginx: %+v", v)
	}
	if v := got["idle-plain "]; v.met || v.got.median != 12.5 {
		t.Errorf("memory: %+v", v)
	}
	if len(got) != 2 {
		t.Errorf("goals without samples are judged: %v", got)
	}
}

func TestARoundWithoutTheOtherHasNoRatio(t *testing.T) {
	b := sampleBook()
	b.samples = append(b.samples, sample{Case: "sparse-tls", Proxy: ours, Round: 7, Values: map[string]float64{"cpu": 1}})
	if got := b.ratios("sparse-tls", ours, nginx, "cpu"); len(got) != 3 {
		t.Errorf("%d ratios, want 3", len(got))
	}
}

func TestOnlyTheGeneratedPartOfTheDocumentChanges(t *testing.T) {
	doc := "before\n" + beginMark + "\nold\n" + endMark + "\nafter\n"
	got, err := replaceBetween([]byte(doc), "new")
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\n" + beginMark + "\n\nnew\n" + endMark + "\nafter\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, bad := range []string{"", beginMark, endMark + beginMark} {
		if _, err := replaceBetween([]byte(bad), "new"); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestTablesHaveARowPerContenderThatWasMeasured(t *testing.T) {
	text := markdown(sampleBook())
	for _, want := range []string{"| " + ours + " ", "22.00 (20.00–30.00)", "| 0.80", "met", "**not met**"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "| "+gorilla+" ") {
		t.Error("a contender without samples has a row")
	}
}

func TestEveryContenderAndCaseCanBeNamed(t *testing.T) {
	for _, c := range contenders() {
		if got, err := chosen(c.short()); err != nil || len(got) != 1 || got[0].name != c.name {
			t.Errorf("%q: %v, %v", c.short(), got, err)
		}
	}
	for _, name := range append(caseNames(), "idle", "sparse,flat") {
		if got, err := selected(options{only: name}); err != nil || len(got) == 0 {
			t.Errorf("%q: %d cases, %v", name, len(got), err)
		}
	}
	for _, bad := range []string{"x", "sparse-", "spars"} {
		if _, err := selected(options{only: bad}); err == nil {
			t.Errorf("case %q passed", bad)
		}
	}
	for _, g := range goals() {
		if _, err := selected(options{only: strings.Join(g.cases, ",")}); err != nil {
			t.Errorf("goal %q: %v", g.what, err)
		}
	}
}
