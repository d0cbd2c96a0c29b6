package meter

import (
	"fmt"
	"math"
	"math/bits"
	"time"
)

// webmHoldBack is how much may follow a Block in its group while its last packet waits for
// DiscardPadding. It waits no longer: a group that does not end would hold it for ever.
const webmHoldBack = 64

// webmBlock is a Block or SimpleBlock (RFC 9559, section 10) whose bytes come cut anywhere.
//
//	track │ timestamp, relative to the cluster's │ flags │ with lacing: n-1, sizes │ packets
type webmBlock struct {
	step  webmStep
	left  int64 // of the block
	head  [12]byte
	have  int
	track *webmTrack // nil: not audio
	stamp int64      // relative
	lace  byte       // 0 none, 1 Xiph, 2 fixed, 3 EBML
	sizes [256]int64
	n     int // packets
	at    int // the size, or the packet, that is read
	sum   int64

	units   int64 // of the packets that have ended
	held    int64 // of the last one, which waits
	discard int64 // nanoseconds of it that are no audio
	grouped bool  // the group's block has come
}

// webmRounding bounds what timestamps may be ahead of the packets because they are rounded to the
// file's time scale.
const webmRounding = 2 * time.Millisecond

type webmStep byte

const (
	webmHead webmStep = iota
	webmCount
	webmSizes
	webmPackets
)

func (b *webmBlock) begin(size int64) {
	b.step, b.left, b.have, b.at, b.sum, b.n, b.units, b.track = webmHead, size, 0, 0, 0, 1, 0, nil
}

// group begins a BlockGroup.
func (b *webmBlock) group() { b.track, b.held, b.discard, b.grouped = nil, 0, 0, false }

// frames takes a piece of a block.
func (w *webm) frames(p []byte) error {
	b := &w.block
	for len(p) > 0 {
		n, err := w.piece(p)
		if err != nil {
			return err
		}
		p = p[n:]
		b.left -= int64(n)
		for b.step == webmPackets && b.track != nil && b.at < b.n && b.sizes[b.at] == 0 {
			if err := w.endPacket(); err != nil {
				return err
			}
		}
	}
	return nil
}

// piece takes a part of it.
func (w *webm) piece(p []byte) (int, error) {
	b := &w.block
	if b.step == webmPackets {
		if b.track == nil {
			return len(p), nil
		}
		n := int(min(b.sizes[b.at], int64(len(p))))
		b.track.audio.write(p[:n])
		b.sizes[b.at] -= int64(n)
		return n, nil
	}
	b.head[b.have] = p[0]
	b.have++
	left := b.left - 1
	switch b.step { //nolint:exhaustive // packets were above
	case webmHead:
		n := bits.LeadingZeros8(b.head[0]) + 1
		if n > 8 {
			return 0, fmt.Errorf("%w: a Matroska block without a track", ErrMalformed)
		}
		if b.have == n+3 {
			return 1, w.begun(b.head[:b.have], left)
		}
	case webmCount:
		b.n, b.have, b.step = int(p[0])+1, 0, webmSizes
		return 1, b.sized(left)
	case webmSizes:
		return 1, b.size(p[0], left)
	}
	return 1, nil
}

// begun reads the fixed part of the block.
func (w *webm) begun(h []byte, left int64) error {
	b := &w.block
	n := len(h) - 3
	if !w.declared {
		return fmt.Errorf("%w: a Matroska file whose tracks come behind its audio", ErrLate)
	}
	b.track, b.have = w.track(vint(h[:n])), 0
	b.stamp, b.lace = int64(int16(uint16(h[n])<<8|uint16(h[n+1]))), h[n+2]>>1&3 //nolint:gosec // it has a sign
	b.step = webmCount
	if b.lace == 0 || b.track == nil {
		b.step, b.sizes[0] = webmPackets, left
	}
	return nil
}

// size takes a byte of the sizes of packets: Xiph's are sums of bytes up to one that is not 255, EBML's a number
// and then differences. The last packet has what is left.
func (b *webmBlock) size(c byte, left int64) error {
	switch b.lace {
	case 1:
		b.have = 0
		b.sizes[b.at] += int64(c)
		if c == 255 {
			return nil
		}
	case 3:
		n := bits.LeadingZeros8(b.head[0]) + 1
		if n > 8 {
			return fmt.Errorf("%w: a Matroska block with a packet of no size", ErrMalformed)
		}
		if b.have < n {
			return nil
		}
		b.sizes[b.at] = vint(b.head[:n])
		if b.at > 0 {
			b.sizes[b.at] += b.sizes[b.at-1] - (1<<(7*n-1) - 1)
		}
		b.have = 0
	}
	if b.sizes[b.at] < 0 || b.sizes[b.at] > math.MaxInt32 {
		return fmt.Errorf("%w: a Matroska block with a packet of %d bytes", ErrMalformed, b.sizes[b.at])
	}
	b.sum += b.sizes[b.at]
	b.at++
	return b.sized(left)
}

// sized looks whether the sizes are all there.
func (b *webmBlock) sized(left int64) error {
	if b.lace == 2 {
		if left%int64(b.n) != 0 {
			return fmt.Errorf("%w: a Matroska block of %d bytes with %d packets of one size", ErrMalformed, left, b.n)
		}
		for i := range b.n {
			b.sizes[i] = left / int64(b.n)
		}
		b.step, b.at = webmPackets, 0
		return nil
	}
	if b.at < b.n-1 {
		b.sizes[b.at] = 0
		return nil
	}
	if b.sum > left {
		return fmt.Errorf("%w: a Matroska block whose packets are larger than it", ErrMalformed)
	}
	b.sizes[b.at] = left - b.sum
	b.step, b.at = webmPackets, 0
	return nil
}

// endPacket counts one; the last one of a group's block may wait.
func (w *webm) endPacket() error {
	b := &w.block
	n, err := b.track.audio.end()
	if err != nil {
		return err
	}
	b.at++
	b.units = add(b.units, n)
	if w.leaf == mkvBlock && b.at == b.n && w.levels[w.depth-1].end-w.pos <= webmHoldBack {
		b.held = n
		return nil
	}
	b.track.audio.sum = add(b.track.audio.sum, n)
	w.tick(b.track)
	return nil
}

// endBlock takes the timestamp of a block that is whole.
func (w *webm) endBlock(grouped bool) error {
	b := &w.block
	if b.step != webmPackets || b.track != nil && b.at < b.n {
		return fmt.Errorf("%w: a Matroska block that ends before its packets", ErrMalformed)
	}
	if b.track == nil || grouped && b.held > 0 {
		return nil
	}
	return w.stamped(0)
}

// endGroup lets the last packet go, without what was marked as no audio, within bounds.
func (w *webm) endGroup() error {
	b := &w.block
	if b.track == nil || b.held == 0 {
		return nil
	}
	t := b.track
	units := b.held
	if b.discard > 0 && b.discard < int64(time.Second) {
		cut := min(b.discard*t.audio.rate/int64(time.Second), units, t.audio.sum/trimShare-t.cut)
		if cut = max(cut, 0); cut > 0 {
			t.cut += cut
			units -= cut
		}
	}
	b.held = 0
	t.audio.sum = add(t.audio.sum, units)
	return w.stamped(t.cut)
}

// stamped counts the span of timestamps from the first to this block's, and the block. What stands still or jumps
// back leaves it as it was.
func (w *webm) stamped(cut int64) error {
	b, t := &w.block, w.block.track
	if w.stamp >= 0 {
		at := w.stamp + b.stamp
		if !t.started {
			t.started, t.start = true, at
		}
		if ahead := at - t.start; ahead > 0 {
			if ahead > math.MaxInt64/w.scale || time.Duration(ahead*w.scale) > plus(t.elapsed(), maxGap) {
				return fmt.Errorf("%w: a gap of more than %v in a Matroska file", ErrMalformed, maxGap)
			}
			span := time.Duration(ahead*w.scale) + ticks(max(b.units-cut, 0), t.audio.rate)
			if span > ticks(t.audio.sum, t.audio.rate)+min(time.Duration(w.scale), webmRounding) {
				t.span = max(t.span, span)
			}
		}
	}
	w.tick(t)
	return nil
}

// tick takes over a track's time.
func (w *webm) tick(t *webmTrack) {
	if now := plus(w.base, t.elapsed()); now > w.now {
		w.now = now
		w.quiet.time()
	}
}
