//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/proxy/relay"
)

// relayMain is the gateway's data path without the gateway: what it costs more than
// this is the price of identity, admission, metering and metrics.
func relayMain(args []string) error {
	return serveProxy(args, func(p goProxy, l net.Listener) error {
		b := &bareRelay{
			vendor:  p.ws(),
			tls:     &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "localhost", DynamicRecordSizingDisabled: true},
			upgrade: websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }},
			engine:  relay.NewEngine(),
			streams: map[*relay.Stream]struct{}{},
		}
		stop := make(chan struct{})
		defer close(stop)
		go b.tick(stop)
		return handlerServer(l, b)
	})
}

// bareRelay connects a client to the vendor and relays.
type bareRelay struct {
	vendor  string
	tls     *tls.Config
	upgrade websocket.Upgrader
	engine  *relay.Engine

	mu      sync.Mutex
	streams map[*relay.Stream]struct{}
}

var _ http.Handler = (*bareRelay)(nil)

// ServeHTTP shakes hands on both sides.
func (b *bareRelay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	vendor, err := b.dial(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	client, err := b.upgrade.Upgrade(w, r, nil)
	if err != nil {
		_ = vendor.Discard()
		return
	}
	s := relay.New(relay.Config{IdleTimeout: 10 * time.Minute, Engine: b.engine}, client.NetConn(), vendor, nil, passAll{})
	b.mu.Lock()
	b.streams[s] = struct{}{}
	b.mu.Unlock()
	s.Start(func(relay.Result) {
		b.mu.Lock()
		delete(b.streams, s)
		b.mu.Unlock()
	})
}

func (b *bareRelay) dial(r *http.Request) (*relay.HandshakeConn, error) {
	var hs *relay.HandshakeConn
	d := websocket.Dialer{
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err == nil {
				hs = relay.NewHandshakeConn(c)
			}
			return hs, err
		},
		NetDialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			t := tls.Client(relay.Wrap(c), b.tls)
			if err := t.HandshakeContext(ctx); err != nil {
				_ = c.Close()
				return nil, err
			}
			hs = relay.NewHandshakeConn(t)
			return hs, nil
		},
	}
	_, resp, err := d.DialContext(r.Context(), b.vendor+r.URL.RequestURI(), http.Header{"Authorization": r.Header["Authorization"]})
	if err != nil {
		if hs != nil {
			_ = hs.Discard()
		}
		return nil, err
	}
	return hs, resp.Body.Close()
}

// tick is the one timer that all streams share.
func (b *bareRelay) tick(stop <-chan struct{}) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-t.C:
			b.mu.Lock()
			for s := range b.streams {
				s.Tick(now)
			}
			b.mu.Unlock()
		}
	}
}

// passAll is a tap without an opinion.
type passAll struct{}

var _ relay.Tap = passAll{}

func (passAll) Audio(int64, bool, bool) relay.Verdict { return relay.Pass }

func (passAll) ClientText([]byte) ([]byte, relay.Verdict, error) { return nil, relay.Pass, nil }

func (passAll) VendorText([]byte) ([]byte, relay.Verdict, error) { return nil, relay.Pass, nil }

func (passAll) ClientGone() (finish [][]byte, wait bool) { return nil, false }
