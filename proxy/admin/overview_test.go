package admin

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
)

// TestTheLargestAreThoseThatSortingEverythingWouldFind, ties with them.
func TestTheLargestAreThoseThatSortingEverythingWouldFind(t *testing.T) {
	g := &gateway{}
	crowd(g, 500)
	for i := range g.list {
		g.list[i].Forwarded %= 40 // many have the same
	}
	sorted := slices.Clone(g.list)
	slices.SortFunc(sorted, func(a, b Stream) int { return cmp.Or(cmp.Compare(b.Forwarded, a.Forwarded), older(a, b)) })
	for _, list := range []int{0, 1, 7, 500} {
		want := slices.DeleteFunc(slices.Clone(sorted), func(s Stream) bool {
			return !slices.ContainsFunc(g.list[:list], func(o Stream) bool { return o.ID == s.ID })
		})
		for _, n := range []int{0, 1, 10, 100, 1000} {
			if got := largest(g.list[:list], n); fmt.Sprint(got) != fmt.Sprint(want[:min(n, list)]) {
				t.Errorf("%d of %d: %v", n, list, got)
			}
		}
	}
}
