package relay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A row is bytes from one peer and what becomes of them. It is played in both
// directions on every path. The classes are those of the Autobahn suite, 3 to 7.
type row struct {
	name  string
	in    func(e *end) []byte
	chunk int      // bytes per write; 0: all in one
	pass  []string // frames that reach the other peer
	code  int      // of the Close that the sender gets; 0: the stream goes on
}

func cat(bs ...[]byte) (out []byte) {
	for _, b := range bs {
		out = append(out, b...)
	}
	return out
}

// raw encodes a frame with any first byte.
func (e *end) raw(b0 byte, payload string) []byte {
	f := encode(0, false, payload, e.masked)
	f[0] = b0
	return f
}

// length encodes a header whose length has a form of its own.
func (e *end) length(b0 byte, form byte, n uint64) []byte {
	b := []byte{b0, form}
	if form == 126 {
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	if form == 127 {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	if e.masked {
		b[1] |= 0x80
		b = append(b, 1, 2, 3, 4)
	}
	return b
}

func one(b0 byte, payload string) func(*end) []byte {
	return func(e *end) []byte { return e.raw(b0, payload) }
}

func rows() []row {
	var rs []row
	add := func(r row) { rs = append(rs, r) }
	s125, s126 := strings.Repeat("x", 125), strings.Repeat("y", 126)

	for rsv := byte(1); rsv < 8; rsv++ {
		add(row{name: fmt.Sprintf("rsv %d", rsv), in: one(0x81|rsv<<4, "x"), code: 1002})
		add(row{
			name: fmt.Sprintf("rsv %d after a message", rsv), code: 1002, pass: []string{"1:ok"},
			in: func(e *end) []byte { return cat(e.raw(0x81, "ok"), e.raw(0x82|rsv<<4, "")) },
		})
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		add(row{name: fmt.Sprintf("opcode %d", op), in: one(0x80|op, ""), code: 1002})
		add(row{
			name: fmt.Sprintf("opcode %d after a message", op), code: 1002, pass: []string{"2:ok"},
			in: func(e *end) []byte { return cat(e.raw(0x82, "ok"), e.raw(0x80|op, "x")) },
		})
		add(row{
			name: fmt.Sprintf("opcode %d inside a message", op), code: 1002, pass: []string{"2+:a"},
			in: func(e *end) []byte { return cat(e.raw(0x02, "a"), e.raw(0x80|op, "x")) },
		})
	}

	// Pings and pongs.
	add(row{name: "ping without payload", in: one(0x89, ""), pass: []string{"9:"}})
	add(row{name: "ping of 125", in: one(0x89, s125), pass: []string{"9:xxxxxxxx...125"}})
	add(row{name: "ping of 125, byte by byte", chunk: 1, in: one(0x89, s125), pass: []string{"9:xxxxxxxx...125"}})
	add(row{name: "ping of 126", in: one(0x89, s126), code: 1002})
	add(row{name: "fragmented ping", in: func(e *end) []byte { return cat(e.raw(0x09, "a"), e.raw(0x80, "b")) }, code: 1002})
	add(row{name: "fragmented pong", in: func(e *end) []byte { return cat(e.raw(0x0a, "a"), e.raw(0x80, "b")) }, code: 1002})
	add(row{name: "unsolicited pong", in: one(0x8a, "hello"), pass: []string{"10:hello"}})
	add(row{name: "pong of 8 bytes that is not ours", in: one(0x8a, "12345678"), pass: []string{"10:12345678"}})
	add(row{
		name: "ten pings in a segment", in: func(e *end) []byte { return []byte(strings.Repeat(string(e.raw(0x89, "p")), 10)) },
		pass: strings.Fields(strings.Repeat("9:p ", 10)),
	})

	// Fragments.
	two := func(e *end) []byte { return cat(e.raw(0x01, "frag"), e.raw(0x80, "ment")) }
	for _, chunk := range []int{0, 1, 7} {
		add(row{name: fmt.Sprintf("text in two fragments, chunks of %d", chunk), chunk: chunk, in: two, pass: []string{"1+:frag", "0:ment"}})
		add(row{
			name: fmt.Sprintf("binary in three, chunks of %d", chunk), chunk: chunk, pass: []string{"2+:a", "0+:", "0:c"},
			in: func(e *end) []byte { return cat(e.raw(0x02, "a"), e.raw(0, ""), e.raw(0x80, "c")) },
		})
	}
	add(row{
		name: "ping between fragments of text", pass: []string{"9:now", "1+:a", "0:b"}, // held text is overtaken
		in: func(e *end) []byte { return cat(e.raw(0x01, "a"), e.raw(0x89, "now"), e.raw(0x80, "b")) },
	})
	add(row{
		name: "ping between fragments of binary", pass: []string{"2+:a", "9:now", "0:b"},
		in: func(e *end) []byte { return cat(e.raw(0x02, "a"), e.raw(0x89, "now"), e.raw(0x80, "b")) },
	})
	add(row{name: "continuation of nothing, final", in: one(0x80, "x"), code: 1002})
	add(row{name: "continuation of nothing", in: one(0x00, "x"), code: 1002})
	add(row{
		name: "continuation after a message", code: 1002, pass: []string{"1+:frag", "0:ment"},
		in: func(e *end) []byte { return cat(two(e), e.raw(0x80, "x")) },
	})
	for _, b0 := range []byte{0x81, 0x82, 0x01, 0x02} {
		add(row{
			name: fmt.Sprintf("new message %#x inside a fragmented one", b0), code: 1002, pass: []string{"2+:a"},
			in: func(e *end) []byte { return cat(e.raw(0x02, "a"), e.raw(b0, "b")) },
		})
	}

	// Masks.
	add(row{name: "wrong masking", code: 1002, in: func(e *end) []byte { return encode(2, true, "x", !e.masked) }})
	add(row{name: "wrong masking of a ping", code: 1002, in: func(e *end) []byte { return encode(9, true, "x", !e.masked) }})

	// Lengths.
	add(row{name: "length 125 in 16 bits", in: func(e *end) []byte { return e.length(0x82, 126, 125) }, code: 1002})
	add(row{name: "length 65535 in 64 bits", in: func(e *end) []byte { return e.length(0x82, 127, 65535) }, code: 1002})
	add(row{name: "length 0 in 64 bits", in: func(e *end) []byte { return e.length(0x81, 127, 0) }, code: 1002})
	add(row{name: "top bit of the length", in: func(e *end) []byte { return e.length(0x82, 127, 1<<63) }, code: 1002})
	add(row{name: "length 2^63-1", in: func(e *end) []byte { return e.length(0x82, 127, 1<<63-1) }, code: 1009})
	add(row{name: "message above the limit", in: func(e *end) []byte { return e.length(0x82, 127, 1<<20+1) }, code: 1009})
	add(row{
		name: "fragments above the limit", code: 1009, pass: []string{"2+:xxxxxxxx...125"},
		in: func(e *end) []byte { return cat(e.raw(0x02, s125), e.length(0x80, 127, 1<<20-124)) },
	})
	add(row{
		name: "fragments whose lengths overflow", code: 1009, pass: []string{"2+:a"},
		in: func(e *end) []byte { return cat(e.raw(0x02, "a"), e.length(0x80, 127, 1<<63-1)) },
	})
	for _, n := range []int{125, 126, 127, 128, 65535, 65536, 1 << 20} {
		for _, chunk := range []int{0, 997} {
			add(row{
				name: fmt.Sprintf("binary of %d, chunks of %d", n, chunk), chunk: chunk,
				in: one(0x82, strings.Repeat("z", n)), pass: []string{fmt.Sprintf("2:zzzzzzzz...%d", n)},
			})
		}
	}
	for _, n := range []int{125, 126, 15000, 16383, 65536} {
		add(row{
			name: fmt.Sprintf("text of %d", n), chunk: 1009,
			in: one(0x81, strings.Repeat("t", n)), pass: []string{fmt.Sprintf("1:tttttttt...%d", n)},
		})
	}
	add(row{name: "empty binary", in: one(0x82, ""), pass: []string{"2:"}})
	add(row{name: "empty text", in: one(0x81, ""), pass: []string{"1:"}})
	add(row{
		name: "empty fragments", pass: []string{"1+:", "0+:", "0:"},
		in: func(e *end) []byte { return cat(e.raw(0x01, ""), e.raw(0, ""), e.raw(0x80, "")) },
	})
	add(row{name: "invalid UTF-8 in text is the other peer's to judge", in: one(0x81, "\xff\xfe"), pass: []string{"1:\xff\xfe"}})

	// Close frames that are wrong. The right ones are in closing_test.go.
	add(row{name: "close of one byte", in: one(0x88, "x"), code: 1002})
	add(row{name: "close of 126", in: one(0x88, "\x03\xe8"+strings.Repeat("r", 124)), code: 1002})
	add(row{name: "fragmented close", in: one(0x08, "\x03\xe8"), code: 1002})
	add(row{name: "close reason of invalid UTF-8", in: one(0x88, "\x03\xe8\xce\xba\xff"), code: 1007})
	add(row{name: "close reason that ends inside a rune", in: one(0x88, "\x03\xe8\xce"), code: 1007})
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		add(row{
			name: fmt.Sprintf("close code %d", code), code: 1002,
			in: one(0x88, string(binary.BigEndian.AppendUint16(nil, code))+"reason"),
		})
	}
	return rs
}

func TestFrameTable(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for _, row := range rows() {
			for _, from := range []Side{Client, Vendor} {
				t.Run(fmt.Sprintf("%v: %s", from, row.name), func(t *testing.T) {
					t.Parallel()
					row.play(t, p, from)
				})
			}
		}
	})
}

func (w row) play(t *testing.T, p path, from Side) {
	tp := &tap{}
	r := newRig(t, p, Config{}, tp)
	a, b := r.client, r.vendor
	if from == Vendor {
		a, b = b, a
	}
	in := w.in(a)
	chunk := w.chunk
	if chunk == 0 {
		chunk = len(in)
	}
	for i := 0; i < len(in); i += chunk {
		a.write(in[i:min(i+chunk, len(in))])
	}
	b.expect(w.pass...)
	if w.code != 0 {
		w.broken(t, r, a, b, from, tp)
		return
	}
	a.send(Text, "still here")
	b.expect("1:still here")
	b.send(Text, "so am I")
	a.expect("1:so am I")
}

// broken: the sender is told its code, the other peer is told in its own terms.
func (w row) broken(t *testing.T, r *rig, a, b *end, from Side, tp *tap) {
	f, err := a.next()
	if err != nil || f.op != Close || len(f.payload) < 2 || int(binary.BigEndian.Uint16([]byte(f.payload))) != w.code {
		t.Fatalf("sender got %v %v, want a Close %d", f, err, w.code)
	}
	want := "8:1011 upstream protocol error"
	if from == Client {
		want = "8:1001 "
	}
	b.expect(want)
	b.close(1000, "")
	a.c.Close()
	kind := ErrProtocol
	if w.code == 1009 {
		kind = ErrTooBig
	}
	if got := r.wait(); got.By != from || !errors.Is(got.Err, kind) {
		t.Errorf("result %+v, want by %v with %v", got, from, kind)
	}
	if from == Client && tp.gone != 1 {
		t.Errorf("ClientGone called %d times", tp.gone)
	}
}
