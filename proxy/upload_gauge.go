package proxy

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
)

// gauge turns the audio of an upload into what it costs, and buys that before it goes on.
//
//	declared raw formats    by length
//	anything else           by what the audio itself says
//	both                    the larger (meter.Claim): who declares 192 kHz and sends an MP3 pays for the MP3
//	neither                 the vendor's figure, where meter.unmeasured says so
//
// Write and reserve belong to whoever reads the body; the figures are safe from any goroutine.
type gauge struct {
	format  meter.Format
	channel bool          // each channel costs
	most    time.Duration // limits.upload_duration; 0: none
	slice   int64         // ms bought ahead
	buy     func(ms, ahead int64) error
	// leave asks whether audio that cannot be measured may pass all the same, and what is reserved for
	// it; nil: it may not.
	leave func() (time.Duration, error)

	mu      sync.Mutex // guards what follows
	clock   uploadClock
	outside bool  // it is not measured here
	times   int64 // ms to pay per ms
	known   time.Duration
	whole   bool          // known is the length of the whole, as declared
	extra   time.Duration // that nobody sees
	bytes   int64
	length  int64 // of the audio in bytes; -1: nobody knows
}

// uploadClock is a *meter.Auto or a *meter.Claim.
type uploadClock interface {
	meter.Clock
	Info() meter.Info
	Declared(bodyBytes int64) (time.Duration, bool)
}

func newGauge(rt provider.Route, most, slice time.Duration) (*gauge, error) {
	g := &gauge{
		format: rt.Format, channel: rt.PerChannel, most: most, slice: slice.Milliseconds(),
		times: max(rt.Weight, 1), length: -1, buy: func(int64, int64) error { return nil },
	}
	if g.format.Encoding == "" {
		g.format.Encoding = meter.Container
	}
	clock, err := meter.Open(g.format)
	if err != nil {
		return nil, &provider.Error{Status: http.StatusUnsupportedMediaType, Detail: err.Error()}
	}
	switch c := clock.(type) {
	case uploadClock:
		g.clock = c
	case meter.Counter:
		g.clock = meter.NewClaim(c, g.format)
	default:
		return nil, &provider.Error{Status: http.StatusUnsupportedMediaType, Detail: "bare packets (encoding=" + string(g.format.Encoding) + ") cannot be told apart in one body: send them in a container such as Ogg, without encoding"}
	}
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
	if bytes < 0 || g.format.Encoding == meter.Container {
		return nil
	}
	c, err := meter.New(g.format)
	if err != nil {
		return unmetered(err)
	}
	c.Advance(bytes)
	g.known, g.whole = c.Elapsed(), true
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
	if !g.outside {
		if err := g.clock.Write(p); err != nil {
			if err := g.unread(err); err != nil {
				return err
			}
		}
	}
	if !g.whole && !g.outside {
		if d, ok := g.clock.Declared(g.length); ok {
			g.known, g.whole = max(d, g.known), true
		}
	}
	g.known = max(g.known, g.clock.Elapsed())
	if err := g.short(g.known); err != nil {
		return err
	}
	return g.pay()
}

// unread decides about audio that cannot be measured. It is called with the lock held.
func (g *gauge) unread(err error) error {
	if g.leave == nil || errors.Is(err, meter.ErrMalformed) || g.clock.Elapsed() > 0 {
		return unmetered(err)
	}
	reserved, no := g.leave()
	if no != nil {
		return no
	}
	g.outside, g.extra = true, max(g.extra, reserved)
	return nil
}

func unmetered(err error) error {
	return &provider.Error{Status: http.StatusUnsupportedMediaType, Detail: unreadable(err)}
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
	if g.channel {
		return g.times * int64(max(g.clock.Info().Channels, 1))
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
	if a, ok := g.clock.(*meter.Auto); ok && !g.outside && g.bytes > 0 && !a.Known() {
		return unmetered(meter.ErrUnsupported)
	}
	return nil
}

// unseen says that nothing here has measured the audio.
func (g *gauge) unseen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.outside
}

// method tells how its time was found; reported says that the vendor told a figure.
func (g *gauge) method(reported bool) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.outside && reported:
		return methodVendor
	case g.outside || g.bytes == 0:
		return methodNone
	case g.format.Encoding == meter.Container || g.clock.Info() != meter.Info{}:
		return methodContainer
	}
	return methodLength
}

// ready reports whether it is clear what comes: its format, and its length where that is told.
func (g *gauge) ready() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.whole || g.known > 0 || g.outside
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
	return g.clock.Elapsed()
}

// millis is the same in whole milliseconds.
func (g *gauge) millis() int64 { return millis(g.elapsed()) }

// cost is what the audio costs, with what nobody sees.
func (g *gauge) cost() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return millis(g.clock.Elapsed()+g.extra) * g.factor()
}

func (g *gauge) weight() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.factor()
}
