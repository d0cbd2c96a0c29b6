package simulate_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/simulate"
)

var update = flag.Bool("update", false, "write the golden anew")

// quantiles are the minutes a day that users speak, as they were measured: median 12.7, P95 2.1 h, P99 3.4 h, top 11.7 h.
var quantiles = []struct{ p, minutes float64 }{{0, .2}, {.5, 12.7}, {.95, 126}, {.99, 204}, {1, 702}} //nolint:gochecknoglobals // a table

// minutesOf is the inverse of that distribution, straight between the points on a logarithmic scale.
func minutesOf(p float64) float64 {
	for i := 1; i < len(quantiles); i++ {
		a, b := quantiles[i-1], quantiles[i]
		if p <= b.p {
			share := (p - a.p) / (b.p - a.p)
			return math.Exp(math.Log(a.minutes) + share*(math.Log(b.minutes)-math.Log(a.minutes)))
		}
	}
	return quantiles[len(quantiles)-1].minutes
}

// month makes the use of so many users over days, in parts of at most so long. The same seed makes the same.
func month(seed uint64, users, days int, longest time.Duration) []simulate.Part {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable on purpose
	begin := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	var parts []simulate.Part
	for u := range users {
		id, usual := fmt.Sprintf("user-%05d", u), minutesOf((float64(u)+.5)/float64(users))
		plan := ""
		if r.IntN(10) == 0 {
			plan = "unlimited"
		}
		for d := range days {
			left := time.Duration(usual * (.5 + r.Float64()) * float64(time.Minute))
			at := begin.AddDate(0, 0, d).Add(time.Duration(r.Int64N(int64(12 * time.Hour))))
			for left > 0 {
				ms := min(left, longest).Milliseconds()
				left -= longest
				at = at.Add(longest)
				parts = append(parts, simulate.Part{User: id, Plan: plan, Provider: "deepgram", At: at, Audio: ms, Speech: ms / 2})
			}
		}
	}
	slices.SortStableFunc(parts, func(a, b simulate.Part) int { return a.At.Compare(b.At) })
	return parts
}

func rules() policy.Config {
	c := policy.Config{Plans: map[string]policy.Plan{"unlimited": {Caps: []policy.Cap{
		{Name: "daily", Window: 24 * time.Hour, Limit: 4 * time.Hour},
		{Name: "3day", Window: 72 * time.Hour, Limit: 16 * time.Hour},
		{Name: "weekly", Window: 168 * time.Hour, Limit: 20 * time.Hour},
	}}}}
	return c.WithDefaults()
}

func budgets() []policy.Budget {
	return []policy.Budget{policy.Budget{Name: "deepgram-daily", Providers: []string{"deepgram"}, Stages: []policy.Stage{policy.Restrict}, Limit: 30 * time.Minute}.WithDefaults()}
}

// TestAMonthOfTenThousandUsers is a golden: what the default rules make of a month of use as it was measured.
func TestAMonthOfTenThousandUsers(t *testing.T) {
	got, err := simulate.Run(month(1, 10_000, 30, 30*time.Minute), simulate.Options{Rules: rules(), Budgets: budgets()})
	if err != nil {
		t.Fatal(err)
	}
	if got.Before != got.After+got.Cut || got.Users != 10_000 {
		t.Fatalf("%d before, %d after, %d cut", got.Before, got.After, got.Cut)
	}
	steps := map[string]int{}
	for _, s := range got.Steps {
		steps[fmt.Sprintf("%s to %s, cap %s", s.From, s.To, s.Cap)]++
	}
	first := got.Steps[:3]
	got.Steps = nil
	b, err := json.MarshalIndent(struct {
		simulate.Report
		StepsBy map[string]int  `json:"steps_by"`
		First   []simulate.Step `json:"first_steps"`
		Restr   float64         `json:"share_ever_at_restrict"`
	}{got, steps, first, float64(got.Stages[3].Ever) / float64(got.Users)}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	file := filepath.Join("testdata", "month.golden.json")
	if *update {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != string(want) {
		t.Errorf("the report is another; -update writes it:\n%s", b)
	}
}

// BenchmarkAMillionParts is a million events, without reading them.
func BenchmarkAMillionParts(b *testing.B) {
	parts := month(1, 10_000, 30, 5*time.Minute)
	parts = parts[:min(len(parts), 1_000_000)]
	for b.Loop() {
		if _, err := simulate.Run(parts, simulate.Options{Rules: rules(), Budgets: budgets()}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(parts)), "parts/op")
}
