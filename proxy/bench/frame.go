//go:build linux

package main

import (
	"encoding/binary"
	"errors"
)

// Opcodes of RFC 6455, 5.2.
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

// firstBytes is how much of a frame's payload the scanner keeps: enough for a
// control frame's payload that matters here, a timestamp and the type of a text message.
const firstBytes = 64

// errFrame says that the bytes are no WebSocket frames.
var errFrame = errors.New("malformed frame")

// appendFrame appends one final frame as a server sends it.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = appendHeader(dst, op, 0, len(payload))
	return append(dst, payload...)
}

// appendMasked appends one final frame as a client sends it.
func appendMasked(dst []byte, op byte, key [4]byte, payload []byte) []byte {
	dst = appendHeader(dst, op, 0x80, len(payload))
	dst = append(dst, key[:]...)
	at := len(dst)
	dst = append(dst, payload...)
	for i := range payload {
		dst[at+i] ^= key[i&3]
	}
	return dst
}

func appendHeader(dst []byte, op, mask byte, n int) []byte {
	dst = append(dst, 0x80|op)
	switch {
	case n < 126:
		return append(dst, mask|byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, mask|126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, mask|127), uint64(n))
	}
}

// frame is what the scanner tells about one frame.
type frame struct {
	op    byte
	size  int64
	first []byte // the first bytes of the payload, unmasked; valid during the call
}

// scanner follows the frames of one direction over reads that are cut anywhere.
// It keeps no payload beyond the first bytes. Not safe for concurrent use.
type scanner struct {
	head   [14]byte
	have   int // header bytes so far
	inside bool
	op     byte
	masked bool
	key    [4]byte
	size   int64
	left   int64 // payload bytes still to come
	first  [firstBytes]byte
	kept   int
}

// feed takes the next bytes and calls each once for every frame whose last byte
// is among them.
func (s *scanner) feed(p []byte, each func(frame) error) error {
	for len(p) > 0 {
		if !s.inside {
			n, err := s.header(p)
			if err != nil {
				return err
			}
			p = p[n:]
			if !s.inside {
				return nil
			}
		}
		n := int(min(s.left, int64(len(p))))
		for i := 0; i < n && s.kept < firstBytes; i++ {
			b := p[i]
			if s.masked {
				b ^= s.key[s.kept&3]
			}
			s.first[s.kept] = b
			s.kept++
		}
		s.left -= int64(n)
		p = p[n:]
		if s.left > 0 {
			return nil
		}
		s.inside = false
		if err := each(frame{op: s.op, size: s.size, first: s.first[:s.kept]}); err != nil {
			return err
		}
	}
	return nil
}

// header takes what it needs from p and sets inside when the header is whole.
func (s *scanner) header(p []byte) (int, error) {
	used := 0
	for {
		need := 2
		if s.have >= 2 {
			need = headerLen(s.head[1])
		}
		if s.have >= 2 && s.have == need {
			return used, s.begin()
		}
		n := copy(s.head[s.have:need], p[used:])
		s.have += n
		used += n
		if s.have < need {
			return used, nil
		}
	}
}

func headerLen(second byte) int {
	n := 2
	switch second & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&0x80 != 0 {
		n += 4
	}
	return n
}

func (s *scanner) begin() error {
	h := s.head[:s.have]
	s.op, s.masked = h[0]&0x0f, h[1]&0x80 != 0
	rest := h[2:]
	switch n := h[1] & 0x7f; n {
	case 126:
		s.size, rest = int64(binary.BigEndian.Uint16(rest)), rest[2:]
	case 127:
		s.size, rest = int64(binary.BigEndian.Uint64(rest)), rest[8:]
	default:
		s.size = int64(n)
	}
	if s.size < 0 || h[0]&0x70 != 0 {
		return errFrame
	}
	if s.masked {
		copy(s.key[:], rest)
	}
	s.left, s.kept, s.have, s.inside = s.size, 0, 0, true
	return nil
}
