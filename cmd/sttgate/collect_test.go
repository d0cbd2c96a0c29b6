package main

import "testing"

func TestTheCollectorLetsSmallHeapsGrowAndDoublesLargeOnes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		live uint64
		want int
	}{
		{0, 400}, // the runtime makes it 16 MiB
		{1 << 20, 400},
		{4 << 20, 400},
		{5 << 20, 300},
		{8 << 20, 200},
		{9 << 20, 100},
		{16 << 20, 100},
		{1 << 40, 100},
	} {
		if got := percentFor(tt.live); got != tt.want {
			t.Errorf("%d bytes live: %d %%, want %d", tt.live, got, tt.want)
		}
	}
}
