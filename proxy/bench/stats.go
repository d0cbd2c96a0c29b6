//go:build linux

package main

import (
	"slices"
	"time"
)

// spread is a figure over the rounds.
type spread struct{ median, low, high float64 }

// spreadOf is of at least one value.
func spreadOf(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	m := v[len(v)/2]
	if len(v)%2 == 0 {
		m = (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return spread{median: m, low: v[0], high: v[len(v)-1]}
}

// percentile is the smallest value with at least p percent of the values at or below it
// (nearest rank). sorted is ascending; of no values it is zero.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(p/100*float64(len(sorted)) + 0.9999999)
	return sorted[min(max(rank, 1), len(sorted))-1]
}
