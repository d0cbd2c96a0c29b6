package relay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
)

const (
	maxHead = 16 << 10 // bytes of a response's head
	maxBody = 64 << 10 // bytes of a refusal's body that are kept
)

// ErrHandshake is a response that is not one, or one whose head is larger than 16 KiB.
var ErrHandshake = errors.New("bad handshake response")

// HandshakeConn goes between a WebSocket dialer and the vendor's connection. The
// dialer gets the vendor's response and not a byte more: frames that came in the
// same read (Flux speaks first) would be lost in its buffers.
//
//	101:    head ──► dialer      frames ──► Rest
//	other:  head and body ──► dialer and, complete, Response
//
// Close only notes that the dialer wants it: the owner reads a refusal with Response
// and ends it with Discard, or takes Conn and Rest after a 101. It must do one of them.
// Not safe for concurrent use.
type HandshakeConn struct {
	net.Conn
	head    []byte // what has come up to the blank line, then the whole head
	body    []byte // of a refusal
	rest    []byte // behind a 101
	given   int    // bytes of head and body that the dialer has
	whole   bool   // the head is
	upgrade bool   // it is a 101
	err     error
}

// NewHandshakeConn wraps a vendor's connection, TLS and all, before the request is written.
func NewHandshakeConn(c net.Conn) *HandshakeConn { return &HandshakeConn{Conn: c} }

// Read reads the response; behind the head of a 101 it is io.EOF.
func (h *HandshakeConn) Read(p []byte) (int, error) {
	for !h.whole {
		if err := h.fill(); err != nil {
			return 0, err
		}
	}
	if n := h.give(p); n > 0 {
		return n, nil
	}
	if h.upgrade {
		return 0, io.EOF
	}
	if err := h.more(); err != nil {
		return 0, err
	}
	return h.give(p), nil
}

// give copies what was recorded and not read yet.
func (h *HandshakeConn) give(p []byte) int {
	from := h.head
	at := h.given
	if at >= len(h.head) {
		from, at = h.body, at-len(h.head)
	}
	n := copy(p, from[at:])
	h.given += n
	return n
}

// fill reads until the head is whole.
func (h *HandshakeConn) fill() error {
	if h.err != nil {
		return h.err
	}
	h.head = slices.Grow(h.head, 2<<10)
	seen := len(h.head)
	n, err := h.Conn.Read(h.head[seen:min(cap(h.head), maxHead)])
	h.head = h.head[:seen+n]
	if end := endOfHead(h.head, seen); end > 0 {
		h.split(end)
		return nil
	}
	switch {
	case len(h.head) >= maxHead:
		h.err = fmt.Errorf("%w: head larger than %d bytes", ErrHandshake, maxHead)
	case err != nil:
		return err
	}
	return h.err
}

// endOfHead finds the end of the blank line; a bare LF ends a line too, as net/http reads it.
func endOfHead(b []byte, seen int) int {
	for i := max(seen-3, 0); i < len(b); i++ {
		if b[i] != '\n' {
			continue
		}
		if bytes.HasPrefix(b[i+1:], []byte("\n")) {
			return i + 2
		}
		if bytes.HasPrefix(b[i+1:], []byte("\r\n")) {
			return i + 3
		}
	}
	return 0
}

// split parts the head from what follows.
func (h *HandshakeConn) split(end int) {
	h.whole = true
	behind := slices.Clone(h.head[end:])
	h.head = slices.Clip(h.head[:end])
	h.upgrade = isUpgrade(h.head)
	if h.upgrade {
		h.rest = behind
	} else {
		h.body = behind
	}
}

// isUpgrade reads the status line as net/http does: the second word.
func isUpgrade(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	_, status, _ := bytes.Cut(line, []byte(" "))
	code, _, _ := bytes.Cut(bytes.TrimSpace(status), []byte(" "))
	return string(code) == "101"
}

// more reads and records some of a refusal's body.
func (h *HandshakeConn) more() error {
	if len(h.body) >= maxBody {
		return io.EOF
	}
	h.body = slices.Grow(h.body, min(4<<10, maxBody-len(h.body)))
	n, err := h.Conn.Read(h.body[len(h.body):min(cap(h.body), maxBody)])
	h.body = h.body[:len(h.body)+n]
	if n > 0 {
		return nil // err comes again
	}
	return err
}

// Close does nothing: dialers close a refused connection before their caller has
// read the refusal.
func (h *HandshakeConn) Close() error { return nil }

// Discard closes the connection.
func (h *HandshakeConn) Discard() error { return h.Conn.Close() }

// Rest is what came behind the head of a 101.
func (h *HandshakeConn) Rest() []byte { return h.rest }

// Response reads the whole response again, whatever the dialer has read of it.
// The body ends after 64 KiB. Reading it may need the connection, so Discard comes after; the
// connection still has the dialer's deadline, so the owner may want to set one of its own before.
func (h *HandshakeConn) Response(req *http.Request) (*http.Response, error) {
	for !h.whole {
		if err := h.fill(); err != nil {
			return nil, fmt.Errorf("read response: %w", err)
		}
	}
	h.given = 0
	resp, err := http.ReadResponse(bufio.NewReader(onlyReader{h}), req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	return resp, nil
}

type onlyReader struct{ io.Reader }
