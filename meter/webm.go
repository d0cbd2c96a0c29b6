package meter

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// webmPrivate bounds what is kept of a track's description: Vorbis has its setup there.
const webmPrivate = vorbisSetupBytes + 4096

// webm is the clock of WebM and Matroska (RFC 9559, on EBML, RFC 8794).
//
//	EBML head │ Segment: Info │ Tracks │ Cluster: Timestamp, SimpleBlock…, BlockGroup: Block │ Cluster …
//
// The packets in the blocks are counted by what they say themselves, and the timestamps of the blocks by how far they
// have come; the larger counts. Segment and Cluster may be of unknown size, as live recorders write them. Everything
// else (Cues, Tags, Attachments) is passed over by its count. Of several tracks of audio the longest counts.
//
// A second head, of a recorder that started anew, adds up; its tracks must be the same, for readers differ in
// whether they look at them again.
type webm struct {
	ebml
	leaf    uint32 // the element whose bytes come; 0: the next one's head
	left    int64  // of it
	value   header // of it, where it is a small one
	skip    bool   // it is passed over
	private []byte // of the track that is declared
	entry   webmEntry
	block   webmBlock

	docType  string
	tracks   []webmTrack
	doc      int  // documents so far
	declared bool // Tracks has come in this one
	scale    int64
	duration float64
	stamp    int64 // of the cluster; -1 before it

	info  Info
	base  time.Duration // of the documents that ended
	now   time.Duration
	quiet quiet
}

func matchWebM(head []byte) (yes, more bool) { return startsWith("\x1a\x45\xdf\xa3")(head) }

// Write takes the file, cut anywhere.
func (w *webm) Write(p []byte) error {
	for len(p) > 0 {
		n, err := w.some(p)
		if err == nil {
			err = w.settle()
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// some takes the bytes up to the next thing that ends.
func (w *webm) some(p []byte) (n int, err error) {
	if w.leaf == 0 {
		var whole bool
		n, whole, err = w.fill(p)
		if err == nil {
			err = w.quiet.pass(int64(n))
		}
		if err == nil && whole {
			err = w.begin(w.take())
		}
		return n, err
	}
	n = int(min(w.left, int64(len(p))))
	p = p[:n]
	w.left -= int64(n)
	w.pos += int64(n)
	if err = w.quiet.pass(int64(n)); err != nil || w.skip {
		return n, err
	}
	switch w.leaf {
	case mkvSimple, mkvBlock:
		err = w.frames(p)
	case mkvPrivate:
		w.private = append(w.private, p[:min(n, webmPrivate-len(w.private))]...)
	default:
		w.value.fill(p, len(w.value.buf))
	}
	return n, err
}

// settle closes what has ended. An element without a byte ends at once.
func (w *webm) settle() error {
	if w.leaf != 0 && w.left == 0 {
		id := w.leaf
		w.leaf = 0
		if !w.skip {
			if err := w.read(id); err != nil {
				return err
			}
		}
	}
	for w.leaf == 0 && w.have == 0 && w.depth > 0 && w.levels[w.depth-1].end == w.pos {
		if err := w.close(); err != nil {
			return err
		}
	}
	return nil
}

// close leaves the innermost element.
func (w *webm) close() error {
	id := w.within()
	w.depth--
	switch id {
	case mkvTrack:
		return w.declare()
	case mkvGroup:
		return w.endGroup()
	case mkvTracks:
		if w.declared = true; w.info.Codec == "" {
			return fmt.Errorf("%w: a Matroska file without audio", ErrUnsupported)
		}
	case ebmlHead:
		return w.checkHead()
	}
	return nil
}

// begin decides what to do with an element.
func (w *webm) begin(id uint32, size int64) error {
	for w.depth > 0 && w.levels[w.depth-1].unknown && !mayHold(w.within(), id) {
		if err := w.close(); err != nil {
			return err
		}
	}
	if err := w.fits(id, size); err != nil {
		return err
	}
	kind := webmKind(w.within(), id)
	switch {
	case kind == webmWrong:
		return fmt.Errorf("%w: the Matroska element %x stands in %x", ErrMalformed, id, w.within())
	case size < 0 && id != mkvSegment && id != mkvCluster:
		return fmt.Errorf("%w: the Matroska element %x is of unknown size", ErrMalformed, id)
	case kind == webmOpen:
		return w.descend(id, size)
	}
	w.leaf, w.left, w.skip = id, size, kind == webmSkip
	w.value.have = 0
	switch {
	case w.skip:
	case id == mkvBlock && w.block.grouped:
		return fmt.Errorf("%w: a Matroska group of two blocks", ErrMalformed)
	case id == mkvSimple || id == mkvBlock:
		w.block.begin(size)
		w.block.grouped = id == mkvBlock
	case id == mkvPrivate:
		w.private = w.private[:0]
	case size > 8 && id != mkvCodec && id != ebmlDocType || size > int64(len(w.value.buf)):
		return fmt.Errorf("%w: the Matroska element %x has %d bytes", ErrMalformed, id, size)
	}
	return nil
}

// descend opens an element that holds others.
func (w *webm) descend(id uint32, size int64) error {
	switch id {
	case ebmlHead:
		w.docType, w.declared, w.scale = "", false, 1_000_000
		w.base, w.doc = w.now, w.doc+1
		for i := range w.tracks {
			w.tracks[i].restart()
		}
	case mkvTracks:
		if w.declared {
			return fmt.Errorf("%w: a Matroska file that declares its tracks twice", ErrMalformed)
		}
	case mkvTrack:
		w.entry, w.private = webmEntry{channels: 1, rate: 8000}, w.private[:0] // RFC 9559: the defaults
	case mkvEncodings:
		w.entry.encoded = true
	case mkvCluster:
		w.stamp = -1
	case mkvGroup:
		w.block.group()
	}
	return w.open(id, size)
}

// read takes the value of a small element, or the end of a block.
func (w *webm) read(id uint32) error {
	v := w.value.take()
	switch id {
	case ebmlDocType:
		w.docType = text(v)
	case ebmlMaxID, ebmlMaxSize:
		if n := number(v); id == ebmlMaxID && n > 4 || n > 8 {
			return fmt.Errorf("%w: EBML with IDs or sizes of %d bytes", ErrLate, n)
		}
	case mkvScale:
		if w.scale = number(v); w.scale <= 0 {
			return fmt.Errorf("%w: a Matroska time scale of %d", ErrMalformed, w.scale)
		}
	case mkvDuration:
		w.duration = float(v)
	case mkvTimestamp:
		if w.stamp = number(v); w.stamp < 0 {
			return fmt.Errorf("%w: a Matroska cluster at %d", ErrMalformed, w.stamp)
		}
	case mkvSimple, mkvBlock:
		return w.endBlock(id == mkvBlock)
	case mkvDiscard:
		w.block.discard = signed(v)
	default:
		w.entry.read(id, v)
	}
	return nil
}

func (w *webm) checkHead() error {
	if w.docType != "webm" && w.docType != "matroska" {
		return fmt.Errorf("%w: EBML of type %q", ErrLate, w.docType)
	}
	return nil
}

// Elapsed is exact to the sample.
func (w *webm) Elapsed() time.Duration { return w.now }

// Info is zero before the tracks.
func (w *webm) Info() Info { return w.info }

// Declared is what Info says, in files that were written to their end.
func (w *webm) Declared(int64) (time.Duration, bool) {
	d := w.duration * float64(w.scale)
	if w.info.Codec == "" || !(d > 0) || d >= math.MaxInt64 {
		return 0, false
	}
	return time.Duration(d), true
}

// webmDo is what becomes of an element.
type webmDo byte

const (
	webmSkip webmDo = iota
	webmOpen
	webmRead
	webmWrong
)

// webmKind is the schema: what is done with an element within another. What is not in it is passed over, but not at the
// top, and blocks only stand in clusters: a reader that searches would find what was skipped.
func webmKind(within, id uint32) webmDo {
	type place struct{ within, id uint32 }
	switch (place{within, id}) {
	case place{0, ebmlHead}, place{0, mkvSegment}, place{mkvSegment, mkvInfo}, place{mkvSegment, mkvTracks},
		place{mkvSegment, mkvCluster}, place{mkvTracks, mkvTrack}, place{mkvTrack, mkvAudio},
		place{mkvTrack, mkvEncodings}, place{mkvCluster, mkvGroup}:
		return webmOpen
	case place{ebmlHead, ebmlDocType}, place{ebmlHead, ebmlMaxID}, place{ebmlHead, ebmlMaxSize}, place{mkvInfo, mkvScale},
		place{mkvInfo, mkvDuration}, place{mkvTrack, mkvNumber}, place{mkvTrack, mkvType}, place{mkvTrack, mkvCodec},
		place{mkvTrack, mkvPrivate}, place{mkvAudio, mkvRate}, place{mkvAudio, mkvChannels}, place{mkvAudio, mkvBits},
		place{mkvCluster, mkvTimestamp}, place{mkvCluster, mkvSimple}, place{mkvGroup, mkvBlock}, place{mkvGroup, mkvDiscard}:
		return webmRead
	}
	switch {
	case within == 0 && id != ebmlVoid && id != ebmlCRC:
		return webmWrong
	case within == mkvSegment && (id == mkvSimple || id == mkvGroup || id == mkvTimestamp):
		return webmWrong
	case id == ebmlHead || id == mkvSegment || id == mkvCluster:
		return webmWrong
	}
	return webmSkip
}

// number is an integer without a sign, -1 where it is too large for one with.
func number(p []byte) int64 {
	v := uint64(0)
	for _, b := range p {
		v = v<<8 | uint64(b)
	}
	if len(p) > 8 || v > math.MaxInt64 {
		return -1
	}
	return int64(v)
}

// signed is an integer with one.
func signed(p []byte) (v int64) {
	for i, b := range p {
		if v = v<<8 | int64(b); i == 0 {
			v = int64(int8(b)) //nolint:gosec // it has a sign
		}
	}
	return v
}

// float is a number of 4 or 8 bytes.
func float(p []byte) float64 {
	switch len(p) {
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(p)))
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(p))
	}
	return 0
}

// text is a string, up to its padding.
func text(p []byte) string {
	for i, b := range p {
		if b == 0 {
			return string(p[:i])
		}
	}
	return string(p)
}
