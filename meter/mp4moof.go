package meter

import (
	"fmt"
	"math"
	"math/bits"
)

// Flags of tfhd and trun (ISO/IEC 14496-12, 8.8.7 and 8.8.8) that say which members are there.
const (
	tfhdBase       = 0x1 // 8 bytes; the others have 4
	tfhdDescribed  = 0x2
	tfhdDuration   = 0x8
	tfhdSize       = 0x10
	tfhdFlags      = 0x20
	tfhdMoof       = 0x20000 // offsets count from the fragment's beginning
	trunOffset     = 0x1
	trunFirstFlags = 0x4
	trunDuration   = 0x100
	trunSize       = 0x200
	trunRow        = 0xf00
)

// mp4Defaults are what a sample has where its row does not say.
type mp4Defaults struct{ duration, size int64 }

// mp4Trex are the defaults of a track (8.8.3).
type mp4Trex struct {
	id int64
	mp4Defaults
}

// mp4Fragments is what the fragments of a track add up to.
type mp4Fragments struct {
	ticks, count, bytes int64
	started             bool
	start               int64 // where the first one says that it stands
	span                int64 // and how far the last one is from there
}

// mp4Run is a track in a fragment (traf) as its boxes come.
type mp4Run struct {
	mp4Defaults
	headed, placed bool
	flags          uint32
	at             int64 // tfdt: the decoding time of the first sample
	ticks, count   int64
	bytes          int64

	again   bool  // another track was before it
	base    int64 // what offsets of runs count from; mp4Unplaced: readers differ
	from    int64 // position of the next sample
	located bool  // the run's offset has come
	samples int64 // of the run
}

// mp4Unplaced is a base that leaves every sum with an offset negative.
const mp4Unplaced = math.MinInt64 / 2

// extends reads trex.
func (m *mp4) extends(h []byte) error {
	if len(m.trex) == 4*mp4Tracks {
		return fmt.Errorf("%w: an MP4 file of more than %d tracks", ErrUnsupported, 4*mp4Tracks)
	}
	m.trex = append(m.trex, mp4Trex{n32(h[4:]), mp4Defaults{n32(h[12:]), n32(h[16:])}})
	return nil
}

// fragmentHead reads the head of tfhd, tfdt or trun.
func (m *mp4) fragmentHead(h []byte) error {
	r, flags := &m.run, be32(h)&0xffffff
	switch string(m.kind[:]) {
	case "tfhd":
		if r.headed {
			return fmt.Errorf("%w: an MP4 fragment with two heads", ErrMalformed)
		}
		r.headed, r.flags, r.base = true, flags, m.outer
		if r.again && flags&tfhdMoof == 0 { // from the end of the other track's data
			r.base = mp4Unplaced
		}
		r.from = r.base
		for i := range m.tracks {
			if t := &m.tracks[i]; t.id == n32(h[4:]) {
				m.traf, r.mp4Defaults = t, t.trex
			}
		}
		return m.table(0, 1, 4*bits.OnesCount32(flags&(tfhdDescribed|tfhdDuration|tfhdSize|tfhdFlags))+8*int(flags&tfhdBase))
	case "tfdt":
		if r.placed {
			return fmt.Errorf("%w: an MP4 fragment with two times", ErrMalformed)
		}
		r.placed, r.at = true, n32(h[4:])
		if h[0] == 1 {
			return m.table(0, 1, 4)
		}
	case "trun":
		if !r.headed {
			return fmt.Errorf("%w: an MP4 fragment without a head", ErrMalformed)
		}
		r.flags, r.samples, r.located = flags, n32(h[4:]), flags&trunOffset == 0
		if !r.located {
			return m.table(0, 1, 4)
		}
		return m.runTable()
	}
	return nil
}

// runTable announces the samples of trun, and counts what their rows do not say.
func (m *mp4) runTable() error {
	r := &m.run
	r.count = add(r.count, r.samples)
	if r.flags&trunDuration == 0 {
		r.ticks = add(r.ticks, mulCap(r.samples, r.duration))
	}
	if r.flags&trunSize == 0 {
		r.bytes = add(r.bytes, mulCap(r.samples, r.size))
		if r.size > 0 && m.traf != nil && m.traf.packets != nil {
			for range r.samples {
				if err := m.packet(r.size); err != nil {
					return err
				}
			}
		}
	}
	return m.table(4*int64(bits.OnesCount32(r.flags&trunFirstFlags)), r.samples, 4*bits.OnesCount32(r.flags&trunRow))
}

// packet takes the size of the next sample. It must stand behind the tables: what is before them has passed.
func (m *mp4) packet(size int64) error {
	r := &m.run
	if m.traf == nil || m.traf.packets == nil {
		return nil
	}
	if r.from < m.levels[0].end {
		return fmt.Errorf("%w: an MP4 fragment of Opus that does not tell where its packets are", ErrLate)
	}
	err := m.traf.packets.place(r.from, size)
	r.from = add(r.from, size)
	return err
}

// fragmentRow reads the members of tfhd, the second half of tfdt, or the offset or a sample of trun.
func (m *mp4) fragmentRow(h []byte) error {
	r := &m.run
	switch string(m.kind[:]) {
	case "tfhd":
		if r.flags&tfhdBase != 0 {
			r.base = n64(h)
			r.from, h = r.base, h[8:]
		}
		if r.flags&tfhdDescribed != 0 {
			h = h[4:]
		}
		if r.flags&tfhdDuration != 0 {
			r.duration, h = n32(h), h[4:]
		}
		if r.flags&tfhdSize != 0 {
			r.size = n32(h)
		}
	case "tfdt":
		r.at = min(r.at<<32|n32(h), most64)
	case "trun":
		if !r.located {
			r.located, r.from = true, r.base+int64(int32(be32(h))) //nolint:gosec // it has a sign
			return m.runTable()
		}
		if r.flags&trunDuration != 0 {
			r.ticks, h = add(r.ticks, n32(h)), h[4:]
		}
		if r.flags&trunSize != 0 {
			r.bytes = add(r.bytes, n32(h))
			return m.packet(n32(h))
		}
	}
	return nil
}

// endTraf counts what the fragment has of a track. Its media stands behind it, so it is paid before it passes.
func (m *mp4) endTraf() error {
	t, r := m.traf, &m.run
	if m.traf = nil; t == nil {
		return nil
	}
	f := &t.fragments
	f.ticks, f.count, f.bytes = add(f.ticks, r.ticks), add(f.count, r.count), add(f.bytes, r.bytes)
	if r.placed {
		if !f.started {
			f.started, f.start = true, r.at
		}
		if ahead := r.at - f.start - max(f.span, f.ticks); ahead > 0 && ticks(ahead, t.scale) > maxGap {
			return fmt.Errorf("%w: a gap of more than %v in an MP4 file", ErrMalformed, maxGap)
		}
		f.span = max(f.span, add(max(r.at-f.start, 0), r.ticks))
	}
	now := t.elapsed()
	if now-m.now > maxWhole {
		return fmt.Errorf("%w: an MP4 fragment of more than %v", ErrMalformed, maxWhole)
	}
	m.tick(now)
	return nil
}
