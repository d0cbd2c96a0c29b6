package relay

import (
	"bytes"
	"errors"
	"io"
	"os"
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
		over := pour(r.client, Binary, strings.Repeat("f", 64<<10)) // until it is told, as a client does
		r.client.expect("8:1011 upstream too slow")
		r.client.c.Close()
		<-over
		if got := r.wait(); !errors.Is(got.Err, ErrSlow) || got.By != Vendor {
			t.Errorf("result %+v", got)
		}
	})
}

func TestSlowClientIsGivenUpAndTheVendorFinished(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{finish: [][]byte{[]byte("CloseStream")}}
		r := newRig(t, p, Config{WriteTimeout: short}, tp)
		over := pour(r.vendor, Binary, strings.Repeat("f", 64<<10))
		r.vendor.expect("1:CloseStream", "8:1001 ")
		r.vendor.c.Close()
		<-over
		if got := r.wait(); !errors.Is(got.Err, ErrSlow) || got.By != Client || tp.gone != 1 {
			t.Errorf("result %+v", got)
		}
	})
}

// A vendor that sleeps and wakes up gets everything that was taken, byte for byte:
// writes that were cut short by a full socket go on where they stopped.
func TestNothingIsLostInABackpressure(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		var in []byte
		for i := range 400 {
			in = append(in, r.client.enc(Binary, true, strings.Repeat(string(rune('a'+i%26)), 50_000+i))...)
		}
		written := make(chan error, 1)
		stuck := make(chan struct{})
		go func() {
			_ = r.client.c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			n, err := r.client.c.Write(in) // more than all sockets on the way hold
			close(stuck)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				_ = r.client.c.SetWriteDeadline(time.Now().Add(hang))
				_, err = r.client.c.Write(in[n:])
			}
			written <- err
		}()
		<-stuck
		got := make([]byte, len(in))
		_ = r.vendor.c.SetReadDeadline(time.Now().Add(hang))
		_, err := io.ReadFull(r.vendor.c, got)
		must(t, err)
		must(t, <-written)
		if !bytes.Equal(got, in) {
			t.Error("other bytes arrived")
		}
	})
}

func TestAStuckClientDoesNotHoldUpAnEnd(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{CloseTimeout: short, FinishTimeout: short, WriteTimeout: time.Hour}, &tap{})
		r.fill(Vendor)
		r.s.End(quota)
		r.wait()
	})
}

func TestAStuckClientDoesNotHoldUpItsOwnClose(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{CloseTimeout: short, FinishTimeout: short, WriteTimeout: time.Hour}, &tap{wait: true})
		r.fill(Vendor)
		r.client.close(1000, "")
		r.wait()
	})
}

func TestAStuckMessageOfOursDoesNotHoldUpTheClose(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{CloseTimeout: short, WriteTimeout: time.Hour}, &tap{})
		text := []byte(strings.Repeat("t", 30_000))
		last := time.Now()
		waitFor(t, func() bool { // a queue that stays full is a socket that takes nothing
			if r.s.Send(Client, Text, text) == nil {
				last = time.Now()
			}
			return time.Since(last) > 50*time.Millisecond
		})
		r.client.close(1000, "")
		r.vendor.expect("8:1000 ")
		r.vendor.close(1000, "")
		r.wait()
	})
}

func TestSendDoesNotWaitForASlowPeer(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		over := pour(r.client, Binary, strings.Repeat("f", 64<<10))
		done := make(chan error, 1)
		go func() {
			var err error
			for err == nil { // the sockets on the way take some
				err = r.s.Send(Vendor, Text, []byte(strings.Repeat("k", 100)))
			}
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, ErrSlow) {
				t.Errorf("to a peer that takes nothing: %v, want ErrSlow", err)
			}
		case <-time.After(hang):
			t.Fatal("Send waits for the network")
		}
		r.client.c.Close()
		<-over
	})
}
