//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"
)

// kind is what a case measures.
type kind int

const (
	frames     kind = iota // CPU per relayed frame
	latency                // time added to a round trip
	handshakes             // CPU per handshake
	idle                   // memory per stream that says nothing
)

// scenario is one case.
type scenario struct {
	name    string
	title   string
	kind    kind
	secure  bool // TLS to the vendor
	flat    bool // as fast as it goes, instead of real time
	streams int
	query   string // of the request; "" is 16 kHz linear16
	rounds  int    // at most so many, 0: as asked
}

// flatQuery makes a second of audio weigh 15 MB, so that a stream that is driven at hundreds of times
// real time buys leases about as often as a real one does.
const flatQuery = "encoding=linear32&sample_rate=192000&channels=20"

// scenarios are all cases, in the order of the document; most bounds the idle streams.
func scenarios(quick bool, most int) []scenario {
	idleStreams := min(10_000, most)
	if quick {
		idleStreams = min(1_000, most)
	}
	return []scenario{
		{name: "sparse-plain", title: "100 streams x 50 frames/s of 640 B, plain to the vendor", kind: frames, streams: 100},
		{name: "dense-plain", title: "500 streams x 50 frames/s of 640 B, plain to the vendor", kind: frames, streams: 500},
		{name: "sparse-tls", title: "100 streams x 50 frames/s of 640 B, TLS to the vendor", kind: frames, streams: 100, secure: true},
		{name: "dense-tls", title: "300 streams x 50 frames/s of 640 B, TLS to the vendor", kind: frames, streams: 300, secure: true},
		{name: "flat", title: "50 streams flat out, 640 B, 16 frames per write, plain", kind: frames, streams: 50, flat: true, query: flatQuery},
		{name: "latency", title: "25 streams x 50 frames/s, every frame answered, plain: time added to a direct round trip", kind: latency, streams: 25},
		{name: "handshake", title: "2000 handshakes, eight at a time, plain: connect, upgrade, close", kind: handshakes, streams: 2000},
		{name: "idle-plain", title: fmt.Sprintf("%d idle streams, plain to the vendor", idleStreams), kind: idle, streams: idleStreams, rounds: 1},
		{name: "idle-tls", title: fmt.Sprintf("%d idle streams, TLS to the vendor", idleStreams), kind: idle, streams: idleStreams, secure: true, rounds: 1},
	}
}

func caseNames() []string {
	var names []string
	for _, s := range scenarios(false, 10_000) {
		names = append(names, s.name)
	}
	return names
}

// selected are the cases of a run.
func selected(o options) ([]scenario, error) {
	most, err := maxStreams()
	if err != nil {
		return nil, err
	}
	all := scenarios(o.quick, most)
	if o.only == "" {
		return all, nil
	}
	var out []scenario
	for word := range strings.SplitSeq(o.only, ",") {
		found := false
		for _, s := range all {
			// "idle" or "plain" would be vague; a prefix up to a dash is not.
			if s.name == word || strings.HasPrefix(s.name, word+"-") {
				out, found = append(out, s), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no case %q: use %s", word, strings.Join(caseNames(), ", "))
		}
	}
	return out, nil
}

// metric is one figure of a case.
type metric struct {
	name   string // in samples
	unit   string
	title  string
	digits int
}

// metrics are what a case of this kind yields; the first is the one in the tables of ratios.
func (k kind) metrics() []metric {
	switch k {
	case latency:
		return []metric{{"p99", "µs", "added p99", 0}, {"p50", "µs", "added p50", 0}}
	case handshakes:
		return []metric{{"cpu", "µs", "CPU per handshake", 0}}
	case idle:
		return []metric{{"memory", "KiB", "resident memory per stream", 1}}
	default:
		return []metric{{"cpu", "µs", "CPU per frame", 2}}
	}
}

// idleFor is how long idle streams are left alone before their memory is read: long
// enough for Go's scavenger to have returned what the connects left behind.
func idleFor(quick bool) time.Duration {
	if quick {
		return 3 * time.Second
	}
	return 30 * time.Second
}
