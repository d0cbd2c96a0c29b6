package meter

import "fmt"

const (
	mp4Depth = 8    // boxes that are open at a time
	mp4Cut   = -1   // the end of a box that ends with the file
	mp4Stsd  = 2048 // bytes of a description of samples that are kept
)

// fourcc is the type of a box.
type fourcc [4]byte

// String is for messages.
func (f fourcc) String() string { return string(f[:]) }

// mp4Level is a box that holds boxes and is open.
type mp4Level struct {
	kind fourcc
	end  int64
}

// boxes walks a tree of boxes (ISO/IEC 14496-12, 4.2) whose bytes come cut anywhere. Of a box that is read it
// gathers a head of fixed length, and then one row of its table at a time:
//
//	size │ type │ (size of 64 bits) │ head │ row │ row │ … │ what is passed over
type boxes struct {
	pos    int64 // bytes taken so far
	levels [mp4Depth]mp4Level
	depth  int

	kind fourcc // the leaf
	part mp4Part
	left int64 // bytes of the leaf; mp4Cut: until the end
	h    header
	want int   // bytes that h gathers
	gap  int64 // bytes between head and rows
	rows int64 // rows to come
}

// mp4Part is what the next bytes are.
type mp4Part byte

const (
	mp4Header mp4Part = iota // of a box
	mp4Head                  // of a leaf
	mp4Gap
	mp4Row
	mp4Keep // of a description, which is kept
	mp4Pass
)

func (b *boxes) within() fourcc {
	if b.depth == 0 {
		return fourcc{}
	}
	return b.levels[b.depth-1].kind
}

// box reads the header of a box; more says that its size has 64 bits and is still to come. The payload is -1
// where the box ends with the file.
func (b *boxes) box(h []byte) (kind fourcc, payload int64, more bool, err error) {
	kind = fourcc(h[4:8])
	size := int64(be32(h))
	switch {
	case b.depth > 0 && b.pos > b.levels[b.depth-1].end:
		return kind, 0, false, fmt.Errorf("%w: an MP4 box %q that begins at the end of what holds it", ErrMalformed, kind)
	case size == 1 && len(h) < 16:
		return kind, 0, true, nil
	case size == 1:
		size = int64(min(be64(h[8:]), 1<<62))
	case size == 0 && b.depth == 0:
		return kind, mp4Cut, false, nil
	case size == 0:
		return kind, b.levels[b.depth-1].end - b.pos, false, nil
	}
	if payload = size - int64(len(h)); payload < 0 {
		return kind, 0, false, fmt.Errorf("%w: the MP4 box %q has %d bytes", ErrMalformed, kind, size)
	}
	if b.depth > 0 && b.pos+payload > b.levels[b.depth-1].end {
		return kind, 0, false, fmt.Errorf("%w: the MP4 box %q is larger than what holds it", ErrMalformed, kind)
	}
	return kind, payload, false, nil
}

func (b *boxes) open(kind fourcc, payload int64) error {
	if b.depth == mp4Depth || payload < 0 {
		return fmt.Errorf("%w: the MP4 box %q does not end, or is too deep", ErrMalformed, kind)
	}
	b.levels[b.depth] = mp4Level{kind, b.pos + payload}
	b.depth++
	return nil
}

// leaf begins a box of which head bytes are gathered. A shorter one is an error.
func (b *boxes) leaf(kind fourcc, payload int64, part mp4Part, head int) error {
	b.kind, b.left, b.part, b.want, b.gap, b.rows = kind, payload, part, head, 0, 0
	if part == mp4Head && payload < int64(head) {
		return fmt.Errorf("%w: the MP4 box %q has %d bytes less than it must have", ErrMalformed, kind, int64(head)-payload)
	}
	return nil
}

// table announces rows behind the head, of which left is what follows.
func (b *boxes) table(gap, rows int64, size int) error {
	if size == 0 {
		rows = 0
	}
	b.gap, b.rows, b.want = gap, rows, size
	if gap+rows*int64(size) > b.left {
		return fmt.Errorf("%w: the MP4 box %q is too small for its %d rows", ErrMalformed, b.kind, rows)
	}
	return nil
}

// next is what comes behind a part that has ended.
func (b *boxes) next() {
	switch {
	case b.left == 0:
		b.part = mp4Header
	case b.gap > 0:
		b.part = mp4Gap
	case b.rows > 0:
		b.part = mp4Row
	default:
		b.part = mp4Pass
	}
}
