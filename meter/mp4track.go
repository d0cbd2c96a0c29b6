package meter

import (
	"fmt"
	"time"
)

// mp4Trak is the declaration of a track (ISO/IEC 14496-12, 8.3 and what is in it), as its boxes come.
type mp4Trak struct {
	id      int64
	handler fourcc
	scale   int64 // units per second of its media
	length  int64 // of the media, by its header
	edits   int64 // sum of the edit list, in units of the movie
	version byte  // of the table that is read
	entry   mp4Entry
	index   mp4Index
	seen    map[fourcc]bool
}

// maxWhole is more than any file has. Its tables are a lie or damaged, and nobody shall be charged for them.
const maxWhole = 31 * 24 * time.Hour

// most64 is what n64 makes of a length that is not known.
const most64 = 1 << 60

// mp4Track is a track of audio.
type mp4Track struct {
	id    int64
	scale int64
	codec mp4Codec
	whole time.Duration // of what the index tells
	span  time.Duration // of its pieces; the difference is spread
	stair []mp4Step
	next  int           // step
	so    time.Duration // of the index that has passed

	packets      *mp4Packets   // nil: the tables tell all
	shown, media time.Duration // by the edit list, and by the tables

	trex      mp4Defaults
	fragments mp4Fragments
}

// once refuses a second box of a kind in a track: readers differ in which one they believe.
func (m *mp4) once(kind fourcc) error {
	if m.trak.seen == nil {
		m.trak.seen = make(map[fourcc]bool)
	}
	if m.trak.seen[kind] {
		return fmt.Errorf("%w: an MP4 track with two boxes %q", ErrMalformed, kind)
	}
	m.trak.seen[kind] = true
	return nil
}

// headOf reads the head of a leaf.
func (m *mp4) headOf(h []byte) error {
	switch within := m.within(); string(within[:]) {
	case "traf":
		return m.fragmentHead(h)
	case "mvex":
		return m.extends(h)
	case "moov": // mvhd
		if h[0] == 1 {
			return m.table(0, 1, 12)
		}
		m.movie = n32(h[12:])
		return nil
	}
	if err := m.once(m.kind); err != nil {
		return err
	}
	t := m.trak
	t.version = h[0]
	switch string(m.kind[:]) {
	case "mdhd":
		if h[0] == 1 {
			return m.table(0, 1, 12)
		}
		return t.timescale(n32(h[12:]), n32(h[16:]), 1<<32-1)
	case "tkhd":
		if t.id = n32(h[12:]); h[0] == 1 { // the times before it are twice as long
			return m.table(0, 1, 4)
		}
	case "hdlr":
		t.handler = fourcc(h[8:12])
	case "stsz":
		size, count := n32(h[4:]), n32(h[8:])
		if t.entry.codec.told {
			t.index.packets = newMP4Packets(&m.pool)
		}
		if t.index.equal(size, count); size > 0 {
			return nil
		}
		return m.table(0, count, 4)
	case "stz2":
		t.index.early, t.index.count = true, n32(h[8:])
	default:
		return m.table(0, n32(h[4:]), t.rowBytes(m.kind))
	}
	return nil
}

func (t *mp4Trak) rowBytes(kind fourcc) int {
	switch string(kind[:]) {
	case "stts", "co64":
		return 8
	case "stco":
		return 4
	case "elst":
		if t.version == 1 {
			return 20
		}
	}
	return 12 // of stsc too
}

func (t *mp4Trak) timescale(scale, length, unknown int64) error {
	if scale == 0 {
		return fmt.Errorf("%w: an MP4 track with a time scale of 0", ErrMalformed)
	}
	if t.scale = scale; length < unknown {
		t.length = length
	}
	return nil
}

// row reads a row of a table, or what is left of a head of the longer version.
func (m *mp4) row(h []byte) error {
	t := m.trak
	switch string(m.kind[:]) {
	case "tfhd", "tfdt", "trun":
		return m.fragmentRow(h)
	case "mvhd":
		m.movie = n32(h)
	case "mdhd":
		return t.timescale(n32(h), n64(h[4:]), most64)
	case "tkhd":
		t.id = n32(h)
	case "elst":
		if t.version == 1 {
			t.edits = add(t.edits, n64(h))
		} else {
			t.edits = add(t.edits, n32(h))
		}
	case "stts":
		t.index.time(be32(h), be32(h[4:]))
	case "stsc":
		t.index.perChunk(be32(h), be32(h[4:]))
	case "stsz":
		return t.index.size(be32(h))
	case "stco":
		return m.chunk(n32(h))
	case "co64":
		return m.chunk(n64(h))
	}
	return nil
}

// chunk takes the place of one. Audio must stand behind the index: what stands in it or before it has passed.
func (m *mp4) chunk(offset int64) error {
	if offset < m.levels[0].end && !m.aside {
		return fmt.Errorf("%w: an MP4 file with media inside or in front of its index", ErrLate)
	}
	m.expected = max(m.expected, offset)
	t := m.trak
	t.index.early = t.index.early || t.scale == 0 || !t.seen[fourcc{'s', 't', 's', 'd'}]
	return t.index.place(offset, func(sample int64) time.Duration {
		sample = min(sample, t.index.samples()) // the last chunk may have fewer
		return max(ticks(t.index.ended(sample), t.scale), t.entry.codec.lasts(sample, 0))
	})
}

// endTrak takes a track, where it is audio.
func (m *mp4) endTrak() error {
	t := m.trak
	m.trak = nil
	if t.index.chunk > 0 {
		m.expected = max(m.expected, add(t.index.last, t.index.bytes))
	}
	if !t.audio() {
		if t.index.packets != nil {
			t.index.packets.drop()
		}
		return nil
	}
	switch {
	case t.entry.err != nil:
		return t.entry.err
	case t.scale == 0 || t.entry.codec.rate == 0:
		return fmt.Errorf("%w: an MP4 track of audio without its descriptions", ErrMalformed)
	case t.edits > 0 && m.movie == 0:
		return fmt.Errorf("%w: an MP4 track with edits before a time scale", ErrMalformed)
	case len(m.tracks) == mp4Tracks:
		return fmt.Errorf("%w: an MP4 file of more than %d tracks of audio", ErrUnsupported, mp4Tracks)
	}
	for i := range m.tracks {
		if m.tracks[i].id == t.id {
			return fmt.Errorf("%w: an MP4 file with two tracks %d", ErrMalformed, t.id)
		}
	}
	track := mp4Track{id: t.id, scale: t.scale, codec: t.entry.codec}
	x := &t.index
	if x.chunk > 0 { // else all of it comes in fragments
		track.whole = max(ticks(t.length, t.scale), ticks(x.ticks, t.scale), track.codec.lasts(x.samples(), x.bytes))
		if t.edits > 0 {
			track.whole = max(track.whole, ticks(t.edits, m.movie))
		}
		if track.stair = x.stair.steps; x.early || len(track.stair) == 0 {
			track.stair = []mp4Step{{m.levels[0].end, track.whole}}
		}
		track.span = track.stair[len(track.stair)-1].upTo
	}
	if track.codec.told {
		if err := m.tell(&track, t); err != nil {
			return err
		}
	}
	if track.whole > maxWhole {
		return fmt.Errorf("%w: an MP4 track of more than %v", ErrMalformed, maxWhole)
	}
	m.tracks = append(m.tracks, track)
	return nil
}

// audio says whether a reader may take the track for audio: by its handler or, where that is not one of video, by
// what its samples are.
func (t *mp4Trak) audio() bool {
	switch string(t.handler[:]) {
	case "soun", "m1a ":
		return true
	case "vide":
		return false
	}
	return t.entry.known
}

// endMoov begins with the media.
func (m *mp4) endMoov() error {
	m.moov = true
	if len(m.tracks) == 0 {
		return fmt.Errorf("%w: an MP4 file without audio", ErrUnsupported)
	}
	for i := range m.tracks {
		t := &m.tracks[i]
		for _, x := range m.trex {
			if x.id == t.id {
				t.trex = x.mp4Defaults
			}
		}
	}
	m.trex, m.stsd = nil, nil
	c := m.tracks[0].codec
	m.info = Info{Format: "mp4", Codec: c.name, SampleRate: int(c.rate), Channels: c.channels, Method: "tables of samples"}
	if c.told {
		m.info.Method = "tables of samples, and packets"
	}
	return nil
}

// untilNext is how many bytes may pass until the next step, or byte that is looked at.
func (m *mp4) untilNext() int64 {
	n := int64(1 << 62)
	for i := range m.tracks {
		t := &m.tracks[i]
		if t.next < len(t.stair) {
			n = min(n, max(1, t.stair[t.next].at+1-m.pos))
		}
		if t.packets != nil {
			n = min(n, max(1, t.packets.want-m.pos+1))
		}
	}
	return n
}

// passed takes the steps that were reached.
func (m *mp4) passed() {
	if !m.moov {
		return
	}
	for i := range m.tracks {
		t := &m.tracks[i]
		for t.next < len(t.stair) && t.stair[t.next].at < m.pos {
			t.so = share(t.stair[t.next].upTo, t.whole, t.span)
			t.next++
		}
		m.tick(t.elapsed())
	}
}

func (t *mp4Track) elapsed() time.Duration {
	f := &t.fragments
	so, parts := t.so, max(ticks(f.ticks, t.scale), ticks(f.span, t.scale), t.codec.lasts(f.count, f.bytes))
	if p := t.packets; p != nil {
		so, parts = max(so, repeated(p.sums[0].heard(), t.shown, t.media)), max(parts, p.sums[1].heard())
	}
	return plus(so, parts)
}
