package relay

import (
	"errors"
	"testing"
)

func TestMessagesPassBothWaysAsTheyAre(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{}
		r := newRig(t, p, Config{}, tp)
		r.client.send(Binary, "audio")
		r.client.send(Text, `{"type":"KeepAlive"}`)
		r.client.send(Binary, "")
		r.client.send(Ping, "p")
		r.vendor.expect("2:audio", `1:{"type":"KeepAlive"}`, "2:", "9:p")
		r.vendor.send(Text, "result")
		r.vendor.send(Pong, "p")
		r.vendor.send(Binary, "\x00\x01")
		r.client.expect("1:result", "10:p", "2:\x00\x01")
		r.client.close(1000, "bye")
		r.vendor.expect("8:1000 bye")
		r.vendor.close(1000, "bye too")
		r.client.expect("8:1000 bye too", "EOF")
		r.vendor.expect("EOF")
		got := r.wait()
		want := Result{By: Client, ClientCode: 1000, VendorCode: 1000, ClientBytes: 25, VendorBytes: 8}
		if got != want {
			t.Errorf("result %+v, want %+v", got, want)
		}
	})
}

func TestVendorClosePassesAndItsAnswerToo(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.vendor.close(4001, "no more")
		r.client.expect("8:4001 no more")
		r.client.close(3999, "so be it")
		r.vendor.expect("8:3999 so be it", "EOF")
		r.client.expect("EOF")
		if got, want := r.wait(), (Result{By: Vendor, ClientCode: 3999, VendorCode: 4001}); got != want {
			t.Errorf("result %+v, want %+v", got, want)
		}
	})
}

func TestEndFinishesTheVendorAndTellsTheClient(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.client.send(Binary, "audio")
		r.vendor.expect("2:audio")
		r.s.End(Ending{
			Finish: texts("CloseStream"), Wait: true, Code: 1008, Reason: "quota",
			Farewell: func() [][]byte { return [][]byte{[]byte("sorry")} },
		})
		r.vendor.expect("1:CloseStream")
		r.client.send(Binary, "too late")
		r.vendor.send(Text, "last words")
		r.vendor.close(1000, "")
		r.vendor.expect("8:1000 ")
		r.client.expect("1:last words", "1:sorry", "8:1008 quota")
		r.client.close(1008, "quota")
		r.client.expect("EOF")
		r.vendor.expect("EOF")
		if got, want := r.wait(), (Result{Owner: true, ClientCode: 1008, VendorCode: 1000, ClientBytes: 5, VendorBytes: 10}); got != want {
			t.Errorf("result %+v, want %+v", got, want)
		}
	})
}

func TestVendorLostIsToldToTheClient(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.vendor.send(Text, "result")
		r.client.expect("1:result")
		r.vendor.c.Close()
		r.client.expect("8:1011 upstream lost")
		r.client.close(1011, "")
		if got := r.wait(); got.By != Vendor || got.VendorCode != 1006 || !errors.Is(got.Err, ErrLost) {
			t.Errorf("result %+v", got)
		}
	})
}

func TestClientLostIsAPoliteEndAtTheVendor(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{finish: [][]byte{[]byte("CloseStream")}, wait: true}
		r := newRig(t, p, Config{}, tp)
		r.client.c.Close()
		r.vendor.expect("1:CloseStream")
		r.vendor.send(Text, "Metadata")
		r.vendor.close(1000, "")
		r.vendor.expect("8:1000 ", "EOF")
		if got := r.wait(); got.By != Client || got.ClientCode != 1006 || !errors.Is(got.Err, ErrLost) || tp.gone != 1 {
			t.Errorf("result %+v, told %d times", got, tp.gone)
		}
		if said := tp.said(); len(said) != 1 || said[0] != "v:Metadata" {
			t.Errorf("tap heard %q", said)
		}
	})
}
