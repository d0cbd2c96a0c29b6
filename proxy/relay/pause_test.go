package relay

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pausing holds back the first frame for d; paused tells what Pause said, and begun that it is about to be asked.
func pausing(d time.Duration) (tp *tap, of **rig, begun chan struct{}, paused chan bool) {
	var r *rig
	begun, paused = make(chan struct{}), make(chan bool, 1)
	first := true
	tp = &tap{audio: func(int64, bool, bool) Verdict {
		if !first {
			return Pass
		}
		first = false
		close(begun)
		open := r.s.Pause(Client, d)
		paused <- open
		if !open {
			return Stop
		}
		return Pass
	}}
	return tp, &r, begun, paused
}

func TestAPausedStreamLosesNothingAndTheOtherDirectionGoesOn(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp, of, begun, paused := pausing(short)
		*of = prepare(t, p, Config{}, tp)
		r := *of
		r.start()
		r.client.send(Binary, "one")
		<-begun
		r.client.send(Binary, "two")
		r.vendor.send(Text, "result")
		r.client.expect("1:result")
		r.vendor.expect("2:one", "2:two")
		if !<-paused {
			t.Error("the stream was over")
		}
	})
}

func TestAPauseEndsWithItsStream(t *testing.T) {
	for name, end := range map[string]func(r *rig){
		"the owner ends it":  func(r *rig) { r.s.End(quota) },
		"the owner cuts it":  func(r *rig) { r.s.Abort() },
		"the vendor closes":  func(r *rig) { r.vendor.close(1000, "") },
		"the vendor is lost": func(r *rig) { reset(r.vendor.c); r.vendor.c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			eachPath(t, func(t *testing.T, p path) {
				tp, of, begun, paused := pausing(time.Hour)
				*of = prepare(t, p, Config{CloseTimeout: short, FinishTimeout: short}, tp)
				r := *of
				r.start()
				r.client.send(Binary, "held")
				<-begun
				end(r)
				if <-paused {
					t.Error("the stream was still open")
				}
				r.wait()
			})
		})
	}
}

func TestAPauseInABubbleLastsAsLongAsItWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clientHere, clientThere := net.Pipe()
		vendorHere, vendorThere := net.Pipe()
		client, vendor := newEnd(t, clientThere, true), newEnd(t, vendorThere, false)
		var s *Stream
		s = New(Config{}, clientHere, vendorHere, nil, &tap{audio: func(int64, bool, bool) Verdict {
			if !s.Pause(Client, 3*time.Second) || !s.Pause(Client, 0) {
				t.Error("the stream was over")
			}
			return Pass
		}})
		done := make(chan Result, 1)
		go func() { done <- s.Run() }()
		began := time.Now()
		client.send(Binary, "held")
		vendor.expect("2:held")
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("held for %v", d)
		}
		s.Abort()
		<-done
		if s.Pause(Client, 0) || s.Pause(Client, time.Hour) {
			t.Error("a pause behind the end")
		}
		clientThere.Close()
		vendorThere.Close()
	})
}
