//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// What is assumed where nothing can be measured; the page says so.
const (
	framesPerSecond = 50              // 20 ms each
	streamLife      = 3 * time.Minute // as the crowd's
	usersPerStream  = 10              // known users for each stream that runs
	busyShare       = 0.6             // of a core that is planned with
	gatewayCores    = 4
	markLife        = 4 * time.Hour // how long a settled stream is remembered
	audioBits       = 256_000       // 16 kHz linear16
	capEvery        = time.Minute   // how often a running stream's user is looked at
)

// gatewayCost is what a stream costs beside Redis, from docs/benchmarks.md.
type gatewayCost struct {
	Frame     time.Duration // CPU, with TLS to the vendor
	Handshake time.Duration // CPU
	Memory    float64       // KiB
}

func readGatewayCost(file string) (gatewayCost, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return gatewayCost{}, err
	}
	g, err := parseGatewayCost(string(b))
	if err != nil {
		return g, fmt.Errorf("%s: %w", file, err)
	}
	return g, nil
}

func parseGatewayCost(page string) (gatewayCost, error) {
	var g gatewayCost
	for _, w := range []struct {
		section string
		put     func(float64)
	}{
		{"dense-tls", func(v float64) { g.Frame = time.Duration(v * float64(time.Microsecond)) }},
		{"handshake", func(v float64) { g.Handshake = time.Duration(v * float64(time.Microsecond)) }},
		{"idle-tls", func(v float64) { g.Memory = v }},
	} {
		v, err := ownFigure(page, w.section)
		if err != nil {
			return g, err
		}
		w.put(v)
	}
	return g, nil
}

// ownFigure is the first figure of the gateway's row in a section of the benchmarks' page.
func ownFigure(page, section string) (float64, error) {
	_, rest, ok := strings.Cut(page, "\n### "+section+"\n")
	if !ok {
		return 0, fmt.Errorf("no section %q", section)
	}
	rest, _, _ = strings.Cut(rest, "\n### ")
	for line := range strings.Lines(rest) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || strings.TrimSpace(cells[1]) != ours {
			continue
		}
		word, _, _ := strings.Cut(strings.TrimSpace(cells[2]), " ")
		v, err := strconv.ParseFloat(word, 64)
		if err != nil || v <= 0 {
			return 0, fmt.Errorf("section %q: %q is no figure", section, cells[2])
		}
		return v, nil
	}
	return 0, fmt.Errorf("section %q has no row of %s", section, ours)
}

// streamCost is what the streams of users without a budget cost on Redis.
type streamCost struct {
	Minute, Life float64       // calls per minute of audio, and per stream beside
	CPU          time.Duration // per call
	In, Out, Log float64       // bytes per call
	Rest         float64       // bytes per user who says nothing
	Running      float64       // bytes per running stream
	Mark         float64       // bytes per settled stream
	Read         time.Duration // CPU of one look at a user's soft caps
}

// calls are those of one stream per second; slice is what they were counted at, want what is asked about.
// A stream asks again when two thirds of a slice are gone, so that twice the slice is half the calls.
func (c streamCost) calls(slice, want time.Duration) float64 {
	return c.Minute/60*float64(slice)/float64(want) + c.Life/streamLife.Seconds()
}

// need is what so many streams at once take.
type need struct {
	Streams     int
	FrameCores  float64 // busy with frames
	Gateways    int     // of gatewayCores each, busy to busyShare
	GatewayMem  float64 // bytes
	Audio       float64 // bits per second, in and out again
	Opens       float64 // per second
	Calls       float64 // per second
	RedisCores  float64
	CapCores    float64 // and for the soft caps
	Shards      int     // busy to busyShare
	RedisMem    float64
	In, Out     float64 // bytes per second at Redis
	Log         float64 // bytes per second
	Connections int     // at each shard, two from each gateway
}

func needOf(streams int, g gatewayCost, c streamCost, slice, want time.Duration) need {
	n := float64(streams)
	out := need{
		Streams: streams, FrameCores: n * framesPerSecond * g.Frame.Seconds(), GatewayMem: n * g.Memory * 1024,
		Audio: n * audioBits, Opens: n / streamLife.Seconds(), Calls: n * c.calls(slice, want),
	}
	out.FrameCores += out.Opens * g.Handshake.Seconds()
	out.Gateways = atLeastOne(out.FrameCores / busyShare / gatewayCores)
	out.RedisCores = out.Calls * c.CPU.Seconds()
	out.CapCores = n / capEvery.Seconds() * c.Read.Seconds()
	out.Shards = atLeastOne((out.RedisCores + out.CapCores) / busyShare)
	out.RedisMem = n*usersPerStream*c.Rest + n*c.Running + out.Opens*markLife.Seconds()*c.Mark
	out.In, out.Out, out.Log = out.Calls*c.In, out.Calls*c.Out, out.Calls*c.Log
	out.Connections = 2 * out.Gateways
	return out
}

func atLeastOne(v float64) int { return max(1, int(math.Ceil(v))) }

// hotStreams is how many streams one key carries that all of them write.
func hotStreams(c streamCost, perCall time.Duration, slice, want time.Duration) int {
	if perCall <= 0 {
		return 0
	}
	return int(busyShare / perCall.Seconds() / c.calls(slice, want))
}
