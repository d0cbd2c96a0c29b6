package relay

import (
	"crypto/rand"
	"encoding/binary"
)

// header is one frame header (RFC 6455, 5.2).
type header struct {
	op   Op
	fin  bool
	size int   // bytes of the header itself; 0: not all of it is there
	n    int64 // payload length
	mask [4]byte
}

// parse reads the frame header at the start of b, which comes from a peer whose
// frames must (client) or must not (vendor) be masked. h.size is 0 when more bytes are needed.
func parse(b []byte, masked bool) (h header, err error) {
	if len(b) < 2 {
		return header{}, nil
	}
	b0, b1 := b[0], b[1]
	h.op, h.fin = Op(b0&0x0f), b0&0x80 != 0
	if b0&0x70 != 0 {
		return header{}, violation("reserved bit set")
	}
	if h.op > Binary && (h.op < Close || h.op > Pong) {
		return header{}, violation("reserved opcode")
	}
	if (b1&0x80 != 0) != masked {
		if masked {
			return header{}, violation("frame not masked")
		}
		return header{}, violation("frame masked")
	}
	n := int64(b1 & 0x7f)
	if h.op >= Close && (!h.fin || n > 125) {
		return header{}, violation("control frame fragmented or too long")
	}
	size := 2
	switch n {
	case 126:
		if len(b) < 4 {
			return header{}, nil
		}
		n, size = int64(binary.BigEndian.Uint16(b[2:])), 4
		if n < 126 {
			return header{}, violation("length not minimal")
		}
	case 127:
		if len(b) < 10 {
			return header{}, nil
		}
		u := binary.BigEndian.Uint64(b[2:])
		if u>>63 != 0 {
			return header{}, violation("length out of range")
		}
		n, size = int64(u), 10
		if n < 1<<16 {
			return header{}, violation("length not minimal")
		}
	}
	if masked {
		if len(b) < size+4 {
			return header{}, nil
		}
		copy(h.mask[:], b[size:])
		size += 4
	}
	h.size, h.n = size, n
	return h, nil
}

// frameSize is the encoded size of a frame of ours.
func frameSize(n int, masked bool) int {
	size := 2 + n
	switch {
	case n > 0xffff:
		size += 8
	case n > 125:
		size += 2
	}
	if masked {
		size += 4
	}
	return size
}

// appendHeader encodes the header of a whole message of ours and returns its mask.
func appendHeader(dst []byte, op Op, n int, masked bool) ([]byte, [4]byte) {
	var bit byte
	if masked {
		bit = 0x80
	}
	dst = append(dst, 0x80|byte(op))
	switch {
	case n > 0xffff:
		dst = binary.BigEndian.AppendUint64(append(dst, bit|127), uint64(n))
	case n > 125:
		dst = binary.BigEndian.AppendUint16(append(dst, bit|126), uint16(n))
	default:
		dst = append(dst, bit|byte(n&0x7f))
	}
	var mask [4]byte
	if masked {
		mask = newMask()
		dst = append(dst, mask[:]...)
	}
	return dst, mask
}

// appendFragment encodes the header of a masked piece of somebody's message.
func appendFragment(dst []byte, op Op, fin bool, n int, mask [4]byte) []byte {
	at := len(dst)
	dst, _ = appendHeader(dst, op, n, false)
	if !fin {
		dst[at] &^= 0x80
	}
	dst[at+1] |= 0x80
	return append(dst, mask[:]...)
}

// appendFrame encodes a whole message of ours.
func appendFrame(dst []byte, op Op, payload []byte, masked bool) []byte {
	dst, mask := appendHeader(dst, op, len(payload), masked)
	at := len(dst)
	dst = append(dst, payload...)
	if masked {
		xor(dst[at:], mask)
	}
	return dst
}

// newMask is unpredictable, as RFC 6455, 10.3 asks: a payload chosen by somebody
// else must not choose the bytes on the wire.
func newMask() (m [4]byte) {
	_, _ = rand.Read(m[:]) // never fails
	return m
}

// xor masks or unmasks b in place.
func xor(b []byte, mask [4]byte) {
	k32 := binary.LittleEndian.Uint32(mask[:])
	k64 := uint64(k32)<<32 | uint64(k32)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k64)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= mask[i&3]
	}
}
