package relay

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// Over net.Pipe and in a bubble time is the test's: the portable path has no
// clock of its own. This is what tests of the owner build on.
func TestTimeoutsInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clientHere, clientThere := net.Pipe()
		vendorHere, vendorThere := net.Pipe()
		client, vendor := newEnd(t, clientThere, true), newEnd(t, vendorThere, false)
		s := New(Config{PingEvery: 10 * time.Second}, clientHere, vendorHere, nil, &tap{finish: [][]byte{[]byte("CloseStream")}, wait: true})
		done := make(chan Result, 1)
		go func() { done <- s.Run() }()
		start := time.Now()
		ticks := time.NewTicker(time.Second)
		over := make(chan struct{})
		go func() {
			for {
				select {
				case now := <-ticks.C:
					s.Tick(now)
				case <-over:
					return
				}
			}
		}()
		client.send(Binary, "audio")
		vendor.expect("2:audio")
		for _, e := range []*end{client, vendor} {
			f, err := e.next()
			if err != nil || f.op != Ping {
				t.Fatalf("%s got %v %v, want a ping", e.who(), f, err)
			}
		}
		client.close(1000, "")
		vendor.expect("1:CloseStream")
		asked := time.Now()
		vendor.expect("8:1000 ")
		if d := time.Since(asked); d != 5*time.Second {
			t.Errorf("the vendor had %v for its last words, want 5s", d)
		}
		client.expect("8:1000 ", "EOF")
		vendor.expect("EOF")
		<-done
		close(over)
		if d := time.Since(start); d < 15*time.Second || d > 20*time.Second {
			t.Errorf("the stream took %v", d)
		}
		clientThere.Close()
		vendorThere.Close()
	})
}
