package relay

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// short is a timeout that a case waits for. What is still said before it is over, on a busy machine, needs some time too.
const short = 300 * time.Millisecond

func TestLegalCloseCodesPassBothWays(t *testing.T) {
	codes := []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}
	eachPath(t, func(t *testing.T, p path) {
		for _, from := range []Side{Client, Vendor} {
			for _, code := range codes {
				t.Run(fmt.Sprintf("%v %d", from, code), func(t *testing.T) {
					t.Parallel()
					r := newRig(t, p, Config{}, &tap{})
					a, b := r.client, r.vendor
					if from == Vendor {
						a, b = b, a
					}
					reason := strings.Repeat("ä", 61) + "!"
					a.close(code, reason)
					f, err := b.next()
					must(t, err)
					if want := fmt.Sprintf("8:%d %s", code, reason); "8:"+fmt.Sprint(code)+" "+f.payload[2:] != want {
						t.Errorf("passed %q", f.payload)
					}
					b.close(code, "")
					a.expect(fmt.Sprintf("8:%d ", code), "EOF")
					got := r.wait()
					if want := (Result{By: from, ClientCode: code, VendorCode: code}); got != want {
						t.Errorf("result %+v, want %+v", got, want)
					}
				})
			}
		}
	})
}

func TestEmptyClosePassesEmpty(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.client.send(Close, "")
		r.vendor.expect("8:")
		r.vendor.send(Close, "")
		r.client.expect("8:", "EOF")
		if got, want := r.wait(), (Result{By: Client, ClientCode: 1005, VendorCode: 1005}); got != want {
			t.Errorf("result %+v, want %+v", got, want)
		}
	})
}

func TestNothingPassesBehindAClose(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{}
		r := newRig(t, p, Config{}, tp)
		c := r.client
		c.write(c.enc(Binary, true, "a"), c.closing(1000, "one"), c.enc(Binary, true, "b"), c.enc(Ping, true, "p"), c.closing(1001, "two"))
		r.vendor.expect("2:a", "8:1000 one")
		r.vendor.close(1000, "")
		r.vendor.expect("EOF")
		c.expect("8:1000 ", "EOF")
		r.wait()
		if tp.asked != 1 {
			t.Errorf("asked about %d bytes, want 1", tp.asked)
		}
	})
}

func TestCloseInsideAFragmentedMessagePasses(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for _, from := range []Side{Client, Vendor} {
			r := newRig(t, p, Config{}, &tap{})
			a, b := r.client, r.vendor
			if from == Vendor {
				a, b = b, a
			}
			a.write(a.enc(Binary, false, "half"), a.closing(1000, ""))
			b.expect("2+:half", "8:1000 ")
			b.close(1000, "")
			a.expect("8:1000 ", "EOF")
			r.wait()
		}
	})
}

func TestBothClosingAtOnce(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for range 20 {
			r := newRig(t, p, Config{}, &tap{})
			go r.client.close(1000, "client")
			r.vendor.close(1001, "vendor")
			r.vendor.expect("8:1000 client", "EOF")
			r.client.expect("8:1001 vendor", "EOF")
			if got := r.wait(); got.ClientCode != 1000 || got.VendorCode != 1001 || got.Err != nil {
				t.Errorf("result %+v", got)
			}
		}
	})
}

func TestVendorCloseWhileAClientMessageIsHalfRead(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		begun := make(chan struct{})
		r := newRig(t, p, Config{}, &tap{audio: func(int64, bool, bool) Verdict { close(begun); return Pass }})
		audio := r.client.enc(Binary, true, "0123456789")
		r.client.write(audio[:9])
		<-begun
		r.vendor.close(1011, "NET-0001")
		r.client.expect("8:1011 NET-0001")
		r.client.write(audio[9:], r.client.closing(1011, ""))
		r.vendor.expect("2:0123456789", "8:1011 ", "EOF")
		r.wait()
	})
}

// The client has said Close, the vendor still owes its final words: they arrive,
// then the vendor's Close as the answer.
func TestHeldCloseLetsTheLastWordsArrive(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{finish: [][]byte{[]byte("CloseStream")}, wait: true})
		r.client.send(Binary, "audio")
		r.client.close(1000, "bye")
		r.vendor.expect("2:audio", "1:CloseStream")
		r.vendor.send(Text, "final")
		r.vendor.send(Text, "Metadata")
		r.client.expect("1:final", "1:Metadata")
		r.vendor.close(1000, "done")
		r.client.expect("8:1000 done", "EOF")
		r.vendor.expect("8:1000 done", "EOF")
		got := r.wait()
		want := Result{By: Client, ClientCode: 1000, VendorCode: 1000, ClientBytes: 5, VendorBytes: 13}
		if got != want {
			t.Errorf("result %+v, want %+v", got, want)
		}
	})
}

func TestHeldCloseEndsAMessageThatWasBegun(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{finish: [][]byte{[]byte("CloseStream")}, wait: true})
		r.client.write(r.client.enc(Binary, false, "half"), r.client.closing(1000, ""))
		r.vendor.expect("2+:half", "0:", "1:CloseStream")
		r.vendor.close(1000, "")
		r.client.expect("8:1000 ")
	})
}

func TestSilentVendorGetsTheHeldCloseAfterTheFinishTimeout(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{finish: [][]byte{[]byte("CloseStream")}, wait: true}
		r := newRig(t, p, Config{FinishTimeout: short}, tp)
		r.client.close(1000, "bye")
		r.vendor.expect("1:CloseStream", "8:1000 bye")
		r.client.expect("8:1000 bye")
		r.vendor.close(1000, "late")
		if got := r.wait(); got.VendorCode != 1000 || got.Err != nil {
			t.Errorf("result %+v", got)
		}
	})
}

func TestDeafVendorIsLeftAfterTheCloseTimeout(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{CloseTimeout: short}, &tap{})
		r.client.close(1000, "bye")
		r.vendor.expect("8:1000 bye")
		r.client.expect("8:1000 bye", "EOF")
		r.vendor.expect("EOF")
		if got := r.wait(); got.VendorCode != 0 {
			t.Errorf("result %+v", got)
		}
	})
}

func TestDeafClientIsLeftAfterTheCloseTimeout(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{CloseTimeout: short}, &tap{})
		r.vendor.close(4005, "quota")
		r.client.expect("8:4005 quota", "EOF")
		r.vendor.expect("8:4005 quota", "EOF")
		if got, want := r.wait(), (Result{By: Vendor, VendorCode: 4005}); got != want {
			t.Errorf("result %+v, want %+v", got, want)
		}
	})
}

func TestClientThatHangsUpInsteadOfAnsweringIsAnsweredForIt(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.vendor.close(4001, "no")
		r.client.expect("8:4001 no")
		r.client.c.Close()
		r.vendor.expect("8:4001 no", "EOF")
	})
}

func TestHalfCloseBehindACloseIsNormal(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{wait: true})
		r.client.close(1000, "")
		must(t, r.client.c.(interface{ CloseWrite() error }).CloseWrite())
		r.vendor.send(Text, "final")
		r.vendor.close(1000, "")
		r.client.expect("1:final", "8:1000 ", "EOF")
		if got := r.wait(); got.Err != nil || got.ClientCode != 1000 {
			t.Errorf("result %+v", got)
		}
	})
}

func TestClientGoneWithoutWaitClosesTheVendor(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.client.c.Close()
		r.vendor.expect("8:1001 ")
		r.vendor.close(1001, "")
		r.vendor.expect("EOF")
		if got := r.wait(); got.ClientCode != 1006 || got.VendorCode != 1001 {
			t.Errorf("result %+v", got)
		}
	})
}

func TestFinBehindHalfAHeaderIsAGoneClient(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.client.write(r.client.enc(Binary, true, "audio"), []byte{0x82, 0xfe, 0x01})
		r.client.c.Close()
		r.vendor.expect("2:audio", "8:1001 ")
	})
}

// Nothing can be said inside a frame: the other socket is cut.
func TestEndInsideAFrameCutsTheOtherPeer(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for _, from := range []Side{Client, Vendor} {
			r := newRig(t, p, Config{}, &tap{finish: [][]byte{[]byte("CloseStream")}, wait: true})
			a, b := r.client, r.vendor
			if from == Vendor {
				a, b = b, a
			}
			f := a.enc(Binary, true, "0123456789")
			a.write(f[:len(f)-3])
			a.c.Close()
			if got, err := b.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s got %v %v, want a cut inside the frame", b.who(), got, err)
			}
			if got := r.wait(); got.By != from || !errors.Is(got.Err, ErrLost) {
				t.Errorf("result %+v", got)
			}
		}
	})
}

func TestVendorLostBehindThePoliteEndIsNotSilent(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{finish: [][]byte{[]byte("CloseStream")}, wait: true})
		r.client.close(1000, "bye")
		r.vendor.expect("1:CloseStream")
		r.vendor.c.Close()
		r.client.expect("8:1000 bye", "EOF")
		if got := r.wait(); !errors.Is(got.Err, ErrLost) || got.By != Client {
			t.Errorf("result %+v", got)
		}
	})
}

func TestReasonIsCutOnARune(t *testing.T) {
	for _, s := range []string{strings.Repeat("ä", 62), "x" + strings.Repeat("ä", 62), strings.Repeat("日本", 40), strings.Repeat("a", 124), "a\xffb"} {
		got := cutReason(s)
		if len(got) > 123 || len(got) < min(len(s), 120) || !utf8.ValidString(got) {
			t.Errorf("cutReason(%d bytes) = %d bytes %q", len(s), len(got), got)
		}
	}
}

func TestCodesThatAreNeverOnTheWire(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for code, want := range map[int]string{0: "8:1011 r", 1004: "8:1011 r", 1005: "8:", 1006: "8:1011 r", 1015: "8:1011 r", 70000: "8:1011 r"} {
			r := newRig(t, p, Config{}, &tap{})
			r.s.End(Ending{Code: code, Reason: "r"})
			r.client.expect(want)
		}
	})
}
