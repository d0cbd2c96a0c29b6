package relay

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzStream plays any bytes of both peers against a whole stream, with an owner
// that ticks, sends, ends or aborts at any time. The bubble's clock makes hours cheap and
// a hang a failure. Both peers must have got whole valid frames, one Close at most and
// nothing behind it, and a stream that was ended must end by itself.
func FuzzStream(f *testing.F) {
	c, v := &end{masked: true}, &end{}
	talk := func(e *end) []byte {
		return cat(e.enc(Text, true, "cut"), e.enc(Binary, false, "ab"), e.enc(Ping, true, "p"), e.enc(Continuation, true, "cd"))
	}
	for plan := range uint16(64) {
		f.Add(talk(c), talk(v), plan*1021)
		f.Add(cat(talk(c), c.closing(1000, "bye")), cat(talk(v), v.closing(1000, "done")), plan*1021)
		f.Add(talk(c)[:9], talk(v)[:7], plan*1021)
		f.Add(c.enc(Binary, false, "half"), v.enc(Text, false, "half"), plan*1021)
		f.Add(cat(talk(c), c.raw(0x83, "")), talk(v), plan*1021)
		f.Add(talk(c), cat(talk(v), v.raw(0x83, "")), plan*1021)
	}
	f.Fuzz(func(t *testing.T, client, vendor []byte, plan uint16) {
		synctest.Test(t, func(t *testing.T) { playStream(t, client, vendor, plan) })
	})
}

func playStream(t *testing.T, client, vendor []byte, plan uint16) {
	bit := func(n int) bool { return plan>>n&1 != 0 }
	tp := &tap{client: edit, vendor: edit, wait: bit(0)}
	if bit(1) {
		tp.finish = [][]byte{[]byte("finish")}
	}
	tp.audio = func(n int64, _, _ bool) Verdict {
		if bit(2) && n%5 == 4 {
			return Drop
		}
		return Pass
	}
	clientHere, clientThere := net.Pipe()
	vendorHere, vendorThere := net.Pipe()
	s := New(Config{MaxMessage: 4 << 10, MaxText: 1 << 10}, clientHere, vendorHere, nil, tp)
	done := make(chan Result, 1)
	go func() { done <- s.Run() }()

	toClient := act(clientThere, client, int(plan>>4&7)+1, bit(7))
	toVendor := act(vendorThere, vendor, int(plan>>8&7)+1, bit(11))
	if bit(12) {
		_ = s.Send(Client, Text, []byte("ours"))
		_ = s.Send(Vendor, Ping, []byte("ours"))
	}
	<-time.After(time.Duration(plan>>13&3) * time.Millisecond) // a bubble's time
	if bit(15) {
		s.End(Ending{Code: 1008, Wait: bit(3), Finish: texts("finish"), Farewell: func() [][]byte { return [][]byte{[]byte("sorry")} }})
	}
	// Silence ends whatever has not ended: two peers that only listen answer no ping.
	for range 200 {
		<-time.After(time.Second) // a bubble's time
		s.Tick(time.Now())
	}
	select {
	case <-done:
	default:
		s.Abort()
		<-done
		t.Fatal("the stream does not end by itself")
	}
	_ = clientThere.Close()
	_ = vendorThere.Close()
	checkPeer(t, <-toClient, false)
	checkPeer(t, <-toVendor, true)
}

// act writes in chunks, and reads everything, as a peer; it hangs up behind its
// bytes or stays.
func act(c net.Conn, in []byte, chunk int, hangUp bool) <-chan []byte {
	read := make(chan []byte, 1)
	go func() {
		got, _ := io.ReadAll(c)
		read <- got
	}()
	go func() {
		for b := in; len(b) > 0; {
			n := min(chunk, len(b))
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
			b = b[n:]
		}
		if hangUp {
			_ = c.Close()
		}
	}()
	return read
}

func checkPeer(t *testing.T, got []byte, masked bool) {
	t.Helper()
	inMsg := false
	for b := got; len(b) > 0; {
		h, err := parse(b, masked)
		if err != nil {
			t.Fatalf("not frames: %v in % x", err, got)
		}
		if h.size == 0 || int64(len(b)-h.size) < h.n {
			return // cut: nothing follows, or it would have been read
		}
		payload := bytes.Clone(b[h.size : h.size+int(h.n)])
		b = b[h.size+int(h.n):]
		if masked {
			xor(payload, h.mask)
		}
		switch {
		case h.op == Close:
			if _, err := readClosing(payload); err != nil || len(b) > 0 {
				t.Fatalf("close %q %v, followed by % x", payload, err, b)
			}
		case h.op > Close:
		case (h.op == Continuation) != inMsg:
			t.Fatalf("fragments out of order in % x", got)
		default:
			inMsg = !h.fin
		}
	}
}
