package relay

import (
	"strings"
	"testing"
	"time"
)

func TestStallsAddUpAndNeverShrink(t *testing.T) {
	var s stall
	now := time.Now()
	at := func(want time.Duration) {
		t.Helper()
		if got := s.at(now); got != want {
			t.Fatalf("stalled for %v, want %v", got, want)
		}
	}
	at(0)
	s.begin(now)
	now = now.Add(stallLeast - 1)
	s.end(now)
	at(0) // a write that nobody waited for
	s.begin(now)
	now = now.Add(2 * time.Second)
	at(2 * time.Second) // not over yet
	now = now.Add(time.Second)
	s.end(now)
	at(3 * time.Second)
	now = now.Add(time.Hour)
	s.begin(now)
	at(3 * time.Second)
	now = now.Add(time.Second)
	at(4 * time.Second)
}

func TestAPeerThatDoesNotReadIsStalled(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.fill(Client)
		waitFor(t, func() bool { return r.s.Stalled(Vendor, time.Now()) > 10*time.Millisecond })
		if d := r.s.Stalled(Client, time.Now()); d != 0 {
			t.Errorf("the client was stalled for %v", d)
		}
		r.s.Abort()
		r.wait()
		end := time.Now()
		if a, b := r.s.Stalled(Vendor, end), r.s.Stalled(Vendor, end.Add(time.Hour)); a != b || a == 0 {
			t.Errorf("%v at the end, and %v later", a, b)
		}
	})
}

// A write that the socket takes at once is not even looked at.
func TestAPeerThatReadsIsNotStalled(t *testing.T) {
	for _, p := range paths {
		if !p.engine || p.tls {
			continue // their writes may take a while by themselves, on a busy machine
		}
		r := newRig(t, p, Config{}, &tap{})
		r.client.send(Binary, strings.Repeat("a", 1000))
		r.vendor.expect("2:aaaaaaaa...1000")
		if d := r.s.Stalled(Vendor, time.Now()); d != 0 {
			t.Errorf("stalled for %v", d)
		}
	}
}
