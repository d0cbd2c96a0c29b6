package proxy

import (
	"slices"
	"sync"
	"time"
)

// recent is how many handshakes are remembered of a vendor.
const recent = 64

// Vendors remembers how the vendors have answered lately. Safe for concurrent use.
type Vendors struct {
	mu   sync.Mutex
	seen map[string]*handshakes
}

// handshakes are a vendor's newest, in a ring.
type handshakes struct {
	took   [recent]time.Duration
	failed [recent]bool
	n      int // ever
	at     time.Time
	why    string // of the last
}

// VendorHealth is how a vendor has answered lately.
type VendorHealth struct {
	At      time.Time     // of the last handshake; zero: there was none
	Failure string        // of the last, as sttgate_upstream_errors_total has it; "": it went well
	Seen    int           // of how many handshakes the rest tells
	Failed  int           // of those
	Median  time.Duration // from dialling to the answer, of those that went well
	P99     time.Duration
}

func newVendors() *Vendors { return &Vendors{seen: map[string]*handshakes{}} }

// told notes a handshake.
func (v *Vendors) told(vendor, failure string, took time.Duration, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.seen[vendor]
	if h == nil { // vendors are a closed set
		h = &handshakes{}
		v.seen[vendor] = h
	}
	h.took[h.n%recent], h.failed[h.n%recent] = took, failure != ""
	h.n++
	h.at, h.why = at, failure
}

// Health is that of one vendor.
func (v *Vendors) Health(vendor string) VendorHealth {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.seen[vendor]
	if h == nil {
		return VendorHealth{}
	}
	out := VendorHealth{At: h.at, Failure: h.why, Seen: min(h.n, recent)}
	var well []time.Duration
	for i := range out.Seen {
		if h.failed[i] {
			out.Failed++
			continue
		}
		well = append(well, h.took[i])
	}
	if len(well) > 0 {
		slices.Sort(well)
		out.Median, out.P99 = well[len(well)/2], well[(len(well)*99+99)/100-1]
	}
	return out
}
