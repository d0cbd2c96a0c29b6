//go:build linux

package main

import (
	"fmt"
	"time"
)

// turn is one contender in one case, everything up.
type turn struct {
	lab          *lab
	s            scenario
	vendor, load *child
	proxy        proxy
}

// run measures, and adds how many cores others kept busy meanwhile.
func (t turn) run() (map[string]float64, error) {
	before, err := t.look()
	if err != nil {
		return nil, err
	}
	v, err := t.measure()
	if err != nil {
		return nil, err
	}
	after, err := t.look()
	if err != nil {
		return nil, err
	}
	v["foreign"] = foreign(before, after)
	return v, nil
}

func (t turn) measure() (map[string]float64, error) {
	switch t.s.kind {
	case latency:
		return t.latency()
	case handshakes:
		return t.handshakes()
	case idle:
		return t.idle()
	default:
		return t.frames()
	}
}

// warmUp comes before each window: connection setup, first allocations, slow start.
func (t turn) warmUp() time.Duration {
	if t.lab.o.quick {
		return 400 * time.Millisecond
	}
	return time.Second
}

// begin connects all streams and starts the load.
func (t turn) begin(how string) error {
	var r report
	if err := t.load.ask(&r, "connect"); err != nil {
		return err
	}
	return t.load.ask(&r, how)
}

// end stops the load and says whether the turn is worth anything.
func (t turn) end() (report, error) {
	var r report
	if err := t.load.ask(&r, "stop"); err != nil {
		return r, err
	}
	if r.Closed > 0 {
		return r, fmt.Errorf("%d of %d streams ended before the load did", r.Closed, t.s.streams)
	}
	return r, nil
}

// mark is the state of the accounts at one moment.
type mark struct {
	usage  usage
	counts counts
}

func (t turn) mark() (mark, error) {
	var m mark
	var err error
	if m.usage, err = usageOf(t.proxy.pids); err != nil {
		return m, err
	}
	return m, t.vendor.ask(&m.counts, "count")
}

// frames is CPU per frame that arrived.
func (t turn) frames() (map[string]float64, error) {
	how := "paced"
	if t.s.flat {
		how = "flat"
	}
	if err := t.begin(how); err != nil {
		return nil, err
	}
	if err := t.lab.wait(t.warmUp()); err != nil {
		return nil, err
	}
	before, err := t.mark()
	if err != nil {
		return nil, err
	}
	if err := t.lab.wait(t.lab.o.window); err != nil {
		return nil, err
	}
	after, err := t.mark()
	if err != nil {
		return nil, err
	}
	r, err := t.end()
	if err != nil {
		return nil, err
	}
	n := after.counts.Frames - before.counts.Frames
	if n == 0 || r.Answers == 0 {
		return nil, fmt.Errorf("%d frames arrived and %d answers came back", n, r.Answers)
	}
	ticks := (after.usage.user - before.usage.user) + (after.usage.sys - before.usage.sys)
	return map[string]float64{
		"cpu":    micros(after.usage.cpu-before.usage.cpu) / float64(n),
		"frames": float64(n),
		"system": float64(after.usage.sys-before.usage.sys) / float64(max(ticks, 1)),
		"missed": float64(r.Missed) / float64(r.Sent+r.Missed),
	}, nil
}

// latency is the round trip of each frame, as the client sees it.
func (t turn) latency() (map[string]float64, error) {
	if err := t.begin("paced"); err != nil {
		return nil, err
	}
	if err := t.lab.wait(t.warmUp()); err != nil {
		return nil, err
	}
	var r report
	if err := t.load.ask(&r, "report"); err != nil { // forgets the warm-up's
		return nil, err
	}
	if err := t.lab.wait(t.lab.o.window); err != nil {
		return nil, err
	}
	if err := t.load.ask(&r, "report"); err != nil {
		return nil, err
	}
	if _, err := t.end(); err != nil {
		return nil, err
	}
	if r.P50 == 0 {
		return nil, fmt.Errorf("no answer came back for %d frames", r.Sent)
	}
	return map[string]float64{"p50": micros(time.Duration(r.P50)), "p99": micros(time.Duration(r.P99))}, nil
}

// handshakes is CPU per stream that is opened and closed at once.
func (t turn) handshakes() (map[string]float64, error) {
	n := t.s.streams
	if t.lab.o.quick {
		n /= 4
	}
	var r report
	if err := t.load.ask(&r, "shake %d", n/8); err != nil {
		return nil, err
	}
	if err := t.lab.wait(t.warmUp()); err != nil {
		return nil, err
	}
	before, err := usageOf(t.proxy.pids)
	if err != nil {
		return nil, err
	}
	if err := t.load.ask(&r, "shake %d", n); err != nil {
		return nil, err
	}
	if err := t.lab.wait(t.warmUp()); err != nil { // the last ones settle
		return nil, err
	}
	after, err := usageOf(t.proxy.pids)
	if err != nil {
		return nil, err
	}
	return map[string]float64{"cpu": micros(after.cpu-before.cpu) / float64(n)}, nil
}

// idle is the growth of resident memory per stream that has sent one frame and then nothing.
func (t turn) idle() (map[string]float64, error) {
	before, err := usageOf(t.proxy.pids)
	if err != nil {
		return nil, err
	}
	if err := t.begin("once"); err != nil {
		return nil, err
	}
	if err := t.lab.wait(idleFor(t.lab.o.quick)); err != nil {
		return nil, err
	}
	after, err := t.mark()
	if err != nil {
		return nil, err
	}
	if _, err := t.end(); err != nil {
		return nil, err
	}
	if got := after.counts; got.Streams != int64(t.s.streams) || got.Frames != int64(t.s.streams) {
		return nil, fmt.Errorf("of %d idle streams the vendor sees %d, and %d frames", t.s.streams, got.Streams, got.Frames)
	}
	return map[string]float64{"memory": float64(after.usage.rss-before.rss) / 1024 / float64(t.s.streams)}, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
