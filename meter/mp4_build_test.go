package meter_test

import (
	"encoding/binary"
	"slices"
)

// box is a box with its size; full adds version and flags.
func box(kind string, content ...[]byte) []byte {
	body := slices.Concat(content...)
	return slices.Concat(n32(8+len(body)), []byte(kind), body)
}

func full(kind string, flags uint32, content ...[]byte) []byte {
	return box(kind, n32(int(flags)), slices.Concat(content...))
}

func n32(v ...int) (b []byte) {
	for _, v := range v {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}

func n64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// mp4File is a file of AAC at 48 kHz, of chunks of samples of 1024; its members may lie.
type mp4File struct {
	handler  string
	entry    []byte
	scale    int
	length   int
	times    []int // pairs of stts
	perChunk []int // triples of stsc
	sizes    []int
	same     int // instead of sizes
	offsets  []int
	edits    []int
	wide     bool // 64-bit boxes and times
	before   []byte
	first    []byte // in ftyp
	extra    []byte // in moov
	reorder  bool
}

// esds is the descriptor of AAC LC at 48 kHz.
func esds(kind byte, config []byte) []byte {
	specific := append([]byte{5, byte(len(config))}, config...)
	decoder := append([]byte{4, byte(13 + len(specific)), kind, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, specific...)
	return full("esds", 0, []byte{3, 0x80, 0x80, byte(3 + len(decoder)), 0, 1, 0}, decoder)
}

// sampleEntry is an entry of stsd.
func sampleEntry(kind string, boxes ...[]byte) []byte {
	return box(kind, make([]byte, 6), []byte{0, 1}, make([]byte, 8), []byte{0, 2, 0, 16, 0, 0, 0, 0}, n32(48_000<<16), slices.Concat(boxes...))
}

func aacEntry() []byte { return sampleEntry("mp4a", esds(0x40, []byte{0x11, 0x90})) }

// aac100 are 100 samples in chunks of 10 that begin every 1000 bytes of mdat.
func aac100() mp4File {
	f := mp4File{handler: "soun", entry: aacEntry(), scale: 48_000, length: 100 * 1024, times: []int{100, 1024}, perChunk: []int{1, 10, 1}}
	for i := range 100 {
		f.sizes = append(f.sizes, 90)
		if i%10 == 0 {
			f.offsets = append(f.offsets, 100*i)
		}
	}
	return f
}

func (f mp4File) trak(id, base int) []byte {
	stsz := full("stsz", 0, n32(0, len(f.sizes)), n32(f.sizes...))
	if f.same > 0 {
		stsz = full("stsz", 0, n32(f.same, len(f.sizes)))
	}
	offsets := full("stco", 0, n32(len(f.offsets)), func() (b []byte) {
		for _, o := range f.offsets {
			b = append(b, n32(base+o)...)
		}
		return b
	}())
	mdhd := full("mdhd", 0, n32(0, 0, f.scale, f.length, 0))
	tkhd := full("tkhd", 0, n32(0, 0, id, 0), make([]byte, 68))
	if f.wide {
		mdhd = full("mdhd", 1<<24, make([]byte, 16), n32(f.scale), n64(uint64(f.length)), n32(0))
		tkhd = full("tkhd", 1<<24, make([]byte, 16), n32(id, 0), make([]byte, 76))
		offsets = full("co64", 0, n32(len(f.offsets)), func() (b []byte) {
			for _, o := range f.offsets {
				b = append(b, n64(uint64(base+o))...)
			}
			return b
		}())
	}
	edits := []byte(nil)
	if len(f.edits) > 0 {
		rows := []byte(nil)
		for _, e := range f.edits {
			if f.wide {
				rows = append(rows, slices.Concat(n64(uint64(e)), n64(0), n32(1<<16))...)
			} else {
				rows = append(rows, n32(e, 0, 1<<16)...)
			}
		}
		version := uint32(0)
		if f.wide {
			version = 1 << 24
		}
		edits = box("edts", full("elst", version, n32(len(f.edits)), rows))
	}
	tables := [][]byte{
		full("stsd", 0, n32(1), f.entry), full("stts", 0, n32(len(f.times)/2), n32(f.times...)),
		full("stsc", 0, n32(len(f.perChunk)/3), n32(f.perChunk...)), stsz, offsets,
	}
	if f.reorder {
		slices.Reverse(tables)
	}
	return box("trak", tkhd, edits, box("mdia", mdhd, full("hdlr", 0, n32(0), []byte(f.handler), make([]byte, 13)),
		box("minf", box("smhd", make([]byte, 8)), box("stbl", tables...))))
}

// mp4Of joins tracks and media; offsets count from the beginning of the media.
func mp4Of(media []byte, files ...mp4File) []byte {
	head := slices.Concat(box("ftyp", []byte("M4A \x00\x00\x00\x00"), files[0].first), files[0].before)
	base := 0
	var moov []byte
	for range 2 { // its size tells the offsets
		parts := [][]byte{full("mvhd", 0, n32(0, 0, 1000, 0), make([]byte, 80))}
		for i, f := range files {
			parts = append(parts, f.trak(i+1, base))
		}
		moov = box("moov", append(parts, files[0].extra)...)
		base = len(head) + len(moov) + 8
	}
	return slices.Concat(head, moov, box("mdat", media))
}

func mp4With(change func(*mp4File)) mp4File { f := aac100(); change(&f); return f }

// fragment is a moof of n samples and its mdat.
func fragment(id, n, duration int, tfdt []byte) []byte {
	return slices.Concat(box("moof", full("mfhd", 0, n32(1)), box("traf", full("tfhd", 0x20008, n32(id, duration)), tfdt,
		full("trun", 0x201, n32(n, 0), n32(slices.Repeat([]int{90}, n)...)))), box("mdat", make([]byte, 90*n)))
}

func tfdt(at int) []byte { return full("tfdt", 0, n32(at)) }

// fragmented is an index without media, and fragments.
func fragmented(parts ...[]byte) []byte {
	f := mp4File{handler: "soun", entry: aacEntry(), scale: 48_000, extra: box("mvex", full("trex", 0, n32(1, 1, 1024, 90, 0)))}
	file := mp4Of(nil, f)
	return slices.Concat(file[:len(file)-8], slices.Concat(parts...))
}
