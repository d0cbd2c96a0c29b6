package meter

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// flacBody finds the end of a frame, which no header tells: it goes through the subframes
// (RFC 9639, section 9.2) as a decoder does, bit by bit, and makes no samples.
//
//	channel: type, wasted bits, warm-up samples, [coefficients], residual: partitions of Rice codes
//
// To look for the next header instead would be to believe any bytes that look like one.
type flacBody struct {
	q     bitQueue
	state flacState
	skip  int64 // bits to pass over

	block, bits int // samples of a channel, bits of a sample
	side        int // the channel that has a bit more
	channels    int // to come

	kind       byte // of the subframe
	depth      int  // bits of its samples
	order      int
	paramBits  int
	partitions int
	part       int // samples in a partition
	count      int // samples to come in this one
	param      int // bits of a Rice code behind its unary part
}

// flacState is what the next bits are.
type flacState byte

const (
	flacSubframe flacState = iota
	flacWasted
	flacCoefficients
	flacResidual
	flacPartition
	flacEscape
	flacRice
	flacChecksum
	flacWhole // the frame is over
)

var errFlacBody = errors.New("a FLAC subframe that cannot be read")

func (b *flacBody) begin(fr flacFrame, depth int) {
	b.state, b.block, b.bits, b.side, b.channels = flacSubframe, fr.block, depth, fr.channels-1-fr.side, fr.channels
	if fr.side < 0 {
		b.side = -1
	}
}

// walk takes bytes of the frame and returns what is left of them. Behind the frame there may be whole
// bytes in q, which come first.
func (b *flacBody) walk(p []byte) ([]byte, error) {
	for b.state != flacWhole || b.skip > 0 {
		if b.skip > 0 {
			if p = b.pass(p); b.skip > 0 {
				return p, nil
			}
			continue
		}
		p = b.q.refill(p)
		if b.state == flacRice {
			if p = b.rice(p); b.state == flacRice && b.skip == 0 {
				return p, nil
			}
			continue
		}
		if b.q.n < b.needs() {
			return p, nil
		}
		if err := b.step(); err != nil {
			return p, err
		}
	}
	return p, nil
}

// pass leaves bits out.
func (b *flacBody) pass(p []byte) []byte {
	n := min(b.skip, int64(b.q.n))
	b.q.drop(int(n))
	if b.skip -= n; b.skip >= 8 {
		n := min(b.skip/8, int64(len(p)))
		p, b.skip = p[n:], b.skip-8*n
		b.q.v = 0
	}
	if b.skip > 0 && len(p) > 0 {
		p = b.q.refill(p)
		b.q.drop(int(b.skip))
		b.skip = 0
	}
	return p
}

// needs is how many bits a step reads at most.
func (b *flacBody) needs() int {
	switch b.state { //nolint:exhaustive // the others need one
	case flacSubframe:
		return 8
	case flacCoefficients:
		return 9
	case flacResidual:
		return 6
	case flacPartition:
		return b.paramBits
	case flacEscape:
		return 5
	case flacChecksum:
		return 0
	}
	return 1
}

func (b *flacBody) step() error {
	switch b.state { //nolint:exhaustive // the others are not steps
	case flacSubframe:
		return b.subframe(b.q.take(8))
	case flacWasted:
		b.wasted()
	case flacCoefficients:
		precision := b.q.take(4) + 1
		b.q.drop(5)
		if precision == 16 {
			return errFlacBody
		}
		b.skip, b.state = int64(b.order)*int64(precision), flacResidual
	case flacResidual:
		return b.residual(b.q.take(2), b.q.take(4))
	case flacPartition:
		if b.param = b.q.take(b.paramBits); b.param == 1<<b.paramBits-1 {
			b.state = flacEscape
		} else if b.state = flacRice; b.count == 0 {
			b.partition()
		}
	case flacEscape:
		b.skip = int64(b.count) * int64(b.q.take(5))
		b.partition()
	case flacChecksum:
		b.skip, b.state = int64(b.q.n%8)+16, flacWhole
	}
	return nil
}

// subframe begins a channel by its first byte.
func (b *flacBody) subframe(head int) error {
	kind := byte(head >> 1 & 0x3f)
	switch {
	case head&0x80 != 0, kind > 1 && kind < 8, kind > 12 && kind < 32:
		return errFlacBody
	case kind >= 32:
		b.order = int(kind) - 31
	case kind >= 8:
		b.order = int(kind) - 8
	default:
		b.order = 0
	}
	if b.order > b.block {
		return errFlacBody
	}
	b.kind, b.depth = kind, b.bits
	if b.channels-1 == b.side {
		b.depth++
	}
	if head&1 != 0 {
		b.state = flacWasted
		return nil
	}
	b.samples()
	return nil
}

// wasted shortens the samples by a unary number, a zero or its end at a time.
func (b *flacBody) wasted() {
	end := b.q.take(1) == 1
	if b.depth > 0 {
		b.depth--
	}
	if end {
		b.samples()
	}
}

// samples passes over what stands plainly in a subframe.
func (b *flacBody) samples() {
	switch {
	case b.kind == 0:
		b.skip = int64(b.depth)
		b.next()
	case b.kind == 1:
		b.skip = int64(b.block) * int64(b.depth)
		b.next()
	case b.kind < 32:
		b.skip, b.state = int64(b.order)*int64(b.depth), flacResidual
	default:
		b.skip, b.state = int64(b.order)*int64(b.depth), flacCoefficients
	}
}

// next begins another channel, or what ends the frame: bits up to a whole byte and a checksum.
func (b *flacBody) next() {
	b.state = flacSubframe
	if b.channels--; b.channels == 0 {
		b.state = flacChecksum
	}
}

func (b *flacBody) residual(method, order int) error {
	b.paramBits, b.partitions, b.part = 4+method, 1<<order, b.block>>order
	if method > 1 || b.part<<order != b.block || b.part < b.order {
		return errFlacBody
	}
	b.count, b.state = b.part-b.order, flacPartition
	return nil
}

// partition begins another, or another channel.
func (b *flacBody) partition() {
	b.count, b.state = b.part, flacPartition
	if b.partitions--; b.partitions == 0 {
		b.next()
	}
}

// rice goes through codes: zeros, a one, and param bits. Zeros need no memory.
func (b *flacBody) rice(p []byte) []byte {
	q := &b.q
	for b.count > 0 {
		p = q.refill(p)
		zeros := bits.LeadingZeros64(q.v)
		if zeros >= q.n {
			if q.drop(q.n); len(p) == 0 {
				return p
			}
			continue
		}
		q.drop(zeros + 1)
		b.count--
		if b.param > q.n {
			b.skip = int64(b.param - q.n)
			q.drop(q.n)
			break
		}
		q.drop(b.param)
	}
	if b.count == 0 {
		b.partition()
	}
	return p
}

// bitQueue is a few bits of a stream, the next one highest. Below its n bits there may be others that
// come again: they are those that follow.
type bitQueue struct {
	v uint64
	n int
}

func (q *bitQueue) refill(p []byte) []byte {
	if q.n > 56 {
		return p
	}
	if len(p) >= 8 {
		q.v |= binary.BigEndian.Uint64(p) >> q.n
		k := (64 - q.n) / 8
		q.n += 8 * k
		return p[k:]
	}
	for len(p) > 0 && q.n <= 56 {
		q.v |= uint64(p[0]) << (56 - q.n)
		q.n += 8
		p = p[1:]
	}
	return p
}

func (q *bitQueue) drop(n int) { q.v, q.n = q.v<<n, q.n-n }

func (q *bitQueue) take(n int) int {
	v := int(q.v >> (64 - n)) //nolint:gosec // at most 8 bits
	q.drop(n)
	return v
}
