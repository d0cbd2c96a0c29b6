package proxy

import (
	"errors"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// Both directions can owe the client something: an ack for a message that was
// dropped, and what stood behind an ack of the vendor's. Clients count these, so
// they leave in the order in which the session says them, and none is lost.

// lock takes the right to ask the session and to send what it says. from is the
// side whose message is at hand.
func (t *tap) lock(from relay.Side) {
	if !t.owed.TryLock() {
		t.stream.Waiting(from) // the holder may be waiting for a slow client
		t.owed.Lock()
	}
}

// behind sends what a session wants behind a message of the vendor's, with the
// message in front where it passes. It reports whether that was all of it.
func (t *tap) behind(msg []byte, a provider.Action) bool {
	var texts [][]byte
	for _, m := range a.Also {
		switch {
		case m.To != provider.ToClient || m.Op != provider.Text:
			t.send([]provider.Message{m})
			continue
		case texts == nil && !a.Hold && a.Replace != nil:
			texts = append(texts, a.Replace)
		case texts == nil && !a.Hold:
			texts = append(texts, msg)
		}
		texts = append(texts, m.Payload)
	}
	if texts == nil {
		return false
	}
	t.stream.Insert(relay.Vendor, texts)
	return true
}

// again is the pace at which a full queue is tried.
const again = 5 * time.Millisecond

// owe sends what is owed for a dropped message. A client that does not read its
// acks is slowed down, as the vendor's own socket would, until the relay's write
// timeout gives it up.
func (t *tap) owe(m provider.Message) {
	side := relay.Client
	if m.To == provider.ToVendor {
		side = relay.Vendor
	}
	for waited := false; ; waited = true {
		err := t.stream.Send(side, relay.Op(m.Op), m.Payload)
		if !errors.Is(err, relay.ErrSlow) {
			return // sent, or nobody is there any more
		}
		if !waited {
			t.stream.Waiting(relay.Client)
		}
		<-time.After(again)
	}
}
