package meter

import (
	"fmt"
	"math"
	"math/bits"
	"time"
)

// mp4Nowhere is a position that does not come.
const mp4Nowhere = int64(math.MaxInt64)

// mp4Packets reads how long the packets of a track last from the packets themselves, where only they tell (Opus):
// tables may call a packet of 120 ms one of 20. The tables tell where each packet begins, and its first bytes are read
// there as they pass, whatever box they are in.
//
//	tables ─► size, size, gap, size … ─► position of the next packet ─► its table of contents ─► units
//
// Packets stand one behind the other, behind the tables that tell of them. What cannot be found in that way has no
// time here: ErrLate.
type mp4Packets struct {
	pool  *mp4Pool
	sizes mp4Queue // of samples, until a chunk tells where they are
	queue mp4Queue // twice the size of a packet that is to come, and 1 where a gap is in front, which follows
	end   int64    // of the last packet in the queue

	want  int64 // position of the byte that is read next
	start int64 // of the packet to come
	size  int64 // and how many bytes it has
	head  [2]byte
	have  int

	indexed int64     // packets in the queue that the index tells of; the others are in fragments
	sums    [2]mp4Sum // of those, and of the others
}

// mp4Sum is how long packets are.
type mp4Sum struct{ units, last int64 }

// heard leaves out the last packet, within bounds: tables say where in it the audio ends, and they count too.
func (s mp4Sum) heard() time.Duration { return ticks(s.units-min(s.last, s.units/trimShare), opusRate) }

func newMP4Packets(pool *mp4Pool) *mp4Packets {
	return &mp4Packets{pool: pool, want: mp4Nowhere}
}

// sized takes the size of a sample whose place a chunk will tell.
func (p *mp4Packets) sized(n int64) error {
	if !p.sizes.put(p.pool, n) {
		return errMP4Packets()
	}
	return nil
}

func errMP4Packets() error {
	return fmt.Errorf("%w: an MP4 track of Opus whose tables have more packets than are kept", ErrLate)
}

// drop gives back what is kept.
func (p *mp4Packets) drop() {
	p.sizes.drop(p.pool)
	p.queue.drop(p.pool)
}

// place adds a packet, which must stand behind those before it.
func (p *mp4Packets) place(at, size int64) error {
	if size == 0 { // a decoder fills in for what is lost, and nothing was said
		return nil
	}
	gap := at - p.end
	if gap < 0 {
		return fmt.Errorf("%w: an MP4 track of Opus whose packets do not stand one behind the other", ErrLate)
	}
	v := size << 1
	if gap > 0 {
		v |= 1
	}
	if !p.queue.put(p.pool, v) || gap > 0 && !p.queue.put(p.pool, gap) {
		return errMP4Packets()
	}
	p.end = add(at, size)
	if p.want == mp4Nowhere {
		p.following()
	}
	return nil
}

// following goes to the next packet in the queue.
func (p *mp4Packets) following() {
	p.have, p.want = 0, mp4Nowhere
	v, ok := p.queue.get(p.pool)
	if !ok {
		return
	}
	p.start += p.size
	if v&1 != 0 {
		gap, _ := p.queue.get(p.pool)
		p.start += gap
	}
	p.size, p.want = v>>1, p.start
}

// see is shown the byte at a position. It counts the packet when its table is whole.
func (p *mp4Packets) see(at int64, b byte) error {
	if at != p.want {
		return nil
	}
	p.head[p.have] = b
	if p.have++; p.have == 1 && b&3 == 3 && p.size > 1 { // the number of frames follows
		p.want++
		return nil
	}
	n, err := opusSamples(p.head[:p.have])
	if err != nil {
		return err
	}
	s := &p.sums[1]
	if p.indexed > 0 {
		p.indexed--
		s = &p.sums[0]
	}
	s.units, s.last = add(s.units, int64(n)), int64(n)
	p.following()
	return nil
}

// see shows each track the last byte that passed.
func (m *mp4) see(b byte) error {
	for i := range m.tracks {
		if p := m.tracks[i].packets; p != nil {
			if err := p.see(m.pos-1, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell gives a track the packets that its index tells of. Where edits repeat them, they last so much longer in the
// same proportion, which tables that leave a packet less than it can have would make any number.
func (m *mp4) tell(track *mp4Track, t *mp4Trak) error {
	x := &t.index
	if x.chunk > 0 && (x.early || x.packets == nil) {
		return fmt.Errorf("%w: an MP4 track of Opus with tables in an order in which its packets cannot be found", ErrLate)
	}
	if track.packets = x.packets; track.packets == nil {
		track.packets = newMP4Packets(&m.pool)
	}
	track.packets.sizes.drop(&m.pool) // of samples without a place
	track.shown, track.media = ticks(t.edits, max(m.movie, 1)), ticks(x.ticks, t.scale)
	if x.chunk > 0 && track.shown > track.media && track.media < track.codec.lasts(x.samples(), 0) {
		return fmt.Errorf("%w: an MP4 track of Opus in packets of less than 2.5 ms, with edits", ErrLate)
	}
	return nil
}

// repeated is t as often as part goes into whole, where that is more than once.
func repeated(t, whole, part time.Duration) time.Duration {
	if whole <= part || part <= 0 {
		return t
	}
	hi, lo := bits.Mul64(uint64(t), uint64(whole)) //nolint:gosec // not negative
	if hi >= uint64(part) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(part))
	return time.Duration(min(q, math.MaxInt64))
}
