package relay

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// script is random frames of every kind, and the same bytes cut at random.
func script(rng *rand.Rand, e *end, frames int) (in []byte, binary int64) {
	for range frames {
		n := rng.IntN(2000)
		switch rng.IntN(40) {
		case 0:
			n = rng.IntN(100_000)
		case 1, 2, 3:
			n = 0
		}
		p := strings.Repeat(string(rune('a'+rng.IntN(26))), n)
		switch rng.IntN(10) {
		case 0:
			in = append(in, e.enc(Text, true, p[:min(n, 500)])...)
		case 1:
			in = append(in, e.enc(Ping, true, p[:min(n, 125)])...)
		case 2:
			at := rng.IntN(n + 1)
			in = append(in, e.enc(Binary, false, p[:at])...)
			in = append(in, e.enc(Pong, true, "between")...)
			in = append(in, e.enc(Continuation, true, p[at:])...)
			binary += int64(n)
		default:
			in = append(in, e.enc(Binary, true, p)...)
			binary += int64(n)
		}
	}
	return in, binary
}

// Whatever the sizes and the chunks: what arrives is, byte for byte, what was sent.
func TestBytesArriveAsTheyWereSent(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for seed := range uint64(30) {
			rng := rand.New(rand.NewPCG(seed, 1))
			tp := &tap{}
			r := newRig(t, p, Config{}, tp)
			var wg sync.WaitGroup
			var binary int64
			for _, dir := range [][2]*end{{r.client, r.vendor}, {r.vendor, r.client}} {
				from, to := dir[0], dir[1]
				in, n := script(rng, from, 60)
				if from == r.client {
					binary = n
				}
				in = append(in, from.enc(Text, true, "the end")...)
				rng := rand.New(rand.NewPCG(seed, 2))
				wg.Go(func() {
					for b := in; len(b) > 0; {
						n := min(1+rng.IntN(1<<rng.IntN(16)), len(b))
						from.write(b[:n])
						b = b[n:]
					}
				})
				wg.Go(func() {
					for {
						f, err := to.next()
						if err != nil {
							t.Errorf("%s: %v", to.who(), err)
							return
						}
						if f.payload == "the end" {
							break
						}
					}
					if sha256.Sum256(to.wire.Bytes()) != sha256.Sum256(in) {
						t.Errorf("seed %d: %s got other bytes", seed, to.who())
					}
				})
			}
			wg.Wait()
			r.s.Abort()
			r.wait()
			if tp.asked != binary {
				t.Errorf("seed %d: asked about %d bytes of audio, sent %d", seed, tp.asked, binary)
			}
		}
	})
}

// Frames that arrived together leave together: one write, so one read at the far
// end of a plain socket and one record of TLS.
func TestFramesOfOneReadLeaveInOneWrite(t *testing.T) {
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			tp := &tap{audio: func(n int64, _, _ bool) Verdict {
				if n == 99 {
					return Drop
				}
				return Pass
			}}
			r := prepare(t, p, Config{}, tp)
			w := &countingWire{wire: r.s.peer(Vendor).out.w}
			r.s.peer(Vendor).out.w = w
			r.start()
			c := r.client
			audio := c.enc(Binary, true, strings.Repeat("a", 640))
			tail := cat(c.enc(Binary, true, strings.Repeat("x", 99)), c.enc(Text, true, "t"), audio[:300])
			c.write(bytes.Repeat(audio, 10), tail)
			c.write(audio[300:])
			for range 10 {
				r.vendor.expect("2:aaaaaaaa...640")
			}
			r.vendor.expect("1:t", "2:aaaaaaaa...640")
			if n := w.count(); n > 2 {
				t.Errorf("13 frames in 2 segments left in %d writes", n)
			}
		})
	}
}

type countingWire struct {
	wire
	mu sync.Mutex
	n  int
}

func (w *countingWire) write(p []byte) error {
	w.mu.Lock()
	w.n++
	w.mu.Unlock()
	return w.wire.write(p)
}

func (w *countingWire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

func TestRestOfTheHandshakeComesFirst(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		rest := cat(encode(1, true, "Connected", false), encode(2, true, strings.Repeat("r", 40000), false), encode(1, true, "half", false)[:3])
		r := newRig(t, p, Config{}, &tap{}, rest...)
		r.vendor.write([]byte("alf"))
		r.client.expect("1:Connected", "2:rrrrrrrr...40000", "1:half")
	})
}

// Two goroutines send into both directions while both are busy: every frame of ours
// stands between frames, every message of ours between messages, and all arrive.
func TestSentMessagesNeverLandInsideAFrame(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		rng := rand.New(rand.NewPCG(7, 7))
		const sends = 300
		var wg sync.WaitGroup
		for side, dir := range map[Side][2]*end{Vendor: {r.client, r.vendor}, Client: {r.vendor, r.client}} {
			from, to := dir[0], dir[1]
			in, _ := script(rng, from, 400)
			in = append(in, from.enc(Text, true, "the end")...)
			rng := rand.New(rand.NewPCG(8, uint64(side)))
			wg.Go(func() {
				for b := in; len(b) > 0; {
					n := min(1+rng.IntN(1<<rng.IntN(14)), len(b))
					from.write(b[:n])
					b = b[n:]
				}
			})
			wg.Go(func() {
				for i := range sends {
					op, text := Text, fmt.Sprintf("ours %d", i)
					if i%3 == 0 {
						op = Ping
					}
					for r.s.Send(side, op, []byte(text)) != nil {
						runtime.Gosched() // the queue is full
					}
				}
			})
			wg.Go(func() { checkInterleaved(t, to, in, sends) })
		}
		wg.Wait()
	})
}

// checkInterleaved reads until everything relayed and everything sent has come,
// and compares both with what they were.
func checkInterleaved(t *testing.T, to *end, in []byte, sends int) {
	var relayed bytes.Buffer
	ours, inMessage, ended := 0, false, false
	for !ended || ours < sends {
		f, err := to.next()
		if err != nil {
			t.Errorf("%s: %v", to.who(), err)
			return
		}
		if strings.HasPrefix(f.payload, "ours ") {
			ours++
			if f.op == Text && inMessage {
				t.Errorf("%s: a message of ours inside another", to.who())
				return
			}
			continue
		}
		relayed.Write(f.raw)
		if f.op < Close {
			inMessage = !f.fin
		}
		ended = ended || f.payload == "the end"
	}
	if !bytes.Equal(relayed.Bytes(), in) {
		t.Errorf("%s: what was relayed is not what was sent", to.who())
	}
}
