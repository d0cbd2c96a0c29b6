package proxy

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

// transfer is an HTTP request on its way to the vendor, as the registry sees it. Its
// methods are safe from any goroutine.
type transfer struct {
	cancel context.CancelCauseFunc // of the vendor's side
	idle   time.Duration           // LimitsConfig.IdleTimeout
	bill   *bill                   // nil: it costs nothing
	// For who watches.
	variant, model string

	bytes, audio atomic.Int64 // forwarded, in bytes and ns
	sent         atomic.Bool  // the vendor has the whole body: it works, and will want money
	stopped      atomic.Bool  // the gateway has ended it
	given        atomic.Int64 // unix ns when the vendor was last given bytes that it has not taken yet; 0: it has
}

func (t *transfer) progress() Progress {
	return Progress{Forwarded: time.Duration(t.audio.Load()), Bytes: t.bytes.Load()}
}

// tick ends an upload whose vendor does not read. The client's silence is found by the
// body's own deadline, the vendor's by the courier's patience.
func (t *transfer) tick(now time.Time) {
	if since := t.given.Load(); since != 0 && now.UnixNano()-since > int64(t.idle) {
		t.cancel(denied{d: deny(provider.UpstreamTimeout, "the vendor does not take the upload; try again")})
	}
}

// stop ends it for a reason of the gateway's, unless the vendor has all of it: its answer
// is on the way and was paid for.
func (t *transfer) stop(d *provider.Denial) {
	if !t.sent.Load() {
		t.stopped.Store(true)
		t.cancel(denied{d: d})
	}
}

func (t *transfer) abort() { t.cancel(denied{d: drained()}) }
