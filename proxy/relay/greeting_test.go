package relay_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/proxy/relay"
)

// frame is one masked client frame.
func clientFrame(b0 byte, payload []byte) []byte {
	mask := []byte{1, 2, 3, 4}
	out := []byte{b0}
	switch n := len(payload); {
	case n > 0xffff:
		out = append(out, 0x80|127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	case n > 125:
		out = append(out, 0x80|126, byte(n>>8), byte(n))
	default:
		out = append(out, 0x80|byte(n))
	}
	out = append(out, mask...)
	for i, c := range payload {
		out = append(out, c^mask[i%4])
	}
	return out
}

func TestReadTextTakesOneMessageAndNotAByteMore(t *testing.T) {
	long, huge := strings.Repeat("x", 300), strings.Repeat("y", 70_000)
	for name, c := range map[string]struct {
		in    []byte
		want  string
		err   error
		pongs int
	}{
		"one frame":       {in: clientFrame(0x81, []byte("hello")), want: "hello"},
		"empty":           {in: clientFrame(0x81, nil), want: ""},
		"16-bit length":   {in: clientFrame(0x81, []byte(long)), want: long},
		"64-bit length":   {in: clientFrame(0x81, []byte(huge)), want: huge},
		"fragments":       {in: append(clientFrame(0x01, []byte("he")), clientFrame(0x80, []byte("llo"))...), want: "hello"},
		"ping between":    {in: append(append(clientFrame(0x01, []byte("he")), clientFrame(0x89, []byte("p"))...), clientFrame(0x80, []byte("llo"))...), want: "hello", pongs: 1},
		"pong before":     {in: append(clientFrame(0x8a, []byte("p")), clientFrame(0x81, []byte("a"))...), want: "a"},
		"audio":           {in: clientFrame(0x82, []byte("a")), err: relay.ErrNotText},
		"close":           {in: clientFrame(0x88, nil), err: relay.ErrNotText},
		"too big":         {in: clientFrame(0x81, []byte(huge+huge)), err: relay.ErrTooBig},
		"text in text":    {in: append(clientFrame(0x01, nil), clientFrame(0x81, nil)...), err: relay.ErrProtocol},
		"continuation":    {in: clientFrame(0x80, nil), err: relay.ErrProtocol},
		"unmasked":        {in: []byte{0x81, 0}, err: relay.ErrProtocol},
		"hang up":         {in: clientFrame(0x81, []byte("hello"))[:7], err: io.ErrUnexpectedEOF},
		"too big in all":  {in: append(clientFrame(0x01, []byte(huge)), clientFrame(0x80, []byte(huge))...), err: relay.ErrTooBig},
		"reserved opcode": {in: clientFrame(0x83, nil), err: relay.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close() //nolint:errcheck // a pipe
			done := make(chan []byte)
			go func() {
				defer close(done)
				go func() {
					_, _ = theirs.Write(c.in) // what is not read is cut off by the close
					if c.err != nil {
						_ = theirs.Close()
					} else {
						_, _ = theirs.Write([]byte("behind"))
					}
				}()
				got, _ := io.ReadAll(theirs)
				done <- got
			}()
			msg, err := relay.ReadText(ours, 100_000)
			if !errors.Is(err, c.err) || string(msg) != c.want {
				t.Fatalf("ReadText = %.20q, %v", msg, err)
			}
			if c.err == nil {
				rest := make([]byte, 6)
				if _, err := io.ReadFull(ours, rest); err != nil || string(rest) != "behind" {
					t.Fatalf("behind it: %q, %v", rest, err)
				}
			}
			_ = ours.Close()
			if pong := <-done; bytes.Count(pong, []byte{0x80 | websocket.PongMessage, 1, 'p'}) != c.pongs {
				t.Fatalf("pongs: %x", pong)
			}
		})
	}
}
