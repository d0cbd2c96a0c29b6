package proxy

import (
	"net/http"
	"sync"
	"time"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
)

// gauge turns the audio of an upload into what it costs, and buys that before it goes on.
//
//	declared raw formats    by length
//	anything else           by what the audio itself says (container)
//	both                    the larger: who declares 192 kHz and sends an MP3 pays for the MP3
//
// Write and reserve belong to whoever reads the body; the figures are safe from any goroutine.
type gauge struct {
	raw     meter.Counter // nil: not declared
	auto    container     // nil: nothing in it that could be read
	format  meter.Format
	channel bool          // each channel costs
	most    time.Duration // limits.upload_duration; 0: none
	slice   int64         // ms bought ahead
	buy     func(ms, ahead int64) error

	mu     sync.Mutex // guards what follows
	times  int64      // ms to pay per ms
	known  time.Duration
	whole  bool          // known is the length of the whole, as declared
	floor  time.Duration // what was measured for as long as it was understood
	extra  time.Duration // that nobody sees
	bytes  int64
	length int64 // of the audio in bytes; -1: nobody knows
}

func newGauge(rt provider.Route, most, slice time.Duration) (*gauge, error) {
	g := &gauge{
		auto: newContainer(), format: rt.Format, channel: rt.PerChannel, most: most, slice: slice.Milliseconds(),
		times: max(rt.Weight, 1), length: -1, buy: func(int64, int64) error { return nil },
	}
	if rt.Format.Encoding == "" {
		return g, nil
	}
	raw, err := meter.New(rt.Format)
	if err != nil {
		return nil, &provider.Error{Status: http.StatusUnsupportedMediaType, Detail: err.Error()}
	}
	g.raw = raw
	return g, nil
}

// told takes the length of the audio in bytes, -1 where it is not known. exact says that it is.
func (g *gauge) told(bytes int64, exact bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !exact {
		return nil
	}
	g.length = bytes
	if g.raw == nil || bytes < 0 {
		return nil
	}
	g.known, g.whole = g.format.Duration(bytes), true
	return g.short(g.known)
}

// short holds the cap of a single upload. It is called with the lock held.
func (g *gauge) short(d time.Duration) error {
	if g.most == 0 || d <= g.most {
		return nil
	}
	return denied{d: deny(provider.TooLarge, "this audio lasts "+d.Round(time.Millisecond).String()+", and one upload may last "+g.most.String()+" (limits.upload_duration)")}
}

// write measures audio and buys it. An error means that it must not go on.
func (g *gauge) write(p []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bytes += int64(len(p))
	if g.raw != nil {
		g.raw.Advance(int64(len(p)))
	}
	if g.auto != nil {
		if err := g.auto.Write(p); err != nil {
			if g.raw == nil {
				return unmetered(err)
			}
			g.floor = g.measured()
			g.auto = nil // headerless, as declared
		}
	}
	if g.auto != nil && !g.whole {
		if d, ok := g.auto.Declared(g.length); ok {
			g.known, g.whole = max(d, g.known), true
		}
	}
	g.known = max(g.known, g.measured())
	if err := g.short(g.known); err != nil {
		return err
	}
	return g.pay()
}

func unmetered(err error) error {
	return &provider.Error{Status: http.StatusUnsupportedMediaType, Detail: "this audio cannot be measured: " + err.Error()}
}

// measured is the audio so far. It is called with the lock held.
func (g *gauge) measured() time.Duration {
	d := g.floor
	if g.raw != nil {
		d = max(d, g.raw.Elapsed())
	}
	if g.auto != nil {
		d = max(d, g.auto.Elapsed())
	}
	return d
}

// pay buys what is known to be needed: the whole, or what has come. It is called with the lock held.
func (g *gauge) pay() error {
	ms, ahead := millis(g.known+g.extra)*g.factor(), int64(0)
	if !g.whole {
		ahead = max(g.slice, min(ms/8, maxAhead)) * g.factor()
	}
	return g.buy(ms, ahead)
}

// maxAhead bounds what is bought ahead of a long upload, in ms.
const maxAhead = 60_000

// factor is the weight with what the audio tells. It is called with the lock held.
func (g *gauge) factor() int64 {
	if g.channel && g.auto != nil {
		return g.times * int64(max(g.auto.Channels(), 1))
	}
	return g.times
}

// weigh takes the weight that an order tells.
func (g *gauge) weigh(times int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.times, g.channel = times, false
	return g.pay()
}

// reserve adds audio that nobody sees.
func (g *gauge) reserve(d time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.extra = d
	return g.pay()
}

// end is told that the audio is over: what was not understood by then is not audio.
func (g *gauge) end() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.raw == nil && g.bytes > 0 && !g.auto.Known() {
		return unmetered(meter.ErrUnsupported)
	}
	return nil
}

// ready reports whether it is clear what comes: its format, and its length where that is told.
func (g *gauge) ready() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.whole || g.known > 0
}

// declared is what the whole costs, 0 where nobody has said how long it is.
func (g *gauge) declared() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.whole {
		return 0
	}
	return millis(g.known) * g.factor()
}

// elapsed is the audio that was measured.
func (g *gauge) elapsed() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.measured()
}

// millis is the same in whole milliseconds.
func (g *gauge) millis() int64 { return millis(g.elapsed()) }

// cost is what the audio costs, with what nobody sees.
func (g *gauge) cost() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return millis(g.measured()+g.extra) * g.factor()
}

func (g *gauge) weight() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.factor()
}
