package policy_test

import (
	"fmt"
	"time"

	"github.com/sttgate/sttgate/policy"
)

func ExampleDecide() {
	now := time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)
	d := policy.Decide([]policy.Balance{
		{Budget: "deepgram-daily", Limit: 1_800_000, Used: 1_800_000, Resets: now.Add(10 * time.Hour)},
	}, 20, now)
	fmt.Println(d.Allowed, d.Violated, d.RetryAfter)
	// Output: false [deepgram-daily] 10h0m0s
}

func ExampleApplying() {
	budgets := []policy.Budget{
		{Name: "restricted", Stages: []policy.Stage{policy.Restrict}},
		{Name: "free", Plans: []string{"free"}},
	}
	for _, b := range policy.Applying(budgets, policy.Subject{Plan: "free", Stage: policy.None}) {
		fmt.Println(b.Name)
	}
	// Output: free
}
