package proxy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// tap answers the relay's questions for one stream: it turns each audio message
// into milliseconds, buys them, and decides what happens when they are not to be
// had. Audio state belongs to the goroutine that reads the client.
type tap struct {
	session provider.Session
	clock   meter.Counter
	account *ledger.Account
	gate    *gate
	sub     subject
	route   provider.Route
	stream  *relay.Stream // set once, before Run
	now     func() time.Time

	bought     int64 // ms of audio paid for so far, before Weight
	dropping   bool
	cut        bool             // the message at hand is being dropped
	denial     *provider.Denial // why audio is dropped
	skipped    int64            // bytes dropped in this dropping period
	asked      time.Time        // when the budget was last asked for while dropping
	finished   sync.Once
	keepalives keepalives

	forwarded, dropped atomic.Int64 // bytes; read by the ticker
	ended              atomic.Pointer[provider.Denial]
}

var _ relay.Tap = (*tap)(nil)

// askEvery is how often a dropping stream asks whether its budget came back:
// within a slice, as often as a running stream talks to the ledger.
const askEvery = 2 * time.Second

// leaseWait bounds how long one audio message may wait for a lease that is under
// way. The account's own timeouts end it earlier; this is the guard behind them.
const leaseWait = 15 * time.Second

// Audio buys the message's time and lets it pass, or drops it whole.
func (t *tap) Audio(n int64, first, _ bool) relay.Verdict {
	t.cut = t.cut && !first
	switch {
	case t.cut: // the rest of a message that lost its beginning
		return t.drop(n)
	case n == 0: // the vendor's end of stream, not audio
		return relay.Pass
	case t.dropping && t.skipped%int64(t.route.Format.Align()) != 0:
		return t.drop(n) // resuming inside a sample would garble everything after it
	}
	need := t.clock.MillisAfter(n) - t.bought
	if err := t.buy(need * t.route.Weight); err != nil {
		return t.unpaid(n, need, err)
	}
	t.resume()
	t.clock.Advance(n)
	t.bought += need
	t.forwarded.Add(n)
	t.session.Forwarded(t.clock.Elapsed())
	return relay.Pass
}

// buy spends from the lease, waiting for one that is under way: a client that
// sends faster than real time is slowed to the pace of its leases, not cut.
func (t *tap) buy(ms int64) error {
	if ms == 0 {
		return nil
	}
	err := t.account.Spend(ms)
	if !errors.Is(err, ledger.ErrPending) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaseWait)
	defer cancel()
	for errors.Is(err, ledger.ErrPending) {
		if t.account.Wait(ctx) != nil {
			return ledger.ErrOutage
		}
		err = t.account.Spend(ms)
	}
	return err
}

// unpaid decides what happens to a message that could not be bought.
func (t *tap) unpaid(n, need int64, err error) relay.Verdict {
	if errors.Is(err, ledger.ErrOutage) {
		t.end(denialOf(err))
		return relay.Stop
	}
	dec := decide(t.account.Last(), need*t.route.Weight)
	t.denial = t.gate.exhausted(dec, t.sub)
	if !t.gate.drops(dec.Violated, t.route) {
		t.end(t.denial)
		return relay.Stop
	}
	if !t.dropping {
		t.dropping, t.skipped = true, 0
		t.gate.metrics.decided(dec)
		t.keepalives.start(t.stream, t.session)
	}
	if now := t.now(); now.Sub(t.asked) >= askEvery {
		t.asked = now
		t.account.Ask(need * t.route.Weight)
	}
	return t.drop(n)
}

// drop counts a message, or a fragment of one, that does not pass.
func (t *tap) drop(n int64) relay.Verdict {
	t.cut = true
	t.skipped += n
	t.dropped.Add(n)
	for _, m := range t.session.Drop(t.route.Format.Duration(n), *t.denial) {
		t.send(m)
	}
	return relay.Drop
}

func (t *tap) resume() {
	if t.dropping {
		t.dropping = false
		t.keepalives.stop()
	}
}

// ClientText shows the session a text message of the client.
func (t *tap) ClientText(msg []byte) ([]byte, relay.Verdict, error) {
	a, err := t.session.FromClient(msg)
	if err != nil {
		t.end(denialOf(err))
		return nil, relay.Stop, nil
	}
	return a.Replace, hold(a), nil
}

// VendorText shows the session a text message of the vendor.
func (t *tap) VendorText(msg []byte) ([]byte, relay.Verdict, error) {
	a, err := t.session.FromVendor(msg)
	if err != nil {
		return nil, relay.Pass, nil //nolint:nilerr // what the vendor says reaches the client even if we cannot read it
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
func (t *tap) ClientGone() ([][]byte, bool) { return t.finish(), true }

// finish is the vendor's end of stream, once.
func (t *tap) finish() (texts [][]byte) {
	t.finished.Do(func() {
		for _, m := range t.session.Finish() {
			texts = append(texts, m.Payload)
		}
	})
	return texts
}

// end finishes the stream for a reason of the gateway's. Safe from any goroutine.
func (t *tap) end(d *provider.Denial) {
	if !t.ended.CompareAndSwap(nil, d) {
		return
	}
	_, code, reason := t.session.Farewell(*d)
	t.stream.End(relay.Ending{
		Finish: t.finish(),
		Wait:   true,
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
}

func (t *tap) send(m provider.Message) {
	side := relay.Client
	if m.To == provider.ToVendor {
		side = relay.Vendor
	}
	// A peer too slow for a notice is found by the relay's own write timeout.
	_ = t.stream.Send(side, relay.Op(m.Op), m.Payload)
}
