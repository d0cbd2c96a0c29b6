package relay

import (
	"io"
	"runtime"
	"testing"
)

// quiet is a Tap that costs nothing.
type quiet struct{}

func (quiet) Audio(int64, bool, bool) Verdict                    { return Pass }
func (quiet) ClientText([]byte) (r []byte, v Verdict, err error) { return nil, Pass, nil }
func (quiet) VendorText([]byte) (r []byte, v Verdict, err error) { return nil, Pass, nil }
func (quiet) ClientGone() (finish [][]byte, wait bool)           { return nil, false }

// Steady state: a frame costs no allocation, on any path. What crypto/tls allocates
// for a record that it reads is its own, so TLS is held to it towards the vendor.
func TestRelayedFramesCostNoAllocation(t *testing.T) {
	for _, p := range paths {
		for _, c := range []struct {
			name string
			op   Op
			from Side
		}{{"audio", Binary, Client}, {"client text", Text, Client}, {"vendor text", Text, Vendor}, {"vendor binary", Binary, Vendor}} {
			if p.tls && c.from == Vendor {
				continue
			}
			t.Run(p.name+" "+c.name, func(t *testing.T) {
				r := newRig(t, p, Config{}, quiet{})
				from, to := r.client, r.vendor
				if c.from == Vendor {
					from, to = to, from
				}
				f := from.enc(c.op, true, string(make([]byte, 640)))
				got := make([]byte, len(f))
				step := func() {
					if _, err := from.c.Write(f); err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadFull(to.c, got); err != nil {
						t.Fatal(err)
					}
				}
				for range 100 {
					step()
				}
				base := 0.0
				if p.tls {
					base = tlsOwn(t, len(f))
					if poolForgets {
						base += 2
					}
				}
				if n := testing.AllocsPerRun(2000, step); n > base {
					t.Errorf("%v allocations per frame, %v of them the test's own TLS server's", n, base)
				}
			})
		}
	}
}

// tlsOwn is what the far end of a test allocates for a record that it reads.
func tlsOwn(t *testing.T, n int) float64 {
	t.Helper()
	here, there := pair(t)
	a, b := tlsPair(t, here, there)
	defer a.Close()
	defer b.Close()
	out, in := make([]byte, n), make([]byte, n)
	return testing.AllocsPerRun(1000, func() {
		_, err := a.Write(out)
		must(t, err)
		_, err = io.ReadFull(b, in)
		must(t, err)
	})
}

// After traffic, parked streams hold no 16 KiB buffers, over TLS neither.
func TestIdleStreamsHoldNoBuffers(t *testing.T) {
	const streams = 100
	for _, p := range paths {
		if !p.engine {
			continue // documented: it reads with an ordinary Read
		}
		t.Run(p.name, func(t *testing.T) {
			rigs := make([]*rig, streams)
			for i := range rigs {
				rigs[i] = prepare(t, p, Config{}, quiet{})
			}
			before := heap()
			for _, r := range rigs {
				r.start()
				r.client.send(Binary, "audio")
				r.vendor.send(Text, "words")
				r.vendor.expect("2:audio")
				r.client.expect("1:words")
				r.client.buf, r.vendor.buf = nil, nil
				r.client.wire.Reset()
				r.vendor.wire.Reset()
			}
			var per int64
			waitFor(t, func() bool {
				per = (heap() - before) / streams
				return per < 8<<10
			})
			t.Logf("%d bytes of heap per idle stream", per)
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // the pools keep their content for one collection
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A 1 MiB message of many fragments streams through: what it costs in memory is
// not a part of what passes.
func TestLongFragmentedMessagesAreNotBuffered(t *testing.T) {
	for _, p := range paths {
		for _, from := range []Side{Client, Vendor} {
			t.Run(p.name+" "+from.String(), func(t *testing.T) {
				r := newRig(t, p, Config{}, quiet{})
				a, b := r.client, r.vendor
				if from == Vendor {
					a, b = b, a
				}
				op := Binary
				if from == Vendor {
					op = Text // too long to be gathered: it passes unread
				}
				piece := string(make([]byte, 16<<10))
				in := a.enc(op, false, piece)
				for range 62 {
					in = append(in, a.enc(Continuation, false, piece)...)
				}
				in = append(in, a.enc(Continuation, true, piece)...)
				out := make([]byte, len(in))
				step := func() {
					done := make(chan error, 1)
					go func() {
						_, err := a.c.Write(in)
						done <- err
					}()
					_, err := io.ReadFull(b.c, out)
					must(t, err)
					must(t, <-done)
				}
				step()
				var m0, m1 runtime.MemStats
				runtime.ReadMemStats(&m0)
				for range 16 {
					step()
				}
				runtime.ReadMemStats(&m1)
				limit := uint64(4 << 20)
				if poolForgets {
					limit = 16 << 20 // gathering would take several times what passes
				}
				if n := m1.TotalAlloc - m0.TotalAlloc; n > limit {
					t.Errorf("16 MiB relayed cost %d KiB of allocations", n>>10)
				}
			})
		}
	}
}
