package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// leastGarbage is how much may pile up between two collections. A stream's handshake makes
// tens of KiB of garbage and its frames none, so that a gateway's heap is small and a
// collector that lets it double would run for every few dozen of handshakes.
const leastGarbage = 16 << 20

// collector keeps GOGC so that it means "double, but at least leastGarbage more". It
// follows the heap's size by looking after each collection, and costs nothing between them.
type collector struct {
	percent int
	sizes   []metrics.Sample
}

// calmCollector starts one, for the life of the process, unless the operator has set GOGC.
func calmCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	c := &collector{sizes: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}}
	c.adapt()
}

// adapt sets the percentage for what is live now and comes again after the next collection.
func (c *collector) adapt() {
	metrics.Read(c.sizes)
	var live uint64
	for _, s := range c.sizes {
		if s.Value.Kind() == metrics.KindUint64 {
			live += s.Value.Uint64()
		}
	}
	if p := percentFor(live); p != c.percent {
		c.percent = p
		debug.SetGCPercent(p)
	}
	// The next collection finds that nobody holds this, and says so.
	runtime.SetFinalizer(new(sentinel), func(*sentinel) { c.adapt() })
}

// sentinel is large enough to be an allocation of its own.
type sentinel struct{ _ [64]byte }

// percentFor is GOGC for a heap whose collector marks so many bytes. In steps of a
// hundred: each change stops the program for a moment.
func percentFor(live uint64) int {
	const most = 400 // the runtime takes every heap for one of 4 MiB at least
	p := uint64(leastGarbage) * 100 / max(live, 1)
	return int(min(max(p/100*100, 100), most))
}
