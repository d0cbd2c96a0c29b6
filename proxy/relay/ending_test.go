package relay

import (
	"strings"
	"testing"
	"time"
)

var quota = Ending{Code: 1008, Reason: "quota"} //nolint:gochecknoglobals // a case

func TestEndWithoutWaitingClosesBothAtOnce(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		e := quota
		e.Farewell = func() [][]byte { return [][]byte{[]byte("error"), []byte("sorry")} }
		r.s.End(e)
		r.client.expect("1:error", "1:sorry", "8:1008 quota")
		r.vendor.expect("8:1000 ")
		r.vendor.close(1000, "")
		r.client.close(1008, "")
		r.client.expect("EOF")
		r.vendor.expect("EOF")
		if got, want := r.wait(), (Result{Owner: true, ClientCode: 1008, VendorCode: 1000}); got != want {
			t.Errorf("result %+v, want %+v", got, want)
		}
	})
}

func TestTheFirstEndWins(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.s.End(quota)
		r.s.End(Ending{Code: 1012, Reason: "later"})
		r.client.expect("8:1008 quota")
	})
}

func TestEndFromInsideAudioKeepsWhatWasApproved(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{finish: nil}
		var s *Stream
		ready := make(chan struct{})
		tp.audio = func(n int64, _, _ bool) Verdict {
			<-ready
			if tp.asked+n <= 6 {
				return Pass
			}
			s.End(Ending{Finish: texts("CloseStream"), Wait: true, Code: 1008, Reason: "quota"})
			return Stop
		}
		r := newRig(t, p, Config{}, tp)
		s = r.s
		close(ready)
		c := r.client
		c.write(c.enc(Binary, true, "aa"), c.enc(Binary, true, "bbbb"), c.enc(Binary, true, "c"), c.enc(Text, true, "Finalize"), c.enc(Binary, true, "d"))
		r.vendor.expect("2:aa", "2:bbbb", "1:CloseStream")
		r.vendor.send(Text, "final")
		r.vendor.close(1000, "")
		r.client.expect("1:final", "8:1008 quota")
		r.client.close(1008, "")
		if got := r.wait(); got.ClientBytes != 6 {
			t.Errorf("forwarded %d bytes, want 6", got.ClientBytes)
		}
	})
}

func TestEndInsideAClientsFrameWaitsForItsEnd(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		f := r.client.enc(Binary, false, "0123456789")
		r.client.write(f[:10])
		waitFor(t, func() bool { return r.peerGot(t, r.vendor, 10) })
		r.s.End(Ending{Finish: texts("CloseStream"), Wait: true, Code: 1008, Reason: "quota"})
		r.client.write(f[10:], r.client.enc(Continuation, true, "not this"))
		r.vendor.expect("2+:0123456789", "0:", "1:CloseStream")
		r.vendor.close(1000, "")
		r.client.expect("8:1008 quota")
	})
}

// peerGot says whether a peer has read n bytes so far.
func (r *rig) peerGot(t *testing.T, e *end, n int) bool {
	t.Helper()
	p := make([]byte, 1024)
	_ = e.c.SetReadDeadline(time.Now().Add(hang))
	got, err := e.c.Read(p)
	must(t, err)
	e.buf = append(e.buf, p[:got]...)
	return len(e.buf) >= n
}

func waitFor(t *testing.T, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hang); !f(); {
		if time.Now().After(deadline) {
			t.Fatal("it never happens")
		}
	}
}

func TestEndWhenTheClientNeverEndsItsFrame(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{CloseTimeout: short}, &tap{})
		f := r.client.enc(Binary, true, "0123456789")
		r.client.write(f[:10])
		waitFor(t, func() bool { return r.peerGot(t, r.vendor, 10) })
		r.s.End(Ending{Finish: texts("CloseStream"), Wait: true, Code: 1008, Reason: "quota"})
		r.client.expect("8:1008 quota")
		r.wait()
	})
}

func TestEndWaitsForTheVendorsMessageAtHand(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		big := r.vendor.enc(Binary, true, strings.Repeat("b", 100))
		r.vendor.write(big[:50])
		waitFor(t, func() bool { return r.peerGot(t, r.client, 50) })
		e := quota
		e.Farewell = func() [][]byte { return [][]byte{[]byte("sorry")} }
		r.s.End(e)
		r.vendor.write(big[50:])
		r.client.expect("2:bbbbbbbb...100", "1:sorry", "8:1008 quota")
	})
}

func TestSilentVendorDoesNotHoldUpTheFarewell(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{FinishTimeout: short}, &tap{})
		e := quota
		e.Finish, e.Wait = texts("CloseStream"), true
		r.s.End(e)
		r.client.expect("8:1008 quota")
		r.vendor.expect("1:CloseStream", "8:1000 ")
		r.client.close(1008, "")
		r.vendor.close(1000, "")
		r.wait()
	})
}

func TestClientCloseDuringAnEndIsNotedAndAnswered(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{}
		r := newRig(t, p, Config{}, tp)
		e := quota
		e.Wait = true
		r.s.End(e)
		r.client.close(1000, "bye")
		r.vendor.send(Text, "final")
		r.client.expect("1:final")
		r.vendor.close(1000, "")
		r.client.expect("8:1008 quota", "EOF")
		if got := r.wait(); got.ClientCode != 1000 || !got.Owner || tp.gone != 0 {
			t.Errorf("result %+v, gone %d", got, tp.gone)
		}
	})
}

func TestVendorLostDuringAnEndStillTellsTheClient(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		e := quota
		e.Wait, e.Finish = true, texts("CloseStream")
		r.s.End(e)
		r.vendor.expect("1:CloseStream")
		r.vendor.c.Close()
		r.client.expect("8:1008 quota")
		r.client.close(1008, "")
		if got := r.wait(); got.VendorCode != 1006 {
			t.Errorf("result %+v", got)
		}
	})
}

func TestClientLostDuringAnEndStillFinishesTheVendor(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.client.c.Close()
		e := quota
		e.Wait, e.Finish = true, texts("CloseStream")
		r.s.End(e)
		// Whoever was first: the vendor is told.
		f, err := r.vendor.next()
		if err != nil || f.op != Text && f.op != Close {
			t.Fatalf("vendor got %v %v", f, err)
		}
		r.vendor.close(1000, "")
		r.wait()
	})
}

func TestAbortEndsEverythingAtOnce(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.client.send(Binary, "a")
		r.vendor.expect("2:a")
		r.s.Abort()
		r.s.Abort()
		if got := r.wait(); !got.Owner {
			t.Errorf("result %+v", got)
		}
		for _, e := range []*end{r.client, r.vendor} {
			if f, err := e.next(); err == nil {
				t.Errorf("%s got %v", e.who(), f)
			}
		}
	})
}

func TestAbortFromInsideATapDoesNotHang(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{}
		ready := make(chan *Stream, 1)
		tp.audio = func(int64, bool, bool) Verdict { (<-ready).Abort(); return Drop }
		r := newRig(t, p, Config{}, tp)
		ready <- r.s
		r.client.send(Binary, "a")
		r.wait()
	})
}

func TestAbortBreaksABlockedWrite(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.fill(Client)
		r.s.Abort()
		r.wait()
	})
}

func TestEndAndAbortBeforeRunAreKept(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := prepare(t, p, Config{}, &tap{})
		r.s.End(quota)
		r.start()
		r.client.expect("8:1008 quota")
		r.vendor.expect("8:1000 ")
		a := prepare(t, p, Config{}, &tap{})
		a.s.Abort()
		a.start()
		a.wait()
	})
}

// A client that never stops sending, and never answers, is left all the same.
func TestAFloodDoesNotKeepAStreamAlive(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for name, begin := range map[string]func(r *rig){
			"end":       func(r *rig) { r.s.End(quota) },
			"violation": func(r *rig) { r.client.write([]byte{0xf0, 0x80}) },
			"vendor":    func(r *rig) { r.vendor.close(1000, "") },
		} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, p, Config{CloseTimeout: short}, &tap{})
				if name == "violation" {
					begin(r)
				}
				flood := make(chan struct{})
				go func() {
					defer close(flood)
					f := []byte(strings.Repeat(string(r.client.enc(Binary, true, "flood")), 1000))
					for {
						if _, err := r.client.c.Write(f); err != nil {
							return
						}
					}
				}()
				vendor := make(chan struct{})
				go func() {
					defer close(vendor)
					for {
						if _, err := r.vendor.next(); err != nil {
							return
						}
						r.vendor.wire.Reset()
					}
				}()
				if name != "violation" {
					begin(r)
				}
				r.wait()
				<-flood
				<-vendor
			})
		}
	})
}

func TestStopFromAVendorTextStopsTheClientOnly(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{}
		tp.vendor = func(msg []byte) ([]byte, Verdict, error) {
			if string(msg) == "stop" {
				return nil, Stop, nil
			}
			return nil, Pass, nil
		}
		r := newRig(t, p, Config{}, tp)
		r.vendor.send(Text, "stop")
		r.vendor.send(Text, "last words")
		r.client.expect("1:last words")
		r.client.send(Binary, "too late")
		r.client.close(1000, "")
		r.vendor.expect("8:1000 ")
	})
}

func TestTextThatIsHalfReadDoesNotFollowTheFinish(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{}
		r := newRig(t, p, Config{}, tp)
		c := r.client
		text := c.enc(Text, true, "Finalize")
		c.write(c.enc(Binary, true, "a"), text[:9])
		r.vendor.expect("2:a")
		r.s.End(Ending{Finish: texts("CloseStream"), Wait: true, Code: 1008, Reason: "quota"})
		r.vendor.expect("1:CloseStream")
		c.write(text[9:], c.closing(1000, ""))
		waitFor(t, func() bool {
			r.s.mu.Lock()
			defer r.s.mu.Unlock()
			return r.s.peer(Client).code == 1000
		})
		r.vendor.close(1000, "")
		r.vendor.expect("8:1000 ", "EOF")
		r.wait()
		if said := tp.said(); len(said) != 0 {
			t.Errorf("tap was asked about %q behind End", said)
		}
	})
}
