package relay

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
)

// texts is a Finish of one message.
func texts(text string) func() [][]byte { return func() [][]byte { return [][]byte{[]byte(text)} } }

func TestWhatATapInsertsLeavesBehindWhatHasPassed(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		var s *Stream
		tp := &tap{}
		ready := make(chan struct{})
		insert := func(from Side) func(msg []byte) ([]byte, Verdict, error) {
			return func(msg []byte) ([]byte, Verdict, error) {
				<-ready
				switch string(msg) {
				case "held":
					s.Insert(from, [][]byte{[]byte("one"), []byte("two")})
					return nil, Drop, nil
				case "kept":
					s.Insert(from, [][]byte{[]byte("three")})
					return []byte("KEPT"), Pass, nil
				}
				return nil, Pass, nil
			}
		}
		tp.client, tp.vendor = insert(Client), insert(Vendor)
		r := newRig(t, p, Config{}, tp)
		s = r.s
		close(ready)
		for _, e := range []*end{r.client, r.vendor} {
			other := r.vendor
			if e == r.vendor {
				other = r.client
			}
			// All in one read: what a Send from inside the Tap would overtake.
			e.write(e.enc(Text, true, "a"), e.enc(Binary, true, "b"), e.enc(Text, true, "held"), e.enc(Text, true, "c"),
				e.enc(Text, false, "ke"), e.enc(Ping, true, ""), e.enc(Continuation, true, "pt"), e.enc(Text, true, "d"))
			other.expect("1:a", "2:b", "1:one", "1:two", "1:c", "9:", "1:three", "1:KEPT", "1:d")
		}
	})
}

func TestFinishIsAskedWhenNothingPassesAnyMore(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		var s *Stream
		var passed atomic.Int64
		ready := make(chan struct{})
		tp := &tap{audio: func(n int64, _, _ bool) Verdict {
			<-ready
			if n == 4 { // the owner ends the stream while the Tap decides
				s.End(Ending{Finish: func() [][]byte { return [][]byte{fmt.Appendf(nil, "%d", passed.Load())} }, Wait: true, Code: 1012})
			}
			passed.Add(1)
			return Pass
		}}
		r := newRig(t, p, Config{}, tp)
		s = r.s
		close(ready)
		c := r.client
		c.write(c.enc(Binary, true, "a"), c.enc(Binary, true, "last"), c.enc(Binary, true, "b"))
		r.vendor.expect("2:a", "2:last", "1:2")
	})
}

func TestAPanicInFinishStillEndsTheStream(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{CloseTimeout: short}, &tap{})
		r.s.End(Ending{Finish: func() [][]byte { panic("here") }, Code: 1012})
		r.client.expect("8:1012 ")
		if got := r.wait(); !isPanic(got.Err) {
			t.Errorf("ended with %v", got.Err)
		}
	})
}

func TestTheVendorsLastWordNeedsNoClose(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		var s *Stream
		tp := &tap{vendor: func(msg []byte) ([]byte, Verdict, error) {
			s.Enough() // an open stream is left alone
			if slices.Equal(msg, []byte("the end")) {
				return nil, Drop, nil
			}
			return nil, Pass, nil
		}}
		r := prepare(t, p, Config{}, tp)
		s = r.s
		r.start()
		r.vendor.send(Text, "open")
		r.client.expect("1:open")
		r.s.End(Ending{Finish: texts("bye"), Wait: true, Code: 1008, Reason: "quota", Farewell: texts("sorry")})
		r.vendor.expect("1:bye")
		r.vendor.send(Text, "the end")
		// FinishTimeout is a hang here: without Enough this would wait for it.
		r.client.expect("1:sorry", "8:1008 quota")
		r.vendor.expect("8:1000 ")
	})
}
