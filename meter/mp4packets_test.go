package meter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// Tables of contents of Opus packets, and how long they are (RFC 6716, 3.1).
var (
	toc10, toc20, toc60 = []byte{0x00}, []byte{0xfc}, []byte{0x18}
	toc120, toc120two   = []byte{0x19}, []byte{0x1b, 2} // two frames of 60 ms, told in one byte and in two
)

func opusEntry() []byte {
	return sampleEntry("Opus", box("dOps", []byte{0, 2, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0}))
}

// opus100 are 100 packets that are declared as 20 ms each, where aac100 has its samples.
func opus100(change func(*mp4File)) mp4File {
	return mp4With(func(f *mp4File) {
		f.entry, f.times, f.length = opusEntry(), []int{100, 960}, 0
		if change != nil {
			change(f)
		}
	})
}

// opusMedia is media with such packets in it. What is between them would be packets of other lengths.
func opusMedia(toc []byte) []byte {
	media := bytes.Repeat([]byte{0x1a}, 10_000)
	for i := range 100 {
		copy(media[i/10*1000+i%10*90:], toc)
	}
	return media
}

// opusRun is a fragment of n packets of 90 bytes that are declared as 20 ms each: flags and members of tfhd, flags of
// trun, its offset from where the media begins, and what else is in front of the media.
type opusRun struct {
	n, tfhd  int
	members  []byte
	trun     int
	offset   int
	gap      int
	absolute bool
}

func (r opusRun) after(file, toc []byte) []byte {
	moof := []byte(nil)
	for range 2 { // its size tells the offset
		media := len(moof) + 8 + r.gap
		tfhd := slices.Concat(n32(1), r.members)
		if r.absolute {
			tfhd = slices.Concat(n32(1), n64(uint64(len(file)+media)), r.members)
			media = 0
		}
		trun := n32(r.n)
		if r.trun&1 != 0 {
			trun = append(trun, n32(media+r.offset)...)
		}
		if r.trun&4 != 0 {
			trun = append(trun, n32(0)...)
		}
		if r.trun&0x200 != 0 {
			trun = append(trun, n32(slices.Repeat([]int{90}, r.n)...)...)
		}
		moof = box("moof", full("mfhd", 0, n32(1)), box("traf", full("tfhd", uint32(r.tfhd), tfhd), full("trun", uint32(r.trun), trun)))
	}
	packet := make([]byte, 90)
	copy(packet, toc)
	return slices.Concat(file, moof, box("mdat", make([]byte, r.gap), bytes.Repeat(packet, r.n)))
}

// opusFragmented is an index without media.
func opusFragmented() []byte {
	f := mp4File{handler: "soun", entry: opusEntry(), scale: 48_000, extra: box("mvex", full("trex", 0, n32(1, 1, 960, 90, 0)))}
	file := mp4Of(nil, f)
	return file[:len(file)-8]
}

// TestMP4OpusLastsWhatItsPacketsSay has tables that call each packet one of 20 ms. Of the last packet only a part may be
// heard, so it does not count.
func TestMP4OpusLastsWhatItsPacketsSay(t *testing.T) {
	const ms = time.Millisecond
	front := func(toc []byte, change func(*mp4File)) []byte { return mp4Of(opusMedia(toc), opus100(change)) }
	run := func(r opusRun, toc []byte) []byte { return r.after(r.after(opusFragmented(), toc), toc) }
	for name, c := range map[string]struct {
		file []byte
		want time.Duration
	}{
		"10 ms":                         {front(toc10, nil), 2000 * ms},
		"10 ms, and tables that say so": {front(toc10, func(f *mp4File) { f.times = []int{100, 480} }), 1000 * ms},
		"20 ms":                         {front(toc20, nil), 2000 * ms},
		"60 ms":                         {front(toc60, nil), 99 * 60 * ms},
		"120 ms":                        {front(toc120, nil), 99 * 120 * ms},
		"120 ms, told in two bytes":     {front(toc120two, nil), 99 * 120 * ms},
		"of one size":                   {front(toc120, func(f *mp4File) { f.same = 90 }), 99 * 120 * ms},
		"positions of 64 bits":          {front(toc120two, func(f *mp4File) { f.wide = true }), 99 * 120 * ms},
		"times that say nothing":        {front(toc60, func(f *mp4File) { f.times = []int{100, 0} }), 99 * 60 * ms},
		"chunks of more than there is":  {front(toc60, func(f *mp4File) { f.perChunk = []int{1, 10, 1, 10, 1 << 30, 1} }), 99 * 60 * ms},
		"a sample of no bytes":          {front(toc60, func(f *mp4File) { f.sizes[9], f.sizes[99] = 0, 0 }), 97 * 60 * ms},
		"packets of one byte": {mp4Of(bytes.Repeat(toc120, 100), opus100(func(f *mp4File) {
			f.same, f.perChunk, f.offsets = 1, []int{1, 100, 1}, []int{0}
		})), 99 * 120 * ms},
		"edits that repeat":         {front(toc120, func(f *mp4File) { f.edits = []int{2000, 2000, 2000} }), 3 * 99 * 120 * ms},
		"edits that cut":            {front(toc120, func(f *mp4File) { f.edits = []int{500} }), 99 * 120 * ms},
		"beside AAC":                {mp4Of(opusMedia(toc120), aac100(), opus100(nil)), 99 * 120 * ms},
		"a last packet cut short":   {front(toc20, func(f *mp4File) { f.times = []int{99, 960, 1, 500} }), samples(99*960+500, 48_000)},
		"fragments":                 {run(opusRun{n: 50, tfhd: 0x20000, trun: 0x201}, toc120two), 99 * 120 * ms},
		"fragments of 20 ms":        {run(opusRun{n: 50, tfhd: 0x20000, trun: 0x201}, toc20), 2000 * ms},
		"fragments of one size":     {run(opusRun{n: 50, trun: 1}, toc120), 99 * 120 * ms},
		"a size for the fragment":   {run(opusRun{n: 50, tfhd: 0x10, members: n32(90), trun: 1}, toc120), 99 * 120 * ms},
		"more members":              {run(opusRun{n: 50, tfhd: 0x3a, members: n32(1, 960, 90, 0), trun: 5}, toc120), 99 * 120 * ms},
		"a gap before the packets":  {run(opusRun{n: 50, trun: 0x205, gap: 99}, toc60), 99 * 60 * ms},
		"an absolute position":      {run(opusRun{n: 50, tfhd: 1, trun: 0x200, absolute: true}, toc60), 99 * 60 * ms},
		"a position and an offset":  {run(opusRun{n: 50, tfhd: 1, trun: 0x201, absolute: true}, toc60), 99 * 60 * ms},
		"an index and fragments":    {opusRun{n: 50, trun: 1, tfhd: 0x18, members: n32(960, 90)}.after(front(toc60, nil), toc120), (99*60 + 49*120) * ms},
		"an offset into the packet": {run(opusRun{n: 50, trun: 0x201, offset: -1, gap: 1}, toc10), 2000 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			got := elapsed(t, auto, c.file)
			if d := got - c.want; d < -1 || d > 1 { // index and fragments are rounded apart
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestMP4OpusCountsAPacketWhenItsTableHasPassed goes through the media byte by byte.
func TestMP4OpusCountsAPacketWhenItsTableHasPassed(t *testing.T) {
	const ms = time.Millisecond
	file := mp4Of(opusMedia(toc120), opus100(nil))
	a := meter.NewAuto()
	if err := a.Write(file[:len(file)-10_000]); err != nil {
		t.Fatal(err)
	}
	for i, b := range file[len(file)-10_000:] {
		if err := a.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		n := time.Duration(i/1000*10 + min(10, i%1000/90+1))
		if got, want := a.Elapsed(), n*120*ms-min(120*ms, n*120*ms/16); got < want-1 || got > want+1 {
			t.Fatalf("%v at byte %d of the media, want %v", got, i, want)
		}
	}
}

func TestMP4OpusThatCannotBeFoundIsRefused(t *testing.T) {
	front := func(toc []byte, change func(*mp4File)) []byte { return mp4Of(opusMedia(toc), opus100(change)) }
	many := func(f *mp4File) {
		f.same, f.sizes, f.perChunk, f.offsets = 1, make([]int, 3<<20), []int{1, 3 << 20, 1}, []int{0}
	}
	two := func() []byte {
		traf := func(flags uint32) []byte {
			return box("traf", full("tfhd", flags, n32(1)), full("trun", 1, n32(1, 500)))
		}
		return slices.Concat(opusFragmented(), box("moof", traf(0), traf(0)), box("mdat", make([]byte, 1000)))
	}
	for name, c := range map[string]struct {
		file []byte
		err  error
	}{
		"tables in another order":         {front(toc20, func(f *mp4File) { f.reorder = true }), meter.ErrLate},
		"chunks in another order":         {front(toc20, func(f *mp4File) { slices.Reverse(f.offsets) }), meter.ErrLate},
		"chunks that overlap":             {front(toc20, func(f *mp4File) { f.offsets[3] = f.offsets[2] + 899 }), meter.ErrLate},
		"more packets than are kept":      {front(toc20, many), meter.ErrLate},
		"edits of media of no time":       {front(toc20, func(f *mp4File) { f.times, f.edits = []int{100, 0}, []int{1} }), meter.ErrLate},
		"a fragment without an offset":    {opusRun{n: 5, trun: 0x200}.after(opusFragmented(), toc20), meter.ErrLate},
		"an offset into the fragment":     {opusRun{n: 5, trun: 0x201, offset: -9}.after(opusFragmented(), toc20), meter.ErrLate},
		"an offset before the file":       {opusRun{n: 5, trun: 0x201, offset: -1 << 20}.after(opusFragmented(), toc20), meter.ErrLate},
		"an offset behind the other's":    {two(), meter.ErrLate},
		"a fragment of too many":          {slices.Concat(opusFragmented(), box("moof", box("traf", full("tfhd", 0x10, n32(1, 1)), full("trun", 1, n32(1<<31, 500))))), meter.ErrLate},
		"a packet of no frames":           {front([]byte{0x1b, 0}, nil), meter.ErrMalformed},
		"a packet of more than 120 ms":    {front([]byte{0x1b, 3}, nil), meter.ErrMalformed},
		"a fragment of such":              {opusRun{n: 5, trun: 0x201}.after(opusFragmented(), []byte{0x1b, 3}), meter.ErrMalformed},
		"a packet that ends in its table": {mp4Of(bytes.Repeat([]byte{0x1b}, 100), opus100(func(f *mp4File) { f.same, f.perChunk, f.offsets = 1, []int{1, 100, 1}, []int{0} })), meter.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if err := refused(t, auto, c.file); !errors.Is(err, c.err) || errors.Is(err, meter.ErrLate) != errors.Is(c.err, meter.ErrLate) {
				t.Errorf("error %v, want %v", err, c.err)
			}
		})
	}
}

// TestAnEncodersOpusIsReadWhereItStands takes the time out of the tables of a real file.
func TestAnEncodersOpusIsReadWhereItStands(t *testing.T) {
	file := mustRead(t, "testdata/two-opus.mp4")
	honest := elapsed(t, auto, file)
	at := bytes.Index(file, []byte("stts"))
	for i := range int(binary.BigEndian.Uint32(file[at+8:])) {
		copy(file[at+16+8*i:], n32(1))
	}
	copy(file[bytes.Index(file, []byte("mdhd"))+20:], n32(0))
	copy(file[bytes.Index(file, []byte("elst")):], "free")
	if got := elapsed(t, auto, file); got < honest-20*time.Millisecond || got > honest {
		t.Errorf("%v, and %v with honest tables", got, honest)
	}
}

func TestMP4OpusAllocatesNothingInSteadyState(t *testing.T) {
	file := opusFragmented()
	for range 50 {
		file = opusRun{n: 50, tfhd: 0x20000, trun: 0x201}.after(file, toc20)
	}
	unallocating(t, auto, file, 10_000)
}
