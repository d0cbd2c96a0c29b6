package relay

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

// nowhere is a wire that takes everything.
type nowhere struct{ wire }

func (nowhere) write([]byte) error        { return nil }
func (nowhere) try(p []byte) (int, error) { return len(p), nil }

// newPump is a client's, whose outlet leads nowhere.
func newPump(tp Tap) *pump {
	s := &Stream{c: Config{}.withDefaults()}
	out := &outlet{}
	out.init(nowhere{}, true, func(error) {})
	return &pump{from: Client, masked: true, tap: tp, out: out, gate: &s.gate, ours: &s.ours, maxMsg: s.c.MaxMessage, maxTxt: int64(s.c.MaxText)}
}

// BenchmarkPump is the relay without its sockets: parsing, asking, cutting out.
func BenchmarkPump(b *testing.B) {
	for _, c := range []struct {
		name  string
		op    Op
		n     int
		batch int
		drop  bool
		show  bool
	}{
		{"audio 640 B, one per read", Binary, 640, 1, false, false},
		{"audio 640 B, 24 per read", Binary, 640, 24, false, false},
		{"audio 640 B, every other dropped, 24 per read", Binary, 640, 24, true, false},
		{"audio 640 B, shown, one per read", Binary, 640, 1, false, true},
		{"audio 640 B, shown, 24 per read", Binary, 640, 24, false, true},
		{"audio 100 B, shown, one per read", Binary, 100, 1, false, true},
		{"text 1 KiB, one per read", Text, 1024, 1, false, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := &end{masked: true}
			in := bytes.Repeat(e.enc(c.op, true, string(make([]byte, c.n))), c.batch)
			odd := false
			var tp Tap = quiet{}
			if c.drop {
				tp = everyOther{odd: &odd}
			}
			if c.show {
				tp = reading{v: Show, seen: new(int)}
			}
			p := newPump(tp)
			buf := borrow()
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += c.batch {
				copy(buf[headroom:], in)
				if err := p.take(buf[:], len(in)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type everyOther struct {
	quiet
	odd *bool
}

func (e everyOther) Audio(int64, bool, bool) Verdict {
	if *e.odd = !*e.odd; *e.odd {
		return Drop
	}
	return Pass
}

// BenchmarkLoopback sends frames through a whole stream over loopback sockets, one
// after the other and flat out. Both peers are in the process: only compare paths.
func BenchmarkLoopback(b *testing.B) {
	for _, p := range paths {
		for _, batch := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/%d per write", p.name, batch), func(b *testing.B) {
				r := newRig(b, p, Config{}, quiet{})
				f := bytes.Repeat(r.client.enc(Binary, true, string(make([]byte, 640))), batch)
				got := make([]byte, len(f))
				b.ReportAllocs()
				b.ResetTimer()
				for i := 0; i < b.N; i += batch {
					if _, err := r.client.c.Write(f); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(r.vendor.c, got); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
