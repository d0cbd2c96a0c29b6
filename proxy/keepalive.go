package proxy

import (
	"sync"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// keepalives keeps a vendor's stream alive while its audio is dropped. It has a
// timer only while it runs: an ordinary stream costs nothing.
type keepalives struct {
	mu    sync.Mutex
	timer *time.Timer
}

// start sends the session's keepalives until stop. The first goes out after a full
// interval: the vendor has just had audio.
func (k *keepalives) start(s *relay.Stream, session provider.Session) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		return
	}
	k.timer = time.AfterFunc(provider.KeepaliveEvery, func() {
		for _, m := range session.Keepalive() {
			// A vendor too slow for 20 bytes is found by the relay's write timeout.
			_ = s.Send(relay.Vendor, relay.Op(m.Op), m.Payload)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.timer != nil {
			k.timer.Reset(provider.KeepaliveEvery)
		}
	})
}

func (k *keepalives) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
}
