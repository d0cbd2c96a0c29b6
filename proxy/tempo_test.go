package proxy

import (
	"bytes"
	"testing"
	"time"

	"github.com/sttgate/sttgate/policy"
)

func TestAudioPassesAsFastAsItPlaysAfterABurst(t *testing.T) {
	start := time.Now()
	at := func(d time.Duration) time.Time { return start.Add(d) }
	paced := func(p float64) *tempo {
		var out tempo
		out.follow(policy.Effects{Actions: policy.Actions{Pace: p}})
		return &out
	}
	wants := func(t *testing.T, p *tempo, channel string, now, want time.Duration) {
		t.Helper()
		if got := max(p.wait(channel, at(now)), 0); got != want {
			t.Errorf("at %v %q waits %v, want %v", now, channel, got, want)
		}
	}
	t.Run("at once up to the burst, then as it plays", func(t *testing.T) {
		p := paced(1)
		p.passed("", paceBurst, at(0))
		wants(t, p, "", 0, 0)
		p.passed("", 3*time.Second, at(0))
		wants(t, p, "", 0, 3*time.Second)
		wants(t, p, "", 2*time.Second, time.Second)
		wants(t, p, "", 3*time.Second, 0)
	})
	t.Run("twice as fast", func(t *testing.T) {
		p := paced(2)
		p.passed("", paceBurst+4*time.Second, at(0))
		wants(t, p, "", 0, 2*time.Second)
	})
	t.Run("a silence saves up no more than the burst", func(t *testing.T) {
		p := paced(1)
		p.passed("", time.Second, at(0))
		p.passed("", paceBurst+time.Second, at(time.Hour))
		wants(t, p, "", time.Hour, time.Second)
	})
	t.Run("live audio for a day is never held", func(t *testing.T) {
		p := paced(1)
		for now := time.Duration(0); now < 24*time.Hour; now += time.Second {
			wants(t, p, "", now, 0)
			p.passed("", time.Second, at(now))
		}
	})
	t.Run("channels play beside each other", func(t *testing.T) {
		p := paced(1)
		p.passed("left", paceBurst+time.Second, at(0))
		wants(t, p, "left", 0, time.Second)
		wants(t, p, "right", 0, 0)
	})
	t.Run("lifted, and back with a new burst's room", func(t *testing.T) {
		p := paced(1)
		p.passed("", time.Hour, at(0))
		p.follow(policy.Effects{})
		wants(t, p, "", 0, 0)
		p.passed("", time.Hour, at(0)) // not counted
		p.follow(policy.Effects{Actions: policy.Actions{Pace: 1}})
		wants(t, p, "", time.Hour, 0)
	})
}

// atOnce sends audio as fast as it is taken.
func atOnce(c *client, d time.Duration) (sent chan struct{}) {
	sent = make(chan struct{})
	go func() {
		defer close(sent)
		c.send(int(d/(20*time.Millisecond)), 20)
		c.text(`{"type":"CloseStream"}`)
	}()
	return sent
}

func TestAPaceSlowsAStreamAndLosesNothing(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.put("ann", moved(policy.Throttle, policy.ByViolation, time.Now())) // as fast as it plays
	c := r.connect("ann", linear16)
	began := time.Now()
	sent := atOnce(c, paceBurst+2*time.Second)
	c.read()
	<-sent
	if d := time.Since(began); d < 1900*time.Millisecond {
		t.Errorf("2s beyond the burst have passed after %v", d)
	}
	if ms := r.heard(1)[0].AudioMS; ms != (paceBurst + 2*time.Second).Milliseconds() {
		t.Errorf("the vendor heard %d ms", ms)
	}
}

func TestAPaceReachesARunningStreamAndLeavesItAgain(t *testing.T) {
	r := newRig(t, rigOptions{slice: time.Second})
	c := r.connect("ann", linear16)
	r.feed(c, 20_000) // no pace
	r.put("ann", moved(policy.Throttle, policy.ByViolation, time.Now()))
	r.feed(c, 24_000) // leases that tell
	sent := atOnce(c, 10*time.Minute)
	st := r.server.Streams.List()[0]
	for before := time.Duration(-1); before != st.Progress().Forwarded; { // held: nothing has passed for a while
		before = st.Progress().Forwarded
		<-time.After(10 * time.Millisecond)
	}
	if got := st.Progress().Forwarded; got > 5*time.Minute {
		t.Errorf("%v have passed", got)
	}
	r.put("ann", policy.State{})
	c.read() // ten minutes of audio would take as long
	<-sent
	if ms := r.heard(1)[0].AudioMS; ms < 624_000 {
		t.Errorf("the vendor heard %d ms", ms)
	}
}

func TestAStreamThatIsHeldBackEndsAtOnce(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.put("ann", moved(policy.Throttle, policy.ByViolation, time.Now()))
	c := r.connect("ann", linear16)
	c.send(1, 30_000) // one message, which passes: the next would wait for 20 s
	c.send(1, 20)
	if ss, err := r.vendor.Begun(t.Context(), 1); err != nil || ss[0] == nil {
		t.Fatal(err)
	}
	began := time.Now()
	r.running().stop(Killed())
	if _, closed := c.read(); closed.Code != 1012 {
		t.Errorf("closed with %v", closed)
	}
	if d := time.Since(began); d > 15*time.Second {
		t.Errorf("after %v", d)
	}
}

func TestAPaceSlowsAnUploadAndLosesNothing(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.put("ann", moved(policy.Throttle, policy.ByViolation, time.Now()))
	body := make([]byte, 32*(paceBurst+2*time.Second).Milliseconds())
	began := time.Now()
	a := r.upload("ann", raw16, bytes.NewReader(body), int64(len(body)))
	a.wants(t, 200, "")
	if d := time.Since(began); d < 900*time.Millisecond { // what has been read last, a second at most, is not waited for
		t.Errorf("2s beyond the burst have passed after %v", d)
	}
	if got := r.uploaded(1)[0]; a.charged() != 12_000 || got.Bytes != int64(len(body)) {
		t.Errorf("%d ms charged, %+v", a.charged(), got)
	}
}
