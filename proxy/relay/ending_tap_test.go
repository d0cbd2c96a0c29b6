package relay

import (
	"errors"
	"strings"
	"testing"
)

func TestTapErrorsEndTheStream(t *testing.T) {
	boom := errors.New("boom")
	eachPath(t, func(t *testing.T, p path) {
		t.Run("client", func(t *testing.T) {
			tp := &tap{finish: [][]byte{[]byte("CloseStream")}}
			tp.client = func([]byte) ([]byte, Verdict, error) { return nil, Pass, boom }
			r := newRig(t, p, Config{}, tp)
			c := r.client
			c.write(c.enc(Binary, true, "a"), c.enc(Text, true, "?"), c.enc(Binary, true, "b"))
			r.vendor.expect("2:a", "1:CloseStream", "8:1000 ")
			c.expect("8:1008 message not understood")
			c.close(1008, "")
			r.vendor.close(1000, "")
			if got := r.wait(); !errors.Is(got.Err, boom) || got.Owner || got.By != Client || got.ClientCode != 1008 {
				t.Errorf("result %+v", got)
			}
		})
		t.Run("vendor", func(t *testing.T) {
			tp := &tap{}
			tp.vendor = func([]byte) ([]byte, Verdict, error) { return nil, Pass, boom }
			r := newRig(t, p, Config{}, tp)
			r.vendor.send(Text, "?")
			r.client.expect("8:1011 upstream message not understood")
			r.vendor.expect("8:1000 ")
			r.client.close(1011, "")
			r.vendor.close(1000, "")
			if got := r.wait(); !errors.Is(got.Err, boom) || got.Owner || got.By != Vendor {
				t.Errorf("result %+v", got)
			}
		})
	})
}

func TestAPanicEndsOneStream(t *testing.T) {
	panicText := func([]byte) ([]byte, Verdict, error) { panic("oops") }
	cases := map[string]struct {
		tap  *tap
		from Side
		op   Op
	}{
		"audio":       {&tap{audio: func(int64, bool, bool) Verdict { panic("oops") }}, Client, Binary},
		"client text": {&tap{client: panicText}, Client, Text},
		"vendor text": {&tap{vendor: panicText}, Vendor, Text},
	}
	eachPath(t, func(t *testing.T, p path) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				tp := &tap{audio: c.tap.audio, client: c.tap.client, vendor: c.tap.vendor}
				r := newRig(t, p, Config{CloseTimeout: short}, tp)
				from := r.client
				if c.from == Vendor {
					from = r.vendor
				}
				from.send(c.op, "x")
				r.client.expect("8:1011 internal error")
				r.vendor.expect("8:1000 ")
				got := r.wait()
				var pe *PanicError
				if !errors.As(got.Err, &pe) || pe.Value != "oops" || !strings.Contains(string(pe.Stack), "ending_tap_test.go") {
					t.Errorf("result %+v", got)
				}
			})
		}
		t.Run("client gone", func(t *testing.T) {
			tp := &tap{goneHook: func() { panic("oops") }}
			r := newRig(t, p, Config{}, tp)
			r.client.close(1000, "")
			r.vendor.expect("8:1000 ")
			r.vendor.close(1000, "")
			r.client.expect("8:1000 ")
			if got := r.wait(); !isPanic(got.Err) {
				t.Errorf("result %+v", got)
			}
		})
		t.Run("farewell", func(t *testing.T) {
			r := newRig(t, p, Config{}, &tap{})
			e := quota
			e.Farewell = func() [][]byte { panic("oops") }
			r.s.End(e)
			r.client.expect("8:1008 quota")
			r.client.close(1008, "")
			r.vendor.close(1000, "")
			if got := r.wait(); !isPanic(got.Err) {
				t.Errorf("result %+v", got)
			}
		})
	})
}

// mourner is a tap with words for a lost vendor's client.
type mourner struct{ *tap }

func (mourner) VendorGone() ([][]byte, int, string) {
	return [][]byte{[]byte("sorry")}, 4013, "job_error"
}

func TestALostVendorsClientIsToldInTheOwnersWords(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, mourner{&tap{}})
		r.vendor.send(Text, "result")
		r.client.expect("1:result")
		r.vendor.c.Close()
		r.client.expect("1:sorry", "8:4013 job_error")
		r.client.close(4013, "")
		if got := r.wait(); got.By != Vendor || got.VendorCode != 1006 || !errors.Is(got.Err, ErrLost) {
			t.Errorf("result %+v", got)
		}
	})
}

func TestNothingIsSaidInsideALostVendorsMessage(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, mourner{&tap{}})
		r.vendor.write(r.vendor.enc(Binary, false, "half a"))
		r.client.expect("2+:half a")
		r.vendor.c.Close()
		r.client.expect("8:4013 job_error")
		r.client.close(4013, "")
		r.wait()
	})
}
