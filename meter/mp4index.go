package meter

import (
	"math"
	"math/bits"
	"time"
)

// mp4Steps bounds what is kept of an index. A longer one is kept coarser.
const mp4Steps = 4096

// mp4Runs bounds the runs of equal rows of a table. Beyond it, the whole of the audio counts at once.
const mp4Runs = 1 << 16

// mp4Pair is a row of a table of runs: stts has a number of samples and how long each is, stsc the
// first of some chunks and the number of samples in each.
type mp4Pair struct{ a, b uint32 }

// mp4Step says that so much time counts when the byte at a position passes.
type mp4Step struct {
	at   int64
	upTo time.Duration
}

// mp4Stair holds where the audio of a track is in the file, and how much of it. When there are more steps than are kept,
// some become one that begins where the first of them did: audio then counts a little early, and never late.
type mp4Stair struct {
	steps  []mp4Step
	stride int // steps that became one
	n      int // added
}

func (s *mp4Stair) add(at int64, upTo time.Duration) {
	if len(s.steps) == mp4Steps && s.n%s.stride == 0 {
		for i := range mp4Steps / 2 {
			s.steps[i] = mp4Step{s.steps[2*i].at, s.steps[2*i+1].upTo}
		}
		s.steps = s.steps[:mp4Steps/2]
		s.stride *= 2
	}
	if s.stride = max(s.stride, 1); s.n%s.stride == 0 {
		s.steps = append(s.steps, mp4Step{at, upTo})
	} else {
		s.steps[len(s.steps)-1].upTo = upTo
	}
	s.n++
}

// mp4Index turns the tables of a track, as they pass, into a stair: stts (how long samples are), stsc (how many are in a
// chunk), stsz (how large they are) and stco (where chunks are) (ISO/IEC 14496-12, 8.6.1.2, 8.7.3 to 8.7.5).
//
//	chunk ─► its samples ─► each one's size and time ─► steps
//
// The three others must have come before stco, as every writer has it; else the whole counts at once.
type mp4Index struct {
	times  []mp4Pair
	chunks []mp4Pair
	sizes  []int64 // bytes before each stride-th sample
	stride int64
	same   int64 // the size of every sample; 0: sizes
	count  int64 // samples by stsz
	bytes  int64 // of these
	timed  int64 // samples by stts
	ticks  int64 // their time

	begun   bool        // a chunk has come
	early   bool        // all of it counts at once
	packets *mp4Packets // where the packets tell their time
	chunk   int64
	inRun   int   // of chunks
	sample  int64 // first one of the chunk
	run     int   // of times
	runAt   int64 // first sample of the run
	runT    int64 // and its time
	last    int64 // position of the last chunk
	stair   mp4Stair
}

// time adds a row of stts.
func (x *mp4Index) time(count, delta uint32) {
	x.early = x.early || x.begun || len(x.times) >= mp4Runs
	if !x.early {
		x.times = append(x.times, mp4Pair{count, delta})
	}
	x.timed = add(x.timed, int64(count))
	x.ticks = add(x.ticks, mulCap(int64(count), int64(delta)))
}

// perChunk adds a row of stsc.
func (x *mp4Index) perChunk(first, samples uint32) {
	x.early = x.early || x.begun || len(x.chunks) >= mp4Runs
	if !x.early {
		x.chunks = append(x.chunks, mp4Pair{first, samples})
	}
}

// equal takes the head of stsz.
func (x *mp4Index) equal(size, count int64) {
	x.early = x.early || x.begun
	x.same, x.stride = size, 1
	if size > 0 {
		x.count, x.bytes = count, mulCap(size, count)
		x.stride = max(1, count/mp4Steps)
	}
}

// size adds a row of stsz.
func (x *mp4Index) size(n uint32) error {
	if x.count%x.stride == 0 {
		if len(x.sizes) == mp4Steps {
			for i := range mp4Steps / 2 {
				x.sizes[i] = x.sizes[2*i]
			}
			x.sizes = x.sizes[:mp4Steps/2]
			x.stride *= 2
		}
		if x.count%x.stride == 0 {
			x.sizes = append(x.sizes, x.bytes)
		}
	}
	x.count++
	x.bytes += int64(n)
	if x.packets != nil {
		return x.packets.sized(int64(n))
	}
	return nil
}

// samples is their number.
func (x *mp4Index) samples() int64 { return max(x.count, x.timed) }

// before is the number of bytes before a sample, which must be at a stride; behind the last one, of all.
func (x *mp4Index) before(sample int64) int64 {
	switch i := sample / x.stride; {
	case sample >= x.count:
		return x.bytes
	case x.same > 0:
		return sample * x.same
	case i < int64(len(x.sizes)):
		return x.sizes[i]
	}
	return x.bytes
}

// place takes a row of stco or co64: the steps of a chunk, and its packets. at is when a sample ends, in time.
func (x *mp4Index) place(offset int64, end func(sample int64) time.Duration) error {
	x.early = x.early || x.stride == 0 || len(x.times) == 0 || len(x.chunks) == 0 || offset < x.last
	x.begun, x.last = true, max(x.last, offset)
	x.chunk++
	for x.inRun+1 < len(x.chunks) && int64(x.chunks[x.inRun+1].a) <= x.chunk {
		x.inRun++
	}
	if x.early {
		return nil
	}
	from := x.sample
	to := add(from, int64(x.chunks[x.inRun].b))
	x.sample = to
	round := func(n int64) int64 { return (n + x.stride - 1) / x.stride * x.stride }
	base := x.before(round(from)) // at most so much is before the chunk
	if err := x.placePackets(from, min(to, x.count), offset); err != nil {
		return err
	}
	for k := from; k < to; {
		next := min(to, round(k+1))
		if k >= x.count {
			next = to
		}
		at := offset
		if k > from {
			at += max(0, x.before(k)-base)
		}
		x.stair.add(at, end(next))
		k = next
	}
	return nil
}

// placePackets tells where those of a chunk are.
func (x *mp4Index) placePackets(from, to, at int64) error {
	if x.packets == nil {
		return nil
	}
	for ; from < to; from++ {
		size := x.same
		if size == 0 {
			size, _ = x.packets.sizes.get(x.packets.pool)
		}
		if err := x.packets.place(at, size); err != nil {
			return err
		}
		if size > 0 {
			x.packets.indexed++
		}
		at = add(at, size)
	}
	return nil
}

// ended is the time of all samples before one, in units of stts. Samples come in order.
func (x *mp4Index) ended(sample int64) int64 {
	for x.run < len(x.times) && x.runAt+int64(x.times[x.run].a) <= sample {
		t := x.times[x.run]
		x.runT = add(x.runT, mulCap(int64(t.a), int64(t.b)))
		x.runAt += int64(t.a)
		x.run++
	}
	if x.run == len(x.times) {
		return x.runT
	}
	return add(x.runT, mulCap(sample-x.runAt, int64(x.times[x.run].b)))
}

// mulCap multiplies what is not negative; the product stays at the maximum.
func mulCap(a, b int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b)) //nolint:gosec // not negative
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lo)
}

// share is t of part in the same proportion as whole to part, rounded down.
func share(t, whole, part time.Duration) time.Duration {
	if part <= 0 || t >= part {
		return whole
	}
	hi, lo := bits.Mul64(uint64(t), uint64(whole)) //nolint:gosec // not negative
	q, _ := bits.Div64(hi, lo, uint64(part))
	return time.Duration(q) //nolint:gosec // at most whole
}
