package ledger

import "testing"

func TestAStreamUnderABudgetLeavesRoomForTheUsersOthers(t *testing.T) {
	budget := []Scope{{Budget: "daily", Limit: 60_000}}
	left := func(ms int64) []Balance { return []Balance{{Remaining: ms}} }
	for _, tt := range []struct {
		name   string
		slice  int64
		fresh  bool
		scopes []Scope
		last   []Balance
		want   int64
	}{
		{"nobody limits it", 5000, true, nil, nil, 5000},
		{"only a shadow budget", 5000, true, []Scope{{Shadow: true}}, []Balance{{Remaining: 0, Shadow: true}}, 5000},
		{"no audio yet", 5000, true, budget, nil, 1000},
		{"plenty is left", 5000, false, budget, left(1 << 40), 5000},
		{"an eighth, in whole grains", 5000, false, budget, left(20_900), 2600},
		{"little is left", 5000, false, budget, left(300), 200},
		{"nothing is left", 5000, false, budget, left(0), 200},
		{"the tightest budget decides", 5000, false, budget, []Balance{{Remaining: 1 << 40}, {Remaining: 16_000}}, 2000},
		{"a shadow budget does not", 5000, false, budget, []Balance{{Remaining: 0, Shadow: true}, {Remaining: 1 << 40}}, 5000},
		{"the smallest slice", 100, true, budget, left(10), 100},
	} {
		if got := ahead(tt.slice, tt.fresh, tt.scopes, tt.last); got != tt.want {
			t.Errorf("%s: %d ms, want %d", tt.name, got, tt.want)
		}
	}
}
