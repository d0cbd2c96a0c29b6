package meter

import (
	"fmt"
	"math/bits"
)

// Flags of tfhd and trun (ISO/IEC 14496-12, 8.8.7 and 8.8.8) that say which members are there.
const (
	tfhdBase       = 0x1 // 8 bytes; the others have 4
	tfhdDescribed  = 0x2
	tfhdDuration   = 0x8
	tfhdSize       = 0x10
	tfhdFlags      = 0x20
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
}

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
		r.headed, r.flags = true, flags
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
		r.flags = flags
		count := n32(h[4:])
		r.count = add(r.count, count)
		if flags&trunDuration == 0 {
			r.ticks = add(r.ticks, mulCap(count, r.duration))
		}
		if flags&trunSize == 0 {
			r.bytes = add(r.bytes, mulCap(count, r.size))
		}
		return m.table(4*int64(bits.OnesCount32(flags&(trunOffset|trunFirstFlags))), count, 4*bits.OnesCount32(flags&trunRow))
	}
	return nil
}

// fragmentRow reads the members of tfhd, the second half of tfdt, or a sample of trun.
func (m *mp4) fragmentRow(h []byte) {
	r := &m.run
	switch string(m.kind[:]) {
	case "tfhd":
		if r.flags&tfhdBase != 0 {
			h = h[8:]
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
		if r.flags&trunDuration != 0 {
			r.ticks, h = add(r.ticks, n32(h)), h[4:]
		}
		if r.flags&trunSize != 0 {
			r.bytes = add(r.bytes, n32(h))
		}
	}
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
	if t.codec.tooShort(ticks(f.ticks, t.scale), f.count) {
		return fmt.Errorf("%w: an MP4 track of Opus in packets of less than 20 ms", ErrLate)
	}
	now := t.elapsed()
	if now-m.now > maxWhole {
		return fmt.Errorf("%w: an MP4 fragment of more than %v", ErrMalformed, maxWhole)
	}
	m.tick(now)
	return nil
}
