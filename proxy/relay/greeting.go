package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// ErrNotText says that a client sent audio or a Close where a text message was due.
var ErrNotText = errors.New("no text message")

// ReadText reads one text message of at most limit bytes from a client whose handshake is
// done, and not a byte beyond it: a stream can be made of the connection afterwards. Pings
// are answered. It is for the few messages that may come before a stream begins (a
// credential, a start message), not for traffic: it makes several small reads per frame. The
// connection's deadline is the caller's. The error wraps ErrNotText, ErrProtocol, ErrTooBig
// or the connection's own.
func ReadText(c net.Conn, limit int) ([]byte, error) {
	var msg []byte
	open := false
	for {
		h, err := readHeader(c)
		if err != nil {
			return nil, err
		}
		first := h.op == Text
		switch {
		case h.op == Binary:
			return nil, fmt.Errorf("%w: binary", ErrNotText)
		case h.op < Close && first == open:
			return nil, violation("fragments out of order")
		case h.op < Close && h.n > int64(limit-len(msg)):
			return nil, tooBig("text message larger than allowed")
		}
		p := make([]byte, h.n)
		if _, err := io.ReadFull(c, p); err != nil {
			return nil, err
		}
		xor(p, h.mask)
		switch h.op { //nolint:exhaustive // audio was refused above, a pong needs nothing
		case Close:
			return nil, fmt.Errorf("%w: close", ErrNotText)
		case Ping:
			if _, err := c.Write(appendFrame(nil, Pong, p, false)); err != nil {
				return nil, err
			}
		case Text, Continuation:
			if msg = append(msg, p...); h.fin {
				return msg, nil
			}
			open = true
		}
	}
}

// readHeader reads a frame's header byte by byte as far as it goes.
func readHeader(c net.Conn) (header, error) {
	var b [14]byte
	for n, want := 0, 2; ; {
		if _, err := io.ReadFull(c, b[n:want]); err != nil {
			return header{}, err
		}
		n = want
		h, err := parse(b[:n], true)
		if err != nil || h.size > 0 {
			return h, err
		}
		switch b[1] & 0x7f { // the length's bytes, and the mask's
		case 126:
			want = 8
		case 127:
			want = 14
		default:
			want = 6
		}
	}
}
