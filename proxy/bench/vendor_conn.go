//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455 names it; nothing is kept secret with it
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// stampBytes is the time stamp at the start of a payload, as hexadecimal text: it
// passes through JSON unchanged.
const stampBytes = 16

// echoHead stands before the stamp in the answer to a frame.
const echoHead = `{"type":"Results","duration":0.02,"at":"`

// errDone ends the reading loop after a close handshake.
var errDone = errors.New("stream is done")

// serve plays one stream.
func (v *vendor) serve(c net.Conn) error {
	br := bufio.NewReaderSize(c, 4096)
	req, err := http.ReadRequest(br)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(c, switching(req)); err != nil {
		return err
	}
	s := &vendorStream{vendor: v, conn: c}
	rest, err := br.Peek(br.Buffered())
	if err != nil {
		return err
	}
	if err := s.read(rest); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := c.Read(buf)
		if n > 0 {
			if err := s.read(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

func switching(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see the import
	return fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\nDg-Request-Id: 00000000-0000-0000-0000-000000000000\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
}

// vendorStream counts and answers; one goroutine owns it.
type vendorStream struct {
	*vendor
	conn net.Conn
	scan scanner
	n    int64 // frames of this stream
	out  []byte
}

func (s *vendorStream) read(p []byte) error {
	var frames, bytes int64
	s.out = s.out[:0]
	err := s.scan.feed(p, func(f frame) error {
		if f.op == opBinary {
			frames++
			bytes += f.size
		}
		return s.frame(f)
	})
	// One atomic per read, not per frame: flat out there are a dozen frames in each.
	s.frames.Add(frames)
	s.bytes.Add(bytes)
	if len(s.out) > 0 {
		if _, werr := s.conn.Write(s.out); werr != nil {
			return werr
		}
	}
	return err
}

func (s *vendorStream) frame(f frame) error {
	switch f.op {
	case opBinary:
		s.n++
		switch {
		case s.echo && len(f.first) >= stampBytes:
			answer := append([]byte(echoHead), f.first[:stampBytes]...)
			s.out = appendFrame(s.out, opText, append(answer, `"}`...))
		case s.n%replyEvery == 0:
			s.out = append(s.out, s.reply...)
		}
	case opText:
		if bytes.Contains(f.first, []byte("CloseStream")) {
			s.out = appendFrame(s.out, opText, []byte(`{"type":"Metadata","request_id":"00000000-0000-0000-0000-000000000000","duration":0}`))
			s.out = appendFrame(s.out, opClose, []byte{0x03, 0xe8})
		}
	case opPing:
		s.out = appendFrame(s.out, opPong, f.first)
	case opClose:
		s.out = appendFrame(s.out, opClose, f.first[:min(2, len(f.first))])
		return errDone
	}
	return nil
}
