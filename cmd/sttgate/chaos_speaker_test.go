package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/proxy/fake"
)

// chaosUser is somebody who speaks from several clients, and the vendor that hears nobody else.
type chaosUser struct {
	name   string
	gates  []*chaosGate // through any of which
	vendor *fake.Deepgram
	sent   atomic.Int64 // ms that clients have tried to send
	cut    atomic.Int64 // streams that were ended without a word
	lent   int64        // ms that the ledger may not know of yet: the grace of all gates
	tight  bool         // has a small budget
}

// heard is what has reached the vendor, in ms: the truth.
func (u *chaosUser) heard() int64 { return u.vendor.Totals().AudioMS }

// count adds up over the gateways; chaosGate.count says what.
func (u *chaosUser) count() (tries, over, dead int) {
	for _, g := range u.gates {
		a, b, c := g.count(u.name)
		tries, over, dead = tries+a, over+b, dead+c
	}
	return tries, over, dead
}

// budget is the one that the tests read.
func (u *chaosUser) budget() string {
	if u.tight {
		return "tight"
	}
	return "wide"
}

// speak opens streams one after the other until stop is closed.
func (u *chaosUser) speak(t *testing.T, rng *rand.Rand, stop <-chan struct{}) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-stop:
			return
		case <-pause.C:
		}
		c, wait := u.dial(t, u.gates[rng.IntN(len(u.gates))])
		if c != nil {
			u.stream(c, rng, stop)
		}
		pause.Reset(wait + upTo(rng, 50*time.Millisecond))
	}
}

// dial says how long to wait before the next try.
func (u *chaosUser) dial(t *testing.T, g *chaosGate) (*websocket.Conn, time.Duration) {
	addr, over := g.try(u.name)
	if addr == "" {
		return nil, 20 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), procHang)
	defer cancel()
	c, resp, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+addr+"/v1/listen?encoding=linear16&sample_rate=16000&tag="+u.name, http.Header{"X-Sttgate-User": {u.name}})
	switch {
	case err == nil:
		return c, 0
	case resp != nil: // it is answered when nothing is held any more
		_ = resp.Body.Close()
		over()
		switch resp.StatusCode {
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		case http.StatusGatewayTimeout: // one that is stopped while it dials
		default:
			t.Errorf("connect: %s", resp.Status)
		}
		return nil, 200 * time.Millisecond
	case errors.Is(err, syscall.ECONNREFUSED): // nobody has read it
		over()
	}
	return nil, 20 * time.Millisecond
}

// stream sends frames of 200 ms at ten times real time for a while, and then ends politely, or hangs up, or
// vanishes. It returns when the connection is gone.
func (u *chaosUser) stream(c *websocket.Conn, rng *rand.Rand, stop <-chan struct{}) {
	gone := make(chan struct{})
	var all sync.WaitGroup
	defer all.Wait()
	defer c.Close() //nolint:errcheck // it may be closed already
	all.Go(func() {
		defer close(gone)
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	})
	length := 200*time.Millisecond + upTo(rng, 3*time.Second)
	if rng.IntN(5) == 0 {
		length = 30 * time.Second
	}
	end := time.NewTimer(length)
	defer end.Stop()
	pace := time.NewTicker(chaosFrame / chaosSpeed)
	defer pace.Stop()
	frame := make([]byte, chaosFrame.Milliseconds()*32)
	for {
		select {
		case <-gone:
			return
		case <-stop:
			hangUp(c, 0, gone)
			return
		case <-end.C:
			how := rng.IntN(4)
			if how > 1 {
				u.cut.Add(1)
			}
			hangUp(c, how, gone)
			return
		case <-pace.C:
		}
		u.sent.Add(chaosFrame.Milliseconds())
		if c.WriteMessage(websocket.BinaryMessage, frame) != nil {
			return
		}
	}
}

// hangUp ends a stream in one of the ways in which clients do.
func hangUp(c *websocket.Conn, how int, gone <-chan struct{}) {
	switch how {
	case 0, 1:
		if c.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`)) != nil {
			return
		}
		select {
		case <-gone:
		case <-time.After(procHang): // the gateway is gone without a word
		}
	case 2: // RST
		if tcp, ok := c.NetConn().(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a FIN is as good
		}
	}
}
