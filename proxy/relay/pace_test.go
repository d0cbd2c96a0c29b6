package relay

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPaceAdmitsABurstAndThenItsRate(t *testing.T) {
	var p pace
	now := time.Now()
	take := func(most int) (n int) {
		for n < most && p.admit(now, pingEvery, pingBurst) {
			n++
		}
		return n
	}
	if n := take(10 * pingBurst); n != pingBurst {
		t.Errorf("a burst of %d, want %d", n, pingBurst)
	}
	for range 3 {
		now = now.Add(time.Second)
		if n := take(10 * pingBurst); n != 32 {
			t.Errorf("%d in a second, want 32", n)
		}
	}
	now = now.Add(time.Hour)
	if n := take(10 * pingBurst); n != pingBurst {
		t.Errorf("%d after an hour, want the burst of %d", n, pingBurst)
	}
	now = now.Add(-time.Hour) // not by a monotonic clock
	if n := take(1); n != 0 {
		t.Error("a clock that jumps back gives more")
	}
}

// A client that pings as often as anybody may is not blamed, nor is the vendor that answers it.
func TestPingsOfHonestPeersPass(t *testing.T) {
	now := time.Now()
	var client, vendor controls
	for range 100 {
		for range 32 {
			for _, c := range []*controls{&client, &vendor} {
				if c.admit(Ping, now) != nil || c.admit(Pong, now) != nil {
					t.Fatal("refused")
				}
			}
		}
		now = now.Add(time.Second)
	}
}

func TestAFloodOfPingsEndsItsStream(t *testing.T) {
	for _, op := range []Op{Ping, Pong} {
		eachPath(t, func(t *testing.T, p path) {
			t.Run("from the client", func(t *testing.T) {
				r := newRig(t, p, Config{}, &tap{finish: [][]byte{[]byte("CloseStream")}})
				over := pour(r.client, op, "flood")
				passed := drain(t, r.vendor, "1:CloseStream")
				r.client.expect("8:1008 too many pings or pongs")
				r.client.c.Close()
				<-over
				r.vendor.close(1000, "")
				got := r.wait()
				if !errors.Is(got.Err, ErrProtocol) || got.By != Client {
					t.Errorf("result %+v", got)
				}
				bounded(t, passed)
			})
			t.Run("from the vendor", func(t *testing.T) {
				r := newRig(t, p, Config{}, &tap{})
				over := pour(r.vendor, op, "flood")
				passed := drain(t, r.client, "8:1011 upstream protocol error")
				r.vendor.expect("8:1008 too many pings or pongs")
				r.vendor.c.Close()
				<-over
				r.client.close(1011, "")
				got := r.wait()
				if !errors.Is(got.Err, ErrProtocol) || got.By != Vendor {
					t.Errorf("result %+v", got)
				}
				bounded(t, passed)
			})
		})
	}
}

// pour sends frames until nobody takes them; over is closed then. What the other side answers has to be read before its
// socket is closed: what is poured behind that resets the connection, and an answer that nobody has read is lost.
func pour(e *end, op Op, payload string) (over chan struct{}) {
	f := []byte(strings.Repeat(string(e.enc(op, true, payload)), 1+4096/len(payload)))
	over = make(chan struct{})
	go func() {
		defer close(over)
		for {
			if _, err := e.c.Write(f); err != nil {
				return
			}
		}
	}()
	return over
}

// drain counts the frames before one.
func drain(t *testing.T, e *end, last string) (n int) {
	t.Helper()
	for ; ; n++ {
		f, err := e.next()
		if err != nil {
			t.Fatalf("%s: %v, want %s", e.who(), err, last)
		}
		if f.String() == last {
			return n
		}
	}
}

// bounded holds what passed of a flood: the burst, and what the rate allows in the time of a test.
func bounded(t *testing.T, n int) {
	t.Helper()
	if most := 2*pingBurst + 64*int(hang/time.Second); n < pingBurst || n > most {
		t.Errorf("%d frames of a flood passed, want %d to %d", n, pingBurst, most)
	}
}
