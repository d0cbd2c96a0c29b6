package meter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// ebmlID is an ID as it is written.
func ebmlID(id uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, id)
	return bytes.TrimLeft(b, "\x00")
}

// el is an element with its size, of at least one byte.
func el(id uint32, content ...[]byte) []byte {
	body := slices.Concat(content...)
	size, n := uint64(len(body)), 1
	for size >= 1<<(7*n)-1 {
		n++
	}
	b := binary.BigEndian.AppendUint64(nil, size|1<<(7*n))
	return slices.Concat(ebmlID(id), b[8-n:], body)
}

// live is an element of unknown size.
func live(id uint32, content ...[]byte) []byte {
	return slices.Concat(ebmlID(id), []byte{0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, slices.Concat(content...))
}

// u is an integer in n bytes.
func u(v uint64, n int) []byte { return binary.BigEndian.AppendUint64(nil, v)[8-n:] }

func f64(v float64) []byte { return u(math.Float64bits(v), 8) }

func ebmlHeader(docType string) []byte {
	return el(0x1a45dfa3, el(0x4286, u(1, 1)), el(0x42f2, u(4, 1)), el(0x42f3, u(8, 1)), el(0x4282, []byte(docType)))
}

// mkvTrack is an audio track; further members may follow.
func mkvTrack(number uint64, codec string, private []byte, more ...[]byte) []byte {
	t := [][]byte{el(0xd7, u(number, 1)), el(0x83, u(2, 1)), el(0x86, []byte(codec))}
	if private != nil {
		t = append(t, el(0x63a2, private))
	}
	return el(0xae, append(t, more...)...)
}

func mkvAudio(rate float64, channels, bits uint64) []byte {
	return el(0xe1, el(0xb5, f64(rate)), el(0x9f, u(channels, 1)), el(0x6264, u(bits, 1)))
}

func opusTrack(skip uint16) []byte { return mkvTrack(1, "A_OPUS", opusHead(skip)) }

func stamp(ms uint64) []byte { return el(0xe7, u(ms, 4)) }

// mkvBlock is the content of a block without lacing.
func mkvBlock(track byte, rel int16, packet []byte) []byte {
	return append([]byte{0x80 | track, byte(uint16(rel) >> 8), byte(rel), 0x80}, packet...)
}

func simple(track byte, rel int16, packet []byte) []byte {
	return el(0xa3, mkvBlock(track, rel, packet))
}

// laced is the content of a block with lacing of a kind: 1 Xiph, 2 fixed, 3 EBML.
func laced(track byte, rel int16, kind byte, packets ...[]byte) []byte {
	b := []byte{0x80 | track, byte(uint16(rel) >> 8), byte(rel), 0x80 | kind<<1, byte(len(packets) - 1)}
	for i, p := range packets[:len(packets)-1] {
		switch {
		case kind == 1:
			n := len(p)
			for ; n >= 255; n -= 255 {
				b = append(b, 255)
			}
			b = append(b, byte(n))
		case kind == 3 && i == 0:
			b = append(b, u(uint64(len(p))|1<<14, 2)...)
		case kind == 3:
			b = append(b, u(uint64(len(p)-len(packets[i-1])+1<<13-1)|1<<14, 2)...)
		}
	}
	return append(b, slices.Concat(packets...)...)
}

// packet20 is 20 ms of Opus.
func packet20(size int) []byte { return bytes.Repeat([]byte{0xfc}, size) }

// cluster20 is a second of Opus in blocks of 20 ms.
func cluster20(open func(uint32, ...[]byte) []byte, ms uint64) []byte {
	c := [][]byte{stamp(ms)}
	for i := range 50 {
		c = append(c, simple(1, int16(20*i), packet20(60)))
	}
	return open(0x1f43b675, c...)
}

var (
	mkvInfo  = el(0x1549a966, el(0x2ad7b1, u(1_000_000, 4)))
	mkvTail  = slices.Concat(el(0x1c53bb6b, make([]byte, 300)), el(0x1254c367, make([]byte, 300)), el(0xec, make([]byte, 9)))
	liveHead = slices.Concat(ebmlHeader("webm"), live(0x18538067, mkvInfo, el(0x1654ae6b, opusTrack(312))))
)

// webmLive is a live file of Opus with clusters.
func webmLive(clusters ...[]byte) []byte { return slices.Concat(liveHead, slices.Concat(clusters...)) }

// webmOf is a whole file with tracks and clusters.
func webmOf(tracks []byte, clusters ...[]byte) []byte {
	return slices.Concat(ebmlHeader("matroska"), el(0x18538067, mkvInfo, el(0x1654ae6b, tracks), slices.Concat(clusters...), mkvTail))
}

func cluster(ms uint64, blocks ...[]byte) []byte {
	return el(0x1f43b675, stamp(ms), slices.Concat(blocks...))
}

func group(content ...[]byte) []byte { return el(0xa0, content...) }

func TestWebMIsExactWhateverTheChunks(t *testing.T) {
	ms := time.Millisecond
	skip := samples(312, 48_000)
	flat := opusTrack(0)
	aac := []byte{0x12, 0x10} // LC, 44.1 kHz, stereo
	for name, c := range map[string]struct {
		file []byte
		want time.Duration
	}{
		"live, all sizes unknown":      {webmLive(cluster20(live, 0), cluster20(live, 1000), cluster20(live, 2000)), samples(144_000-312, 48_000)},
		"live, clusters with a size":   {webmLive(cluster20(el, 0), cluster20(el, 1000), mkvTail), samples(96_000-312, 48_000)},
		"all sizes known":              {webmOf(flat, cluster20(el, 0), cluster20(el, 1000)), 2 * time.Second},
		"unknown clusters in a known":  {webmOf(flat, cluster20(live, 0), cluster20(live, 1000)), 2 * time.Second},
		"joined late":                  {webmLive(cluster20(live, 3_600_000), cluster20(live, 3_601_000)), samples(96_000-312, 48_000)},
		"a gap counts as time":         {webmLive(cluster20(live, 0), cluster20(live, 9000)), 10*time.Second - skip},
		"timestamps that stand still":  {webmLive(cluster20(live, 0), cluster20(live, 0), cluster20(live, 0)), 3*time.Second - skip},
		"timestamps that jump back":    {webmLive(cluster20(live, 5000), cluster20(live, 0)), 2*time.Second - skip},
		"no timestamp at all":          {webmLive(live(0x1f43b675, simple(1, 0, packet20(9)), simple(1, 20, packet20(9)))), 40*ms - 40*ms/16},
		"a time scale of nothing":      {slices.Concat(ebmlHeader("webm"), live(0x18538067, el(0x1549a966, el(0x2ad7b1, u(1, 1))), el(0x1654ae6b, flat)), cluster20(live, 0), cluster20(live, 1000)), 2 * time.Second},
		"Xiph lacing":                  {webmOf(flat, cluster(0, el(0xa3, laced(1, 0, 1, packet20(9), packet20(255), packet20(600), packet20(1))))), 80 * ms},
		"EBML lacing":                  {webmOf(flat, cluster(0, el(0xa3, laced(1, 0, 3, packet20(90), packet20(9), packet20(600), packet20(1))))), 80 * ms},
		"fixed lacing":                 {webmOf(flat, cluster(0, el(0xa3, laced(1, 0, 2, packet20(9), packet20(9), packet20(9))))), 60 * ms},
		"lacing of one":                {webmOf(flat, cluster(0, el(0xa3, laced(1, 0, 1, packet20(9))))), 20 * ms},
		"packets without a byte":       {webmOf(flat, cluster(0, el(0xa3, laced(1, 0, 1, nil, packet20(9), nil, nil)), simple(1, 20, nil))), 20 * ms},
		"a group":                      {webmOf(flat, cluster(0, simple(1, 0, packet20(9)), group(el(0xa1, mkvBlock(1, 20, packet20(9))), el(0x9b, u(20, 1))))), 40 * ms},
		"a group whose block is last":  {webmOf(flat, cluster(0, simple(1, 0, packet20(9)), group(el(0x9b, u(20, 1)), el(0xa1, mkvBlock(1, 20, packet20(9)))))), 40 * ms},
		"a group with much behind":     {webmOf(flat, cluster(0, group(el(0xa1, mkvBlock(1, 0, packet20(9))), el(0xec, make([]byte, 500))))), 20 * ms},
		"a last packet cut short":      {webmOf(flat, cluster20(el, 0), cluster(1000, group(el(0xa1, mkvBlock(1, 0, packet20(9))), el(0x75a2, u(13_500_000, 4))))), time.Second + 6500*time.Microsecond},
		"cut at the beginning":         {webmOf(flat, cluster20(el, 0), cluster(1000, group(el(0xa1, mkvBlock(1, 0, packet20(9))), el(0x75a2, []byte{0xff, 0, 0})))), 1020 * ms},
		"all packets cut":              {webmOf(flat, cluster(0, slices.Repeat(group(el(0xa1, mkvBlock(1, 0, packet20(9))), el(0x75a2, u(20_000_000, 4))), 100))), samples(90_407, 48_000)}, // a 16th at most,
		"two tracks: the longer":       {webmOf(slices.Concat(flat, mkvTrack(2, "A_OPUS", nil)), cluster20(el, 0), cluster(0, slices.Repeat(simple(2, 0, packet20(5)), 100))), 2 * time.Second},
		"video beside it":              {webmOf(slices.Concat(el(0xae, el(0xd7, u(3, 1)), el(0x83, u(1, 1)), el(0x86, []byte("V_VP8"))), flat), cluster(0, simple(3, 0, make([]byte, 90_000)), simple(1, 0, packet20(9)), group(el(0xa1, mkvBlock(3, 9, make([]byte, 9)))))), 20 * ms},
		"a track that is not declared": {webmOf(flat, cluster(0, simple(1, 0, packet20(9)), simple(9, 500, packet20(9)))), 20 * ms},
		"a recorder that began anew":   {webmLive(cluster20(live, 0), liveHead, cluster20(live, 0), cluster20(live, 1000)), 3*time.Second - 2*skip},
		"AAC":                          {webmOf(mkvTrack(1, "A_AAC", aac), cluster(0, simple(1, 0, make([]byte, 300)), simple(1, 23, make([]byte, 300)))), samples(2048, 44_100)},
		"AAC, packets of many frames":  {webmOf(mkvTrack(1, "A_AAC", aac), cluster(0, simple(1, 0, make([]byte, 1536*3)))), samples(3*1024, 44_100)},
		"PCM, 16 bits, stereo":         {webmOf(mkvTrack(1, "A_PCM/INT/LIT", nil, mkvAudio(16_000, 2, 16)), cluster(0, simple(1, 0, make([]byte, 6400)))), 100 * ms},
		"PCM, float":                   {webmOf(mkvTrack(1, "A_PCM/FLOAT/IEEE", nil, mkvAudio(8_000, 1, 32)), cluster(0, simple(1, 0, make([]byte, 3200)))), 100 * ms},
		"PCM, 24 bits, big end first":  {webmOf(mkvTrack(1, "A_PCM/INT/BIG", nil, mkvAudio(48_000, 1, 24)), cluster(0, simple(1, 0, make([]byte, 14_400)))), 100 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			got := elapsed(t, auto, c.file)
			if d := got - c.want; d < -1 || d > 1 { // the span and the delay are rounded apart
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestHostileWebMIsRefused(t *testing.T) {
	flat := opusTrack(0)
	block := simple(1, 0, packet20(9))
	for name, c := range map[string]struct {
		file []byte
		err  error
	}{
		"another type of EBML":               {ebmlHeader("files"), meter.ErrLate},
		"IDs of 8 bytes":                     {el(0x1a45dfa3, el(0x42f2, u(8, 1)), el(0x4282, []byte("webm"))), meter.ErrLate},
		"sizes of 16 bytes":                  {el(0x1a45dfa3, el(0x42f3, u(16, 1)), el(0x4282, []byte("webm"))), meter.ErrLate},
		"a codec that has no clock":          {webmOf(mkvTrack(1, "A_DTS", nil)), meter.ErrLate},
		"a track that is compressed":         {webmOf(mkvTrack(1, "A_OPUS", opusHead(0), el(0x6d80, el(0x6240)))), meter.ErrLate},
		"no audio":                           {webmOf(el(0xae, el(0xd7, u(3, 1)), el(0x83, u(1, 1)))), meter.ErrUnsupported},
		"tracks behind the audio":            {slices.Concat(ebmlHeader("webm"), live(0x18538067, cluster(0, block))), meter.ErrLate},
		"a track that is declared twice":     {webmOf(slices.Concat(flat, flat)), meter.ErrMalformed},
		"tracks that are declared twice":     {webmLive(el(0x1654ae6b, flat)), meter.ErrMalformed},
		"a second head with another track":   {webmLive(cluster20(live, 0), ebmlHeader("webm"), live(0x18538067, el(0x1654ae6b, mkvTrack(2, "A_OPUS", nil)))), meter.ErrMalformed},
		"a second head that turns it silent": {webmLive(cluster20(live, 0), ebmlHeader("webm"), live(0x18538067, el(0x1654ae6b, el(0xae, el(0xd7, u(1, 1)), el(0x83, u(1, 1)), el(0x86, []byte("A_OPUS")))))), meter.ErrMalformed},
		"a second head with another rate":    {slices.Concat(webmOf(mkvTrack(1, "A_AAC", []byte{0x12, 0x10}), cluster(0, block)), webmOf(mkvTrack(1, "A_AAC", []byte{0x11, 0x90}), cluster(0, block))), meter.ErrMalformed},
		"an element larger than its parent":  {slices.Concat(ebmlHeader("webm"), el(0x18538067, ebmlID(0x1f43b675), []byte{0x88})), meter.ErrMalformed},
		"a block outside of a cluster":       {webmLive(el(0x1c53bb6b), block), meter.ErrMalformed},
		"a cluster ended by what is no part": {webmLive(live(0x1f43b675, stamp(0), el(0x4444, nil), block)), meter.ErrMalformed},
		"a cluster in a cluster":             {webmOf(flat, cluster(0, cluster(0, block))), meter.ErrMalformed},
		"a group of unknown size":            {webmOf(flat, el(0x1f43b675, stamp(0), live(0xa0, el(0xa1, mkvBlock(1, 0, packet20(9)))))), meter.ErrMalformed},
		"a group of two blocks":              {webmOf(flat, cluster(0, group(el(0xa1, mkvBlock(1, 0, packet20(9))), el(0xa1, mkvBlock(1, 0, packet20(9)))))), meter.ErrMalformed},
		"a block of nothing":                 {webmOf(flat, cluster(0, el(0xa3))), meter.ErrMalformed},
		"a block without a track":            {webmOf(flat, cluster(0, el(0xa3, make([]byte, 20)))), meter.ErrMalformed},
		"a block that ends in its sizes":     {webmOf(flat, cluster(0, el(0xa3, []byte{0x81, 0, 0, 0x82, 5, 1}))), meter.ErrMalformed},
		"packets larger than the block":      {webmOf(flat, cluster(0, el(0xa3, []byte{0x81, 0, 0, 0x82, 1, 9, 0xfc}))), meter.ErrMalformed},
		"packets of no size":                 {webmOf(flat, cluster(0, el(0xa3, []byte{0x81, 0, 0, 0x86, 2, 0x81, 0x80, 0xfc}))), meter.ErrMalformed},
		"packets of unequal fixed size":      {webmOf(flat, cluster(0, el(0xa3, []byte{0x81, 0, 0, 0x84, 1, 1, 2, 3}))), meter.ErrMalformed},
		"a packet of no frames":              {webmOf(flat, cluster(0, simple(1, 0, []byte{0xff, 0}))), meter.ErrMalformed},
		"a time scale of 0":                  {slices.Concat(ebmlHeader("webm"), live(0x18538067, el(0x1549a966, el(0x2ad7b1, u(0, 1))))), meter.ErrMalformed},
		"a time scale beyond all":            {slices.Concat(ebmlHeader("webm"), live(0x18538067, el(0x1549a966, el(0x2ad7b1, u(1<<62, 8))), el(0x1654ae6b, flat)), cluster20(live, 0), cluster20(live, 1000)), meter.ErrMalformed},
		"a timestamp beyond all":             {webmLive(cluster20(live, 0), live(0x1f43b675, el(0xe7, u(1<<62, 8)), block)), meter.ErrMalformed},
		"a negative timestamp":               {webmLive(live(0x1f43b675, el(0xe7, u(1<<63, 8)), block)), meter.ErrMalformed},
		"a number of 9 bytes":                {webmLive(live(0x1f43b675, el(0xe7, make([]byte, 9)))), meter.ErrMalformed},
		"bytes that are no element":          {webmLive(cluster20(el, 0), []byte{0x00, 0x1f, 0x43}), meter.ErrMalformed},
		"a size of 9 bytes":                  {webmLive([]byte{0xec, 0x00}), meter.ErrMalformed},
		"an element beside the segment":      {slices.Concat(ebmlHeader("webm"), el(0x1f43b675, block)), meter.ErrMalformed},
		"audio of no channels":               {webmOf(mkvTrack(1, "A_PCM/INT/LIT", nil, mkvAudio(16_000, 0, 16))), meter.ErrUnsupported},
		"a rate beyond all":                  {webmOf(mkvTrack(1, "A_PCM/INT/LIT", nil, mkvAudio(math.Inf(1), 1, 16))), meter.ErrUnsupported},
		"a rate of no number":                {webmOf(mkvTrack(1, "A_PCM/INT/LIT", nil, mkvAudio(math.NaN(), 1, 16))), meter.ErrUnsupported},
		"PCM of 12 bits":                     {webmOf(mkvTrack(1, "A_PCM/INT/LIT", nil, mkvAudio(16_000, 1, 12))), meter.ErrLate},
		"AAC without its configuration":      {webmOf(mkvTrack(1, "A_AAC", []byte{0x12})), meter.ErrMalformed},
		"AAC of a new kind":                  {webmOf(mkvTrack(1, "A_AAC", []byte{0xf9, 0x4a, 0x40})), meter.ErrLate},
		"Vorbis without its headers":         {webmOf(mkvTrack(1, "A_VORBIS", []byte{2, 30, 255})), meter.ErrMalformed},
		"33 tracks": {webmOf(func() (b []byte) {
			for i := range 33 {
				b = append(b, mkvTrack(uint64(i+1), "A_OPUS", nil)...)
			}
			return
		}()), meter.ErrUnsupported},
		"16 MiB in front": {slices.Concat(ebmlHeader("webm"), live(0x18538067, el(0x1254c367, make([]byte, 16<<20)))), meter.ErrMalformed},
		"tags for ever":   {webmLive(cluster20(live, 0), el(0x1254c367, make([]byte, 32<<20))), meter.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if err := refused(t, auto, c.file); !errors.Is(err, c.err) || errors.Is(err, meter.ErrLate) != errors.Is(c.err, meter.ErrLate) {
				t.Errorf("error %v, want %v", err, c.err)
			}
		})
	}
}

func TestWebMPassesOverPicturesByTheirCount(t *testing.T) {
	file := webmLive(cluster20(live, 0), el(0x1941a469, make([]byte, 3<<20)), cluster20(live, 1000))
	if got := elapsed(t, auto, file); got != samples(96_000-312, 48_000) {
		t.Errorf("%v, want 2 s", got)
	}
}

func TestWebMOfARealEncoder(t *testing.T) {
	file := mustRead(t, "testdata/jfk-opus60.webm")
	if got := elapsed(t, auto, file); got != 11*time.Second {
		t.Errorf("%v, want 11 s", got)
	}
	a := meter.NewAuto()
	if err := a.Write(file[:1000]); err != nil {
		t.Fatal(err)
	}
	if i := a.Info(); i.Format != "webm" || i.Codec != "opus" || i.Channels != 1 || i.SampleRate != 48_000 {
		t.Errorf("%+v", i)
	}
	if d, ok := a.Declared(-1); !ok || d.Round(100*time.Millisecond) != 11*time.Second {
		t.Errorf("declared %v, %v", d, ok)
	}
}

func FuzzWebM(f *testing.F) {
	f.Add(webmLive(cluster20(live, 0), cluster20(live, 1000)), 7)
	f.Add(webmOf(opusTrack(0), cluster(0, el(0xa3, laced(1, 0, 1, packet20(9), packet20(255))), group(el(0xa1, laced(1, 0, 3, packet20(9), packet20(5))), el(0x75a2, u(13_500_000, 4))))), 1)
	f.Add(webmOf(mkvTrack(1, "A_AAC", []byte{0x12, 0x10}), cluster(0, simple(1, 0, make([]byte, 300)))), 3)
	f.Add(mustRead(f, "testdata/jfk-opus60.webm")[:3000], 100)
	f.Fuzz(func(t *testing.T, file []byte, cut int) { fuzzClock(t, auto, file, cut) })
}

func TestWebMAllocatesNothingInSteadyState(t *testing.T) {
	clusters := make([][]byte, 20)
	for i := range clusters {
		clusters[i] = cluster20(live, uint64(1000*i))
	}
	unallocating(t, auto, webmLive(clusters...), 1000)
	unallocating(t, auto, mustRead(t, "testdata/jfk-opus60.webm"), 2000)
}

func BenchmarkWebM(b *testing.B) {
	bench(b, auto, mustRead(b, "testdata/jfk-opus60.webm"))
}
