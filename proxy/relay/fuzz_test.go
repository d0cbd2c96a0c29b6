package relay

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"
)

// memory is a wire that keeps what it is given.
type memory struct {
	wire
	mu  sync.Mutex
	out bytes.Buffer
}

func (m *memory) write(p []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out.Write(p)
	return nil
}

func (m *memory) try(p []byte) (int, error) { return len(p), m.write(p) }

// FuzzFrames feeds any bytes in any chunks to a pump of either side: no panic, no
// hang, what passes is valid frames, audio that was let through is audio that passed,
// and the chunks make no difference.
func FuzzFrames(f *testing.F) {
	for _, masked := range []bool{true, false} {
		e := &end{masked: masked}
		for _, r := range rows() {
			if in := r.in(e); len(in) < 2000 {
				f.Add(in, masked, uint8(3))
			}
		}
		f.Add(cat(e.enc(Binary, false, "ab"), e.enc(Continuation, true, "0123456789"), e.enc(Text, true, "drop"), e.enc(Text, true, "long")), masked, uint8(7))
	}
	f.Fuzz(func(t *testing.T, in []byte, client bool, chunk uint8) {
		from := Vendor
		if client {
			from = Client
		}
		all := play(t, in, from, len(in)+1)
		cut := play(t, in, from, int(chunk)+1)
		if all.err != cut.err || all.asked != cut.asked || all.payload != cut.payload || all.text != cut.text {
			t.Errorf("in one: %+v\nin chunks of %d: %+v", all, int(chunk)+1, cut)
		}
	})
}

// outcome is what passed, in a form that does not depend on fresh masks.
type outcome struct {
	err     string
	asked   int64
	payload string // of binary frames, with the control frames between them
	text    string
}

func play(t *testing.T, in []byte, from Side, chunk int) outcome {
	t.Helper()
	tp := &tap{
		audio: func(n int64, _, _ bool) Verdict {
			if n%10 == 9 {
				return Drop
			}
			return Pass
		},
		client: edit, vendor: edit,
	}
	m := &memory{}
	s := &Stream{c: Config{MaxMessage: 4 << 10, MaxText: 1 << 10}.withDefaults()}
	out := &outlet{}
	out.init(m, from == Client, func(error) {})
	var still time.Time // or chunks would make a difference to how many pings pass
	p := &pump{
		from: from, masked: from == Client, tap: tp, out: out, gate: &s.gate, ours: &s.ours, maxMsg: s.c.MaxMessage, maxTxt: int64(s.c.MaxText),
		clock: func() time.Time { return still },
	}
	var res outcome
	for b := in; len(b) > 0; {
		var buf buffer
		n := copy(buf[headroom:], b[:min(chunk, len(b))])
		b = b[n:]
		if err := p.take(buf[:], n); err != nil {
			res.err = err.Error()
			if isPanic(err) {
				var pe *PanicError
				errors.As(err, &pe)
				t.Fatalf("panic: %v\n%s", pe.Value, pe.Stack)
			}
			break
		}
	}
	audio := int64(0)
	res.asked = tp.asked
	inText := false
	b, whole := m.out.Bytes(), true
	for len(b) > 0 {
		h, err := parse(b, from == Client)
		if err != nil {
			t.Fatalf("what passed is not frames: %v at % x", err, b[:min(len(b), 20)])
		}
		if h.size == 0 {
			t.Fatalf("half a header passed: % x", b)
		}
		end := min(int64(h.size)+h.n, int64(len(b)))
		payload := bytes.Clone(b[h.size:end])
		if from == Client {
			xor(payload, h.mask)
		}
		whole = end == int64(h.size)+h.n
		if h.op != Continuation && h.op < Close {
			inText = h.op == Text
		}
		switch {
		case h.op >= Close:
		case inText:
			res.text += string(payload)
		default:
			audio += h.n
			res.payload += string(payload)
		}
		b = b[end:]
	}
	if from == Client && audio != res.asked {
		t.Fatalf("%d bytes of audio passed, %d were let through", audio, res.asked)
	}
	if whole == p.inFrame() {
		t.Fatalf("ends inside a frame: %v, and the pump says %v", !whole, p.inFrame())
	}
	return res
}

// edit is a Tap's text hook with every verdict.
func edit(msg []byte) ([]byte, Verdict, error) {
	switch {
	case bytes.HasPrefix(msg, []byte("drop")):
		return nil, Drop, nil
	case bytes.HasPrefix(msg, []byte("long")):
		return bytes.Repeat(msg, 50), Pass, nil
	case bytes.HasPrefix(msg, []byte("cut")):
		return msg[1:], Pass, nil
	case bytes.HasPrefix(msg, []byte("error")):
		return nil, Pass, errors.New("not understood")
	}
	return nil, Pass, nil
}
