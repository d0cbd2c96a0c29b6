package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// tap answers the relay's questions for one stream: it turns each audio message
// into milliseconds, buys them, and decides what happens when they are not to be
// had. Audio state belongs to the goroutine that reads the client.
type tap struct {
	session provider.Session
	sound   sound
	purse   purse
	tempo   *tempo
	gate    *gate
	sub     subject
	route   provider.Route
	stream  *relay.Stream // set once, before Run
	now     func() time.Time
	id      string // the stream's
	request string // its handshake's id

	dropping   atomic.Bool      // set by the client's goroutine; others watch
	cut        bool             // the message at hand is being dropped
	denial     *provider.Denial // why audio is dropped
	skipped    int64            // bytes dropped in this dropping period
	frame      int64            // bytes of the frame at hand that were not shown yet
	asked      time.Time        // when the budget was last asked for while dropping
	finished   sync.Once
	keepalives keepalives
	pauses     *pauses    // nil: nobody wants to know
	excerpt    *excerpt   // the same
	owed       sync.Mutex // held from the session's word to its sending: what is owed leaves in the session's order

	forwarded, dropped         atomic.Int64 // bytes; read by the ticker
	forwardedTime, droppedTime atomic.Int64 // the same as ns of audio
	ended                      atomic.Pointer[provider.Denial]
	model                      atomic.Pointer[provider.Swap] // nil before it is known
}

var (
	_ relay.Reader  = (*tap)(nil)
	_ relay.Mourner = (*tap)(nil)
)

// askEvery is how often a dropping stream asks whether its budget came back:
// within a slice, as often as a running stream talks to the ledger.
const askEvery = 2 * time.Second

// ClientText shows the session a text message of the client, and buys the audio in it.
func (t *tap) ClientText(msg []byte) ([]byte, relay.Verdict, error) {
	a, err := t.session.FromClient(msg)
	if err != nil {
		t.end(denialOf(err))
		return nil, relay.Stop, nil
	}
	if a.Model != nil {
		t.heardBy(*a.Model)
	}
	if a.Audio != nil {
		if v := t.spoken(*a.Audio); v != relay.Pass {
			return nil, v, nil
		}
	}
	t.send(a.Also)
	return a.Replace, hold(a), nil
}

// VendorText shows the session a text message of the vendor.
func (t *tap) VendorText(msg []byte) ([]byte, relay.Verdict, error) {
	t.lock(relay.Vendor)
	defer t.owed.Unlock()
	a, err := t.session.FromVendor(msg)
	if err != nil {
		return nil, relay.Pass, nil // what the vendor says reaches the client even if we cannot read it
	}
	t.purse.told(t.session)
	t.excerpt.add(msg)
	if a.Last {
		t.stream.Enough()
	}
	if t.behind(msg, a) {
		return nil, relay.Drop, nil
	}
	return a.Replace, hold(a), nil
}

func hold(a provider.Action) relay.Verdict {
	if a.Hold {
		return relay.Drop
	}
	return relay.Pass
}

// ClientGone ends the vendor's stream politely, so that it bills and reports what
// it heard, and waits for that report.
func (t *tap) ClientGone() ([][]byte, bool) { return t.finish(nil), t.begun() }

// VendorGone is the vendor's own word for a failure of its own: SDKs of two vendors wait for ever
// when a stream ends without one.
func (t *tap) VendorGone() (texts [][]byte, code int, reason string) {
	d := deny(provider.UpstreamUnreachable, "the connection to the vendor was lost; begin a new stream")
	d.RequestID = t.request
	ms, code, reason := t.session.Farewell(*d)
	for _, m := range ms {
		texts = append(texts, m.Payload)
	}
	return texts, code, reason
}

// begun says whether the vendor has a stream to end: one whose client has declared nothing
// yet has no last words, and waiting for them would only keep the client from its answer.
func (t *tap) begun() bool {
	_, ok := t.session.Format()
	return ok
}

// finish is the vendor's end of stream, once.
func (t *tap) finish(d *provider.Denial) (texts [][]byte) {
	t.finished.Do(func() {
		for _, m := range t.session.Finish(d) {
			texts = append(texts, m.Payload)
		}
	})
	return texts
}

// end finishes the stream for a reason of the gateway's; only the first counts. Safe from any
// goroutine.
func (t *tap) end(d *provider.Denial) (first bool) {
	named := *d // a denial may be of several streams
	named.RequestID = t.request
	d = &named
	if !t.ended.CompareAndSwap(nil, d) {
		return false
	}
	t.refused(InStream, d)
	_, code, reason := t.session.Farewell(*d)
	t.stream.End(relay.Ending{
		Finish: func() [][]byte { return t.finish(d) },
		Wait:   t.begun(),
		Code:   code,
		Reason: reason,
		// Asked after the vendor's last words: a message of ours may have to carry the next number.
		Farewell: func() (texts [][]byte) {
			ms, _, _ := t.session.Farewell(*d)
			for _, m := range ms {
				texts = append(texts, m.Payload)
			}
			return texts
		},
	})
	return true
}

// refused tells of a denial in a running stream.
func (t *tap) refused(where string, d *provider.Denial) {
	t.gate.refusedAt(where, d, Refused{
		Stream: t.id, Request: t.request, User: t.sub.user, Plan: t.sub.plan, Provider: t.sub.provider, Mode: provider.ModeStream,
	})
}

// tick buys the wall clock's share, where a stream costs by it, and ends a stream
// that nobody pays for any longer.
func (t *tap) tick(now time.Time) {
	if t.pauses != nil {
		t.pauses.look(now, t.came())
	}
	if err := t.purse.tick(now); err != nil {
		t.endUnpaid(t.purse.why(1, err))
	}
}

// listen tells the account how much was speech so far, for its next lease. That is asked once
// a second and at the end, not with each result.
func (t *tap) listen() {
	if t.route.Words {
		t.purse.account.Heard(t.speech())
	}
}

// speech is what the vendor's words last, in milliseconds: no more than it was sent, whatever it says.
func (t *tap) speech() int64 {
	return millis(min(t.session.Speech(), time.Duration(t.forwardedTime.Load())))
}

// endUnpaid ends a stream that has nothing to go on with; violated is nil where no budget said so.
func (t *tap) endUnpaid(d *provider.Denial, violated *policy.Decision) {
	if t.end(d) && violated != nil {
		t.gate.decided(*violated, nil)
	}
}

func (t *tap) send(ms []provider.Message) {
	for _, m := range ms {
		side := relay.Client
		if m.To == provider.ToVendor {
			side = relay.Vendor
		}
		// A peer too slow for a notice is found by the relay's own write timeout.
		_ = t.stream.Send(side, relay.Op(m.Op), m.Payload)
	}
}
