package relay

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// fill makes a side write until its peer's socket takes nothing any more; the far end
// never reads.
func (r *rig) fill(from Side) {
	r.t.Helper()
	e := r.client
	if from == Vendor {
		e = r.vendor
	}
	f := e.enc(Binary, true, strings.Repeat("f", 64<<10))
	_ = e.c.SetWriteDeadline(time.Now().Add(hang))
	for range 100000 {
		_ = e.c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := e.c.Write(f); err != nil {
			return // backpressure has come all the way
		}
	}
	r.t.Error("no backpressure: somebody buffers without end")
}

func TestSlowVendorIsGivenUp(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{WriteTimeout: short}, &tap{})
		writer := make(chan struct{})
		go func() { // goes on until it is told, as a client does
			defer close(writer)
			f := r.client.enc(Binary, true, strings.Repeat("f", 64<<10))
			for {
				if _, err := r.client.c.Write(f); err != nil {
					return
				}
			}
		}()
		r.client.expect("8:1011 upstream too slow")
		r.client.c.Close()
		<-writer
		if got := r.wait(); !errors.Is(got.Err, ErrSlow) || got.By != Vendor {
			t.Errorf("result %+v", got)
		}
	})
}

func TestSlowClientIsGivenUpAndTheVendorFinished(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{finish: [][]byte{[]byte("CloseStream")}}
		r := newRig(t, p, Config{WriteTimeout: short, CloseTimeout: short}, tp)
		r.fill(Vendor)
		r.vendor.expect("1:CloseStream", "8:1001 ")
		if got := r.wait(); !errors.Is(got.Err, ErrSlow) || got.By != Client || tp.gone != 1 {
			t.Errorf("result %+v", got)
		}
	})
}

func TestASlowReaderThatReadsIsNotGivenUp(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.fill(Client)
		// The vendor wakes up: everything that was taken arrives, in order.
		for range 8 {
			r.vendor.expect("2:ffffffff...65536")
		}
	})
}

func TestSendDoesNotWaitForASlowPeer(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.fill(Client)
		done := make(chan error, 1)
		go func() {
			var err error
			for range 2000 {
				if err = r.s.Send(Vendor, Text, []byte(strings.Repeat("k", 100))); err != nil {
					break
				}
			}
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, ErrSlow) {
				t.Errorf("200 kB to a peer that takes nothing: %v, want ErrSlow", err)
			}
		case <-time.After(hang):
			t.Fatal("Send waits for the network")
		}
	})
}
