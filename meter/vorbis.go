package meter

import (
	"fmt"
	"math"
	"math/bits"
)

// vorbisSetupBytes bounds the one header that must be kept whole: the lengths of blocks stand at its end. Those of
// real encoders have 3 to 10 KiB.
const vorbisSetupBytes = 64 << 10

// vorbis is the clock of Vorbis packets (Vorbis I, 4.3.1 and 4.3.8): a packet names a mode, a mode has long blocks
// or short ones, and a packet adds a quarter of the block before it and a quarter of its own.
type vorbis struct {
	channels int
	blocks   [2]int64
	modeBits int
	long     [64]bool
	modes    int
	before   int64 // the block of the last packet, 0 before the first
}

// vorbisEssence reads the identification header (Vorbis I, 4.2.2) and the setup header (4.2.4).
func vorbisEssence(ident, setup []byte) (essence, error) {
	e, v, err := vorbisIdent(ident)
	if err == nil {
		err = v.setup(setup)
	}
	return e, err
}

// vorbisIdent reads the identification header alone.
func vorbisIdent(h []byte) (essence, *vorbis, error) {
	if len(h) < 30 || string(h[:7]) != "\x01vorbis" || le32(h[7:]) != 0 {
		return essence{}, nil, fmt.Errorf("%w: a Vorbis stream without its header", ErrMalformed)
	}
	v := &vorbis{channels: int(h[11])}
	rate, short, long := int64(le32(h[12:])), h[28]&15, h[28]>>4
	if short < 6 || long > 13 || short > long {
		return essence{}, nil, fmt.Errorf("%w: Vorbis blocks of 2^%d and 2^%d samples", ErrMalformed, short, long)
	}
	v.blocks = [2]int64{1 << short, 1 << long}
	return essence{codec: "vorbis", rate: rate, channels: v.channels, need: 1, measure: v.packet}, v, checkAudio(rate, v.channels)
}

// packet is one of audio, or a header that came again and lasts nothing.
func (v *vorbis) packet(head []byte, _ int64) (int64, error) {
	if head[0]&1 != 0 {
		return 0, nil
	}
	mode := int(head[0]>>1) & (1<<v.modeBits - 1)
	if mode >= v.modes {
		return 0, fmt.Errorf("%w: a Vorbis packet in mode %d of %d", ErrMalformed, mode, v.modes)
	}
	block := v.blocks[0]
	if v.long[mode] {
		block = v.blocks[1]
	}
	n := v.before/4 + block/4
	if v.before == 0 {
		n = 0 // the first packet only fills the decoder
	}
	v.before = block
	return n, nil
}

// setup walks the setup header to its last part, the modes.
func (v *vorbis) setup(h []byte) error {
	if len(h) > vorbisSetupBytes {
		return fmt.Errorf("%w: a Vorbis setup of more than %d bytes", ErrUnsupported, vorbisSetupBytes)
	}
	if len(h) < 7 || string(h[:7]) != "\x05vorbis" {
		return fmt.Errorf("%w: a Vorbis stream without its setup", ErrMalformed)
	}
	r := &lsb{p: h[7:]}
	for range r.read(8) + 1 {
		v.codebook(r)
	}
	for range r.read(6) + 1 {
		r.zero(16)
	}
	for range r.read(6) + 1 {
		v.floor(r)
	}
	for range r.read(6) + 1 {
		v.residue(r)
	}
	for range r.read(6) + 1 {
		v.mapping(r)
	}
	v.modes = r.read(6) + 1
	for i := range v.modes {
		v.long[i] = r.read(1) == 1
		r.zero(32)
		r.read(8)
	}
	if r.read(1) != 1 || r.bad {
		return fmt.Errorf("%w: a Vorbis setup that cannot be read", ErrMalformed)
	}
	v.modeBits = bits.Len(uint(v.modes - 1))
	return nil
}

// codebook is passed over (Vorbis I, 3.2.1).
func (v *vorbis) codebook(r *lsb) {
	r.bad = r.bad || r.read(24) != 0x564342
	dims, entries := r.read(16), r.read(24)
	if r.read(1) == 1 { // ordered by length
		r.read(5)
		for done := 0; done < entries && !r.bad; {
			done += r.read(bits.Len(uint(entries - done)))
		}
	} else {
		sparse := r.read(1) == 1
		for i := 0; i < entries && !r.bad; i++ {
			if !sparse || r.read(1) == 1 {
				r.read(5)
			}
		}
	}
	switch kind := r.read(4); kind {
	case 0:
	case 1, 2:
		r.skip(64)
		size := r.read(4) + 1
		r.read(1)
		values := entries * dims // below 2^40
		if kind == 1 {
			values = lookupValues(entries, dims)
		}
		r.skip(values * size)
	default:
		r.bad = true
	}
}

// lookupValues is the largest v with v^dims <= entries (Vorbis I, 9.2.3).
func lookupValues(entries, dims int) int {
	if dims == 0 || entries == 0 {
		return 0
	}
	fits := func(v int) bool {
		n := 1
		for range dims {
			if n *= v; n > entries {
				return false
			}
		}
		return true
	}
	// The root may be off by one on either side.
	v := int(math.Pow(float64(entries), 1/float64(dims))) + 1
	for v > 1 && !fits(v) {
		v--
	}
	return v
}

// floor is passed over (Vorbis I, 6.2.1 and 7.2.2).
func (v *vorbis) floor(r *lsb) {
	switch r.read(16) {
	case 0:
		r.skip(8 + 16 + 16 + 6 + 8)
		r.skip(8 * (r.read(4) + 1))
	case 1:
		var class [32]int
		partitions, most := r.read(5), -1
		for i := range partitions {
			class[i] = r.read(4)
			most = max(most, class[i])
		}
		var dims [16]int
		for i := range most + 1 {
			dims[i] = r.read(3) + 1
			sub := r.read(2)
			if sub > 0 {
				r.skip(8)
			}
			r.skip(8 << sub)
		}
		r.skip(2)
		size := r.read(4)
		for _, c := range class[:partitions] {
			r.skip(dims[c] * size)
		}
	default:
		r.bad = true
	}
}

// residue is passed over (Vorbis I, 8.6.1).
func (v *vorbis) residue(r *lsb) {
	r.bad = r.bad || r.read(16) > 2
	r.skip(24 + 24 + 24)
	classes := r.read(6) + 1
	r.skip(8)
	books := 0
	for range classes {
		cascade := r.read(3)
		if r.read(1) == 1 {
			cascade |= r.read(5) << 3
		}
		books += bits.OnesCount(uint(cascade))
	}
	r.skip(8 * books)
}

// mapping is passed over (Vorbis I, 4.2.4).
func (v *vorbis) mapping(r *lsb) {
	r.zero(16)
	submaps := 1
	if r.read(1) == 1 {
		submaps = r.read(4) + 1
	}
	if r.read(1) == 1 {
		steps := r.read(8) + 1
		r.skip(steps * 2 * bits.Len(uint(v.channels-1)))
	}
	r.zero(2)
	if submaps > 1 {
		r.skip(4 * v.channels)
	}
	r.skip(24 * submaps)
}

// lsb reads bits, the least significant first (Vorbis I, 2.1.4). Behind the end it is bad and reads zeros.
type lsb struct {
	p   []byte
	at  int
	bad bool
}

func (r *lsb) read(n int) int {
	v := 0
	for i := range n {
		if r.at >= 8*len(r.p) {
			r.bad = true
			return 0
		}
		v |= int(r.p[r.at/8]>>(r.at%8)&1) << i
		r.at++
	}
	return v
}

func (r *lsb) skip(n int) {
	if n > 8*len(r.p)-r.at {
		r.bad, r.at = true, 8*len(r.p)
		return
	}
	r.at += n
}

// zero wants bits that are none.
func (r *lsb) zero(n int) { r.bad = r.bad || r.read(n) != 0 }
