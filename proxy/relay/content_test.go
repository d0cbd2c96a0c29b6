package relay

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func (t *tap) Payload(p []byte, first, last bool) Verdict {
	t.mu.Lock()
	t.shown = append(t.shown, fmt.Sprint(string(p), " ", first, last))
	t.mu.Unlock()
	if t.payload != nil {
		return t.payload(p, first, last)
	}
	return Pass
}

// always answers every frame alike.
func always(v Verdict) func(int64, bool, bool) Verdict {
	return func(int64, bool, bool) Verdict { return v }
}

func TestWhatIsShownIsWhatPasses(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for _, chunk := range []int{1, 5, 1 << 20} {
			t.Run(fmt.Sprint(chunk), func(t *testing.T) {
				tp := &tap{audio: always(Show)}
				r := newRig(t, p, Config{}, tp)
				c := r.client
				in := cat(
					c.enc(Binary, true, "whole"), c.enc(Ping, true, "p"), c.enc(Binary, false, "ab"), c.enc(Ping, true, "q"),
					c.enc(Continuation, false, ""), c.enc(Continuation, true, "c"), c.enc(Text, true, "t"), c.enc(Binary, true, "e"),
				)
				for i := 0; i < len(in); i += chunk {
					c.write(in[i:min(i+chunk, len(in))])
				}
				r.vendor.expect("2:whole", "9:p", "2+:ab", "9:q", "0+:", "0:c", "1:t", "2:e")
				r.s.Abort()
				if got := r.wait(); got.ClientBytes != 10 {
					t.Errorf("forwarded %d bytes, want 10", got.ClientBytes)
				}
				want := []string{"whole true true", "ab true false", " false false", "c false true", "e true true"}
				if !slices.Equal(tp.shown, want) {
					t.Errorf("shown %q, want %q", tp.shown, want)
				}
			})
		}
	})
}

func TestTheBytesOfAShownFramePassUnchanged(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{audio: always(Show)}
		r := newRig(t, p, Config{}, tp)
		var in []byte
		for i := range 40 {
			in = append(in, r.client.enc(Binary, true, strings.Repeat("x", i*977))...)
		}
		got := make(chan []byte)
		go func() {
			all := make([]byte, len(in))
			for at := 0; at < len(all); {
				n, err := r.vendor.c.Read(all[at:])
				if at += n; err != nil {
					break
				}
			}
			got <- all
		}()
		r.client.write(in)
		if !bytes.Equal(<-got, in) {
			t.Error("other bytes arrived")
		}
		r.s.Abort()
		r.wait()
	})
}

// message reads one message of the vendor's, whatever its fragments.
func message(t *testing.T, e *end) string {
	t.Helper()
	var b strings.Builder
	for {
		f, err := e.next()
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(f.payload)
		if f.fin {
			return b.String()
		}
	}
}

func TestALargeFrameIsShownInPiecesAndStaysOneMessage(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		var seen strings.Builder
		tp := &tap{audio: always(Show)}
		tp.payload = func(p []byte, _, _ bool) Verdict {
			seen.Write(p)
			return Pass
		}
		r := newRig(t, p, Config{}, tp)
		big := make([]byte, 300_001)
		for i := range big {
			big[i] = byte(rand.IntN(256))
		}
		go r.client.write(r.client.enc(Binary, false, string(big)), r.client.enc(Continuation, true, "end"), r.client.enc(Binary, true, "next"))
		if got := message(t, r.vendor); got != string(big)+"end" {
			t.Errorf("%d other bytes arrived", len(got))
		}
		r.vendor.expect("2:next")
		r.s.Abort()
		r.wait()
		if seen.String() != string(big)+"endnext" {
			t.Error("other bytes were shown")
		}
	})
}

func TestARefusedPieceEndsItsMessageAtTheVendor(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		seen := 0
		tp := &tap{audio: always(Show)}
		tp.payload = func(p []byte, _, _ bool) Verdict {
			if seen += len(p); len(p) > 100 && seen > 100_000 {
				return Drop
			}
			return Pass
		}
		r := newRig(t, p, Config{}, tp)
		go r.client.write(r.client.enc(Binary, true, strings.Repeat("x", 300_000)), r.client.enc(Binary, true, "next"))
		if got := message(t, r.vendor); len(got) > 100_000 {
			t.Errorf("%d bytes passed", len(got))
		}
		r.vendor.expect("2:next")
		r.s.Abort()
		r.wait()
	})
}

func TestARefusedPieceLeavesRoomForACleanEnd(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		seen := 0
		tp := &tap{audio: always(Show)}
		r := prepare(t, p, Config{CloseTimeout: short, FinishTimeout: short}, tp)
		tp.payload = func(p []byte, _, _ bool) Verdict {
			if seen += len(p); seen > 100_000 {
				r.s.End(quota)
				return Stop
			}
			return Pass
		}
		r.start()
		go r.client.write(r.client.enc(Binary, true, strings.Repeat("x", 300_000)))
		if got := message(t, r.vendor); len(got) > 100_000 {
			t.Errorf("%d bytes passed", len(got))
		}
		if f, err := r.vendor.next(); err != nil || f.op != Text && f.op != Close {
			t.Errorf("behind it came %v, %v", f, err)
		}
		r.s.Abort()
		r.wait()
	})
}

func TestARefusedFragmentThatWasKeptEndsItsMessage(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for _, chunk := range []int{1, 1 << 20} {
			t.Run(fmt.Sprint(chunk), func(t *testing.T) {
				tp := &tap{audio: always(Show)}
				tp.payload = func(p []byte, _, _ bool) Verdict {
					if string(p) == "no" {
						return Drop
					}
					return Pass
				}
				r := newRig(t, p, Config{}, tp)
				c := r.client
				in := cat(c.enc(Binary, false, "a"), c.enc(Continuation, false, "no"), c.enc(Continuation, true, "b"), c.enc(Binary, true, "no"), c.enc(Binary, true, "c"))
				for i := 0; i < len(in); i += chunk {
					c.write(in[i:min(i+chunk, len(in))])
				}
				r.vendor.expect("2+:a", "0:", "2:c")
				r.s.Abort()
				r.wait()
			})
		}
	})
}

func TestAGatheredMessageIsShownWholeAndPassesAsItCame(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for _, chunk := range []int{1, 4, 1 << 20} {
			t.Run(fmt.Sprint(chunk), func(t *testing.T) {
				tp := &tap{audio: always(Gather)}
				tp.payload = func(p []byte, _, _ bool) Verdict {
					if string(p) == "drop" {
						return Drop
					}
					return Pass
				}
				r := newRig(t, p, Config{}, tp)
				c := r.client
				in := cat(
					c.enc(Binary, true, "one"), c.enc(Binary, false, "t"), c.enc(Ping, true, "p"), c.enc(Continuation, true, "wo"),
					c.enc(Binary, false, "dr"), c.enc(Continuation, true, "op"), c.enc(Binary, true, "drop"), c.enc(Binary, true, "end"),
				)
				for i := 0; i < len(in); i += chunk {
					c.write(in[i:min(i+chunk, len(in))])
				}
				r.vendor.expect("2:one", "9:p", "2+:t", "0:wo", "2:end")
				r.s.Abort()
				r.wait()
				want := []string{"one true true", "two true true", "drop true true", "drop true true", "end true true"}
				if !slices.Equal(tp.shown, want) {
					t.Errorf("shown %q, want %q", tp.shown, want)
				}
			})
		}
	})
}

func TestAMessageThatIsGatheredHasABound(t *testing.T) {
	for name, in := range map[string]func(c *end) []byte{
		"in one frame": func(c *end) []byte { return c.enc(Binary, true, strings.Repeat("x", maxShown+1)) },
		"in fragments": func(c *end) []byte {
			return cat(c.enc(Binary, false, strings.Repeat("x", maxShown)), c.enc(Continuation, true, "x"))
		},
		"in empty fragments": func(c *end) []byte {
			return cat(c.enc(Binary, false, ""), bytes.Repeat(c.enc(Continuation, false, ""), maxShown))
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachPath(t, func(t *testing.T, p path) {
				r := newRig(t, p, Config{CloseTimeout: short}, &tap{audio: always(Gather)})
				go func() { _, _ = r.client.c.Write(in(r.client)) }()
				r.client.expect("8:1009 message larger than a packet can be")
				r.s.Abort()
				r.wait()
			})
		})
	}
}

// reading is a Tap that reads all audio.
type reading struct {
	quiet
	v    Verdict
	seen *int
}

func (r reading) Audio(int64, bool, bool) Verdict { return r.v }

func (r reading) Payload(p []byte, _, _ bool) Verdict {
	*r.seen += len(p)
	return Pass
}

func TestShowingAllocatesNothingInSteadyState(t *testing.T) {
	if poolForgets {
		t.Skip("the race detector empties the pools")
	}
	for _, size := range []int{120, 640, 20_000} { // the last does not come in one read
		in := (&end{masked: true}).enc(Binary, true, strings.Repeat("x", size))
		seen := 0
		p := newPump(reading{v: Show, seen: &seen})
		buf := borrow()
		if n := testing.AllocsPerRun(200, func() {
			for at := 0; at < len(in); {
				n := copy(buf[headroom:], in[at:])
				if err := p.take(buf[:], n); err != nil {
					t.Fatal(err)
				}
				at += n
			}
		}); n > 0 {
			t.Errorf("%d bytes: %v allocations a frame", size, n)
		}
	}
}
