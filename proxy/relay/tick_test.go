package relay

import (
	"errors"
	"testing"
	"time"
)

// later ticks a stream at a time of its own.
type later struct {
	s   *Stream
	now time.Time
}

func (l *later) by(d time.Duration) {
	l.now = l.now.Add(d)
	l.s.Tick(l.now)
}

func TestOwnPingsDoNotReachTheOtherSide(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{PingEvery: 20 * time.Second}, &tap{})
		l := &later{r.s, time.Now()}
		l.by(0)
		l.by(19 * time.Second)
		l.by(time.Second)
		for _, e := range []*end{r.client, r.vendor} {
			f, err := e.next()
			if err != nil || f.op != Ping || len(f.payload) != 8 {
				t.Fatalf("%s got %v %v, want a ping", e.who(), f, err)
			}
			e.send(Pong, f.payload)
			e.send(Pong, "87654321")
		}
		r.client.expect("10:87654321")
		r.vendor.expect("10:87654321")
	})
}

func TestAPeerThatAnswersPingsIsNotSilent(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		l := &later{r.s, time.Now()}
		l.by(0)
		for range 6 {
			l.by(time.Second) // takes note of what was heard
			l.by(20 * time.Second)
			for _, e := range []*end{r.client, r.vendor} {
				f, err := e.next()
				if err != nil || f.op != Ping {
					t.Fatalf("%s got %v %v, want a ping", e.who(), f, err)
				}
				e.write(e.enc(Pong, true, f.payload), e.enc(Ping, true, "seen"))
			}
			// The echo of a ping of theirs says that the pump has been there. It must have
			// ended its turn too, or the next Tick finds it at work.
			r.client.expect("9:seen")
			r.vendor.expect("9:seen")
			waitFor(t, func() bool {
				return r.s.peer(Client).heard.Load() != hearing && r.s.peer(Vendor).heard.Load() != hearing
			})
		}
	})
}

func TestSilentClientIsAPoliteEndAtTheVendor(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{IdleTimeout: 60 * time.Second, PingEvery: time.Hour}, &tap{finish: [][]byte{[]byte("CloseStream")}, wait: true})
		l := &later{r.s, time.Now()}
		l.by(0)
		l.by(50 * time.Second)
		r.vendor.send(Text, "alive")
		r.client.expect("1:alive")
		l.by(9 * time.Second)
		l.by(time.Second)
		r.vendor.expect("1:CloseStream")
		r.vendor.close(1000, "")
		r.vendor.expect("8:1000 ", "EOF")
		r.client.expect("EOF")
		if got := r.wait(); got.By != Client || got.ClientCode != 1006 || !errors.Is(got.Err, ErrIdle) {
			t.Errorf("result %+v", got)
		}
	})
}

func TestSilentVendorIsToldToTheClient(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{PingEvery: time.Hour}, &tap{})
		l := &later{r.s, time.Now()}
		l.by(0)
		l.by(50 * time.Second)
		r.client.send(Binary, "alive")
		r.vendor.expect("2:alive")
		l.by(10 * time.Second)
		r.client.expect("8:1011 upstream silent")
		r.client.close(1011, "")
		if got := r.wait(); got.By != Vendor || !errors.Is(got.Err, ErrIdle) {
			t.Errorf("result %+v", got)
		}
	})
}

// A pump that waits for its Tap or for a slow peer does not read: that is not
// the reading peer's silence.
func TestBackpressureIsNotSilence(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		asked, answer := make(chan bool), make(chan Verdict)
		r := newRig(t, p, Config{PingEvery: time.Hour}, &tap{audio: func(int64, bool, bool) Verdict { asked <- true; return <-answer }})
		l := &later{r.s, time.Now()}
		l.by(0)
		r.client.send(Binary, "slow")
		<-asked
		for range 10 {
			r.vendor.send(Text, "alive")
			r.client.expect("1:alive")
			l.by(30 * time.Second)
		}
		answer <- Pass
		r.vendor.expect("2:slow")
		r.client.send(Ping, "still here")
		r.vendor.expect("9:still here")
	})
}
