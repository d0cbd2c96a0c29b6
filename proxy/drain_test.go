package proxy

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestADrainSpreadsItsEndsEvenlyAndLeavesThemTheirTime(t *testing.T) {
	for _, tt := range []struct {
		name         string
		streams      int
		room, within time.Duration
	}{
		{"a few take two seconds", 100, time.Minute, endSpread},
		{"many take as long as clients need to come back", 5000, time.Minute, 20 * time.Second},
		{"never more than half of the room", 10_000, time.Minute, 30 * time.Second},
		{"a little room", 100, time.Second, 500 * time.Millisecond},
		{"no room", 100, 0, 0},
		{"one", 1, time.Minute, endSpread},
		{"none", 0, time.Minute, endSpread},
	} {
		t.Run(tt.name, func(t *testing.T) {
			times := endTimes(tt.streams, tt.room)
			if len(times) != tt.streams {
				t.Fatalf("%d ends for %d streams", len(times), tt.streams)
			}
			for i, at := range times {
				share := tt.within / time.Duration(tt.streams)
				if from := time.Duration(i) * share; at < from || at > from+share {
					t.Fatalf("stream %d of %d ends after %s, but its share begins at %s and is %s long", i, tt.streams, at, from, share)
				}
			}
		})
	}
}

func TestASecondSignalIsPoliteToThoseThatWaitForTheirTurn(t *testing.T) {
	const n = 20
	r := newRig(t, rigOptions{config: func(c *Config) { c.Drain = DrainConfig{Grace: 50 * time.Millisecond, Hard: hang} }})
	codes := make(chan int, n)
	for range n {
		c := r.connect("ann", linear16)
		c.send(5, 20)
		go func() {
			defer func() { _ = c.conn.Close() }()
			for {
				if _, _, err := c.conn.ReadMessage(); err != nil {
					closed, _ := errors.AsType[*websocket.CloseError](err) // nil: it was cut
					codes <- cmp.Or(closed, &websocket.CloseError{Code: websocket.CloseAbnormalClosure}).Code
					return
				}
			}
		}()
	}
	ctx, hurry := context.WithCancel(t.Context())
	defer hurry()
	go r.server.Shutdown(ctx)
	for i := range n {
		if code := <-codes; code != 1012 {
			t.Errorf("closed with %d", code)
		}
		if i == 0 {
			hurry() // the others have a share of two seconds each to wait for
		}
	}
	<-r.done
}
