package meter

import (
	"fmt"
	"time"
)

// mp4Tracks bounds the tracks of a file that are audio.
const mp4Tracks = 16

// mp4 is the clock of MP4, M4A, MOV and 3GP (ISO/IEC 14496-12), with the index (moov) in front or in fragments:
//
//	ftyp │ moov: trak… │ mdat                       the index tells where each piece of audio is, and how long
//	ftyp │ moov: trak…, mvex │ moof │ mdat │ moof … each fragment (moof) tells it of the mdat behind it
//	ftyp │ mdat │ moov                              ErrLate: known only when all has passed
//
// With an index in front, audio counts when its first byte passes (mp4index.go); a fragment counts when its moof
// has passed. How long a piece is, is the larger of what the tables say and of what that number of packets of the
// codec lasts; packets that may be of any length (Opus) are read as they pass (mp4packets.go). Edit lists shorten what
// is shown, and not every reader follows them, so they take nothing away; where they add up to more than the media,
// because they repeat it, that counts.
//
// Of several tracks of audio the longest counts. Tables pass row by row and are not kept, except in so far as they
// are needed, within bounds.
type mp4 struct {
	boxes
	stsd     []byte // of the track that is declared
	trak     *mp4Trak
	traf     *mp4Track // of the fragment; nil: not audio
	run      mp4Run
	tracks   []mp4Track
	trex     []mp4Trex
	movie    int64 // time scale of edit lists
	moov     bool  // it has come
	aside    bool  // only the index is read: the media may stand anywhere
	expected int64 // position of the last piece that the index tells of, of any track
	outer    int64 // where the box begins that is read and in no other
	pool     mp4Pool

	info  Info
	now   time.Duration
	quiet quiet
}

func matchMP4(head []byte) (yes, more bool) {
	if len(head) < 8 {
		return false, true
	}
	switch string(head[4:8]) {
	case "ftyp", "moov", "wide", "free", "skip", "mdat", "styp":
		return head[0] == 0 || string(head[4:8]) == "mdat", false
	}
	return false, false
}

// Write takes the file, cut anywhere.
func (m *mp4) Write(p []byte) error {
	for len(p) > 0 {
		n, err := m.some(p)
		if err == nil {
			m.passed()
			err = m.close()
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// some takes the bytes up to the next thing that ends.
func (m *mp4) some(p []byte) (int, error) {
	n := len(p)
	if m.part != mp4Header && m.left >= 0 {
		n = int(min(m.left, int64(n)))
	}
	switch m.part { //nolint:exhaustive // others have no bound of their own
	case mp4Header, mp4Head, mp4Row:
		if m.part == mp4Header && m.want < 8 {
			m.want = 8
		}
		n = min(n, m.want-m.h.have)
	case mp4Gap:
		n = int(min(m.gap, int64(n)))
	}
	n = int(min(int64(n), m.untilNext()))
	p = p[:n]
	m.pos += int64(n)
	if m.part != mp4Header && m.left >= 0 {
		m.left -= int64(n)
	}
	if err := m.quiet.pass(m.unexpected(int64(n))); err != nil {
		return n, err
	}
	if err := m.see(p[n-1]); err != nil {
		return n, err
	}
	return n, m.take(p)
}

// unexpected is how many of the last n bytes stand behind everything that the index tells of. Those before are the
// file that was announced, be they video.
func (m *mp4) unexpected(n int64) int64 {
	if m.expected == 0 {
		return n
	}
	return max(0, min(n, m.pos-m.expected))
}

// take reads a piece.
func (m *mp4) take(p []byte) error {
	switch m.part {
	case mp4Header:
		m.h.fill(p, m.want)
		if m.h.have == m.want {
			return m.begin(m.h.take())
		}
	case mp4Head, mp4Row:
		m.h.fill(p, m.want)
		if m.h.have < m.want {
			return nil
		}
		return m.read(m.h.take())
	case mp4Gap:
		if m.gap -= int64(len(p)); m.gap == 0 {
			m.next()
		}
	case mp4Keep:
		m.stsd = append(m.stsd, p[:min(len(p), mp4Stsd-len(m.stsd))]...)
		if m.next0(); m.part == mp4Header {
			m.trak.entry = mp4Description(m.stsd)
		}
	case mp4Pass:
		m.next0()
	}
	return nil
}

// next0 ends a box whose last byte has come.
func (b *boxes) next0() {
	if b.left == 0 {
		b.part, b.want = mp4Header, 8
	}
}

// read takes a head or a row.
func (m *mp4) read(h []byte) error {
	var err error
	if m.part == mp4Row {
		m.rows--
		err = m.row(h)
	} else {
		err = m.headOf(h)
	}
	if err == nil {
		m.next()
		if m.part == mp4Header {
			m.want = 8
		}
	}
	return err
}

// begin decides what to do with a box.
func (m *mp4) begin(h []byte) error {
	kind, payload, more, err := m.box(h)
	if err != nil {
		return err
	}
	if more {
		m.h.fill(h, 8) // and eight bytes of its size
		m.want = 16
		return nil
	}
	m.want = 8
	if m.depth == 0 {
		m.outer = m.pos - int64(len(h))
		return m.top(kind, payload)
	}
	within := m.within()
	switch string(within[:]) + string(kind[:]) {
	case "moovtrak", "moovmvex", "trakedts", "trakmdia", "mdiaminf", "minfstbl", "mooftraf":
		return m.descend(kind, payload)
	case "moovmvhd", "mdiamdhd", "traktkhd", "mvextrex":
		return m.leaf(kind, payload, mp4Head, 20)
	case "mdiahdlr", "stblstsz", "stblstz2":
		return m.leaf(kind, payload, mp4Head, 12)
	case "stblstts", "stblstsc", "stblstco", "stblco64", "edtselst", "traftfhd", "traftfdt", "traftrun":
		return m.leaf(kind, payload, mp4Head, 8)
	case "stblstsd":
		if err := m.once(kind); err != nil {
			return err
		}
		return m.pass(kind, payload, mp4Keep)
	}
	return m.pass(kind, payload, mp4Pass)
}

// top decides at the top of the file.
func (m *mp4) top(kind fourcc, payload int64) error {
	switch string(kind[:]) {
	case "moov", "moof":
		return m.descend(kind, payload)
	case "mdat":
		if !m.moov && payload != 0 {
			return fmt.Errorf("%w: an MP4 file whose index comes last", ErrLate)
		}
	}
	return m.pass(kind, payload, mp4Pass)
}

// pass takes a box without reading it.
func (m *mp4) pass(kind fourcc, payload int64, part mp4Part) error {
	if err := m.leaf(kind, payload, part, 0); err != nil {
		return err
	}
	m.next0()
	m.want = 8
	return nil
}

// descend opens a box of boxes.
func (m *mp4) descend(kind fourcc, payload int64) error {
	switch string(kind[:]) {
	case "moov":
		if m.moov {
			return fmt.Errorf("%w: an MP4 file with two indexes", ErrMalformed)
		}
		// An index of hours has some megabytes. No audio can be in it: its pieces must stand behind it.
		m.quiet.heard = true
	case "moof":
		if !m.moov {
			return fmt.Errorf("%w: an MP4 fragment before its index", ErrMalformed)
		}
		m.run = mp4Run{}
	case "trak":
		m.trak, m.stsd = &mp4Trak{}, m.stsd[:0]
	case "traf":
		m.traf, m.run = nil, mp4Run{again: m.run.again || m.run.headed}
	}
	return m.open(kind, payload)
}

// close leaves the boxes that end here.
func (m *mp4) close() error {
	for m.part == mp4Header && m.h.have == 0 && m.depth > 0 && m.levels[m.depth-1].end == m.pos {
		kind := m.within()
		m.depth--
		var err error
		switch string(kind[:]) {
		case "trak":
			err = m.endTrak()
		case "moov":
			err = m.endMoov()
		case "traf":
			err = m.endTraf()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tick takes over a time.
func (m *mp4) tick(t time.Duration) {
	if t > m.now {
		m.now = t
		m.quiet.time()
	}
}

// Elapsed is exact to the sample at the end, and to a piece of the index before.
func (m *mp4) Elapsed() time.Duration { return m.now }

// Info is zero before the index.
func (m *mp4) Info() Info { return m.info }

// Declared is what an index in front tells.
func (m *mp4) Declared(int64) (time.Duration, bool) {
	var most time.Duration
	for i := range m.tracks {
		most = max(most, m.tracks[i].whole)
	}
	return most, m.moov && most > 0
}

func n32(p []byte) int64 { return int64(be32(p)) }

// n64 is a number of 64 bits, bounded so that sums of some do not overflow.
func n64(p []byte) int64 { return int64(min(be64(p), most64)) }
