package main

import "testing"

func TestABalanceSaysWhoSharesIt(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]budgetBalance{
		"1.000 s left of 2.000 s":                                      {Per: "user", RemainingMS: 1000, LimitMS: 2000},
		"1.000 s left of 2.000 s; shared by all users of speechmatics": {Per: "provider", Provider: "speechmatics", RemainingMS: 1000, LimitMS: 2000},
		"1.000 s left of 2.000 s; shared by all users":                 {Per: "all", RemainingMS: 1000, LimitMS: 2000},
		"4.000 s left of 2.000 s and 3.000 s granted":                  {Per: "user", RemainingMS: 4000, LimitMS: 2000, GrantedMS: 3000},
	} {
		if got := b.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
