package provider

import (
	"slices"
	"time"
)

// gaps maps the vendor's time to the client's. The vendor counts only the audio
// it was sent; the client counts all that it spoke. They differ by what had been
// dropped before the audio in question:
//
//	client  |=== heard ===|--- dropped ---|=== heard ===|
//	vendor  |=== heard ===|=== heard ===|
//	                      ^ a gap: from here on, later by what was dropped
//
// Results lag behind the audio, so each time is mapped by its own place and not
// by the sum of now. Not safe for concurrent use.
type gaps struct {
	base   time.Duration // dropped before the oldest gap that is still known
	points []gap
}

// gap says that audio from at on (vendor's time) is late by total.
type gap struct{ at, total time.Duration }

// maxGaps bounds what a stream that is throttled to and fro may cost: 4 KiB. The
// oldest gaps are forgotten first; the vendor has long reported beyond them.
const maxGaps = 256

// rounding is how far the vendor's figures may lie beside the sample they mean:
// they are rounded to 10 ms at worst.
const rounding = 10 * time.Millisecond

// drop notes that audio was dropped when the vendor had heard at.
func (g *gaps) drop(at, audio time.Duration) {
	n := len(g.points)
	if n > 0 && g.points[n-1].at == at {
		g.points[n-1].total += audio
		return
	}
	p := gap{at: at, total: audio + g.total()}
	if n == maxGaps {
		g.base = g.points[0].total
		copy(g.points, g.points[1:])
		g.points[n-1] = p
		return
	}
	g.points = append(g.points, p)
}

// total is all that was dropped.
func (g *gaps) total() time.Duration {
	if n := len(g.points); n > 0 {
		return g.points[n-1].total
	}
	return g.base
}

// shift is what had been dropped before the vendor's time t.
func (g *gaps) shift(t time.Duration) time.Duration {
	for _, p := range slices.Backward(g.points) { // results are about what was just heard
		if t >= p.at {
			return p.total
		}
	}
	return g.base
}

// from maps the beginning of something: what begins at a gap begins behind it.
func (g *gaps) from(t time.Duration) time.Duration { return t + g.shift(t+rounding) }

// to maps the end of something that began at begin: what ends at a gap ends
// before it, and nothing becomes shorter than it was.
func (g *gaps) to(t, begin time.Duration) time.Duration {
	return max(t+g.shift(t-rounding), g.from(begin)+t-begin)
}
