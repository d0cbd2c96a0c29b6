package proxy

import "runtime/debug"

// trimmer gives memory back after a rush of connects. A handshake needs tens of
// KiB for a moment, an idle stream almost nothing; the runtime keeps the difference
// for the next rush, and would keep it for minutes, because a relayed frame allocates
// nothing and so never starts a collection.
type trimmer struct {
	begun  int // streams begun since memory was last given back
	before int // begun at the last tick
	calm   int // ticks without a new stream
}

const (
	rush  = 256 // streams that are worth a collection
	still = 5   // ticks (seconds) without a new one: the rush is over
)

// tick is called once a second with the number of streams ever begun.
func (t *trimmer) tick(begun int) (trim bool) {
	if begun != t.before {
		t.before, t.calm = begun, 0
		return false
	}
	if t.calm++; t.calm < still || begun-t.begun < rush {
		return false
	}
	t.begun = begun
	return true
}

// giveBack collects and returns free memory to the system.
func giveBack() { debug.FreeOSMemory() }
