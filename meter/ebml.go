package meter

import (
	"fmt"
	"math/bits"
)

// The elements that are read (RFC 8794, section 17.1; RFC 9559, section 5.1), by the names they have there.
const (
	ebmlHead      = 0x1a45dfa3
	ebmlDocType   = 0x4282
	ebmlMaxID     = 0x42f2
	ebmlMaxSize   = 0x42f3
	ebmlVoid      = 0xec
	ebmlCRC       = 0xbf
	mkvSegment    = 0x18538067
	mkvInfo       = 0x1549a966
	mkvScale      = 0x2ad7b1
	mkvDuration   = 0x4489
	mkvTracks     = 0x1654ae6b
	mkvTrack      = 0xae
	mkvNumber     = 0xd7
	mkvType       = 0x83
	mkvCodec      = 0x86
	mkvPrivate    = 0x63a2
	mkvAudio      = 0xe1
	mkvRate       = 0xb5
	mkvChannels   = 0x9f
	mkvBits       = 0x6264
	mkvEncodings  = 0x6d80
	mkvCluster    = 0x1f43b675
	mkvTimestamp  = 0xe7
	mkvSimple     = 0xa3
	mkvGroup      = 0xa0
	mkvBlock      = 0xa1
	mkvDiscard    = 0x75a2
	mkvPosition   = 0xa7
	mkvPrevSize   = 0xab
	mkvSilent     = 0x5854
	mkvEncrypted  = 0xaf
	ebmlMaxDepth  = 6
	ebmlHeadBytes = 12 // an ID of 4 bytes and a size of 8
)

// ebmlLevel is an element that holds others and is open.
type ebmlLevel struct {
	id      uint32
	end     int64 // position behind it, or behind what holds it; -1: unknown
	unknown bool  // its size: it ends where something begins that it cannot hold
}

// ebml walks a tree of elements (RFC 8794) whose bytes come cut anywhere. It tells where each begins
// and which ones are open; the owner says which to descend into.
type ebml struct {
	pos    int64 // bytes taken so far
	head   [ebmlHeadBytes]byte
	have   int
	levels [ebmlMaxDepth]ebmlLevel
	depth  int
}

// within is the element that is open, 0 at the top.
func (e *ebml) within() uint32 {
	if e.depth == 0 {
		return 0
	}
	return e.levels[e.depth-1].id
}

// end is the position behind which nothing more fits, -1 where that is unknown.
func (e *ebml) end() int64 {
	if e.depth == 0 {
		return -1
	}
	return e.levels[e.depth-1].end
}

// fill takes bytes of an element's ID and size, and returns how many; whole says that both are there.
func (e *ebml) fill(p []byte) (n int, whole bool, err error) {
	for n < len(p) {
		want, err := e.wants()
		if err != nil {
			return n, false, err
		}
		k := copy(e.head[e.have:want], p[n:])
		e.have, e.pos, n = e.have+k, e.pos+int64(k), n+k
		if want, err = e.wants(); err != nil || e.have == want {
			return n, err == nil, err
		}
	}
	return n, false, nil
}

// wants is the number of bytes that the ID, and then ID and size, have. Their first bytes say it.
func (e *ebml) wants() (int, error) {
	if e.have == 0 {
		return 1, nil
	}
	id := bits.LeadingZeros8(e.head[0]) + 1
	if id > 4 {
		return 0, fmt.Errorf("%w: no EBML element where one must begin", ErrMalformed)
	}
	if e.have <= id {
		return id + 1, nil
	}
	size := bits.LeadingZeros8(e.head[id]) + 1
	if size > 8 {
		return 0, fmt.Errorf("%w: an EBML element with a size of more than 8 bytes", ErrMalformed)
	}
	return id + size, nil
}

// take reads what fill gathered; size -1 is the unknown one.
func (e *ebml) take() (id uint32, size int64) {
	n := bits.LeadingZeros8(e.head[0]) + 1
	for _, b := range e.head[:n] {
		id = id<<8 | uint32(b)
	}
	size = vint(e.head[n:e.have])
	if size == 1<<(7*(e.have-n))-1 {
		size = -1
	}
	e.have = 0
	return id, size
}

// vint is a number whose first byte says by its zeros how many there are (RFC 8794, section 4).
func vint(p []byte) (v int64) {
	for _, b := range p {
		v = v<<8 | int64(b)
	}
	return v &^ (1 << (7 * len(p)))
}

// open descends into an element that was just taken.
func (e *ebml) open(id uint32, size int64) error {
	if e.depth == ebmlMaxDepth {
		return fmt.Errorf("%w: EBML elements more than %d deep", ErrMalformed, ebmlMaxDepth)
	}
	l := ebmlLevel{id: id, end: e.end(), unknown: size < 0}
	if size >= 0 {
		l.end = e.pos + size
	}
	e.levels[e.depth] = l
	e.depth++
	return nil
}

// fits refuses an element that is larger than what holds it: one reader cuts it, another does not.
func (e *ebml) fits(id uint32, size int64) error {
	if end := e.end(); end >= 0 && e.pos+max(size, 0) > end {
		return fmt.Errorf("%w: the EBML element %x is larger than what holds it", ErrMalformed, id)
	}
	return nil
}

// mayHold says which elements a cluster of unknown size goes on with; any other ends it (RFC 8794, 6.2). A
// segment of unknown size ends with the next one, or the next head.
func mayHold(level, id uint32) bool {
	if level == mkvSegment {
		return id != mkvSegment && id != ebmlHead
	}
	switch id {
	case mkvTimestamp, mkvSimple, mkvGroup, mkvPosition, mkvPrevSize, mkvSilent, mkvEncrypted, ebmlVoid, ebmlCRC:
		return true
	}
	return false
}
