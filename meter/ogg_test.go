package meter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// oggPage is one page; the packets in it are whole unless more says that the last one goes on.
type oggPage struct {
	serial  uint32
	granule int64
	flags   byte // 1 goes on from the page before, 2 first, 4 last
	packets [][]byte
	more    bool
	badCRC  bool
}

func (p oggPage) bytes() []byte {
	le := binary.LittleEndian
	var lengths, body []byte
	for i, packet := range p.packets {
		n := len(packet)
		for ; n >= 255; n -= 255 {
			lengths = append(lengths, 255)
		}
		if !p.more || i+1 < len(p.packets) {
			lengths = append(lengths, byte(n))
		} else if n > 0 {
			panic("a packet that goes on fills its lengths")
		}
		body = append(body, packet...)
	}
	if len(lengths) > 255 {
		panic("too much for a page")
	}
	b := append([]byte("OggS\x00"), p.flags)
	b = le.AppendUint64(b, uint64(p.granule))
	b = le.AppendUint32(b, p.serial)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(lengths)))
	b = append(append(b, lengths...), body...)
	crc := oggCRC(b)
	if p.badCRC {
		crc++
	}
	le.PutUint32(b[22:], crc)
	return b
}

// oggTable is the checksum of each byte, bit by bit as RFC 3533 has it.
var oggTable = func() (table [256]uint32) {
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			crc = crc<<1 ^ 0x04c11db7*(crc>>31)
		}
		table[i] = crc
	}
	return table
}()

func oggCRC(b []byte) (crc uint32) {
	for _, c := range b {
		crc = crc<<8 ^ oggTable[byte(crc>>24)^c]
	}
	return crc
}

func oggFile(pages ...oggPage) []byte {
	var b []byte
	for _, p := range pages {
		b = append(b, p.bytes()...)
	}
	return b
}

func opusHead(skip uint16) []byte {
	h := append([]byte("OpusHead\x01\x01"), byte(skip), byte(skip>>8))
	return append(h, 0x80, 0xbb, 0, 0, 0, 0, 0)
}

// opus20 are n packets of 20 ms, of size bytes each.
func opus20(n, size int) [][]byte {
	p := make([][]byte, n)
	for i := range p {
		p[i] = bytes.Repeat([]byte{0xfc}, size)
	}
	return p
}

// oggOpus is a link: headers, and pages of 50 packets of 20 ms with their granule positions.
func oggOpus(serial uint32, skip uint16, seconds int) []oggPage {
	pages := []oggPage{
		{serial: serial, flags: 2, packets: [][]byte{opusHead(skip)}},
		{serial: serial, packets: [][]byte{[]byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00")}},
	}
	for i := range seconds {
		pages = append(pages, oggPage{serial: serial, granule: int64(i+1) * 48_000, packets: opus20(50, 40)})
	}
	return pages
}

func speexHead(change func([]byte)) []byte {
	h := make([]byte, 80)
	copy(h, "Speex   1.2")
	for at, v := range map[int]uint32{28: 1, 32: 80, 36: 16_000, 40: 1, 44: 4, 48: 1, 56: 320, 64: 2} {
		binary.LittleEndian.PutUint32(h[at:], v)
	}
	if change != nil {
		change(h)
	}
	return h
}

func oggSpeex(change func([]byte)) []oggPage {
	return []oggPage{
		{serial: 9, flags: 2, packets: [][]byte{speexHead(change)}},
		{serial: 9, packets: [][]byte{[]byte("comments")}},
		{serial: 9, granule: 6400, packets: [][]byte{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}}},
	}
}

// with changes one page.
func with(pages []oggPage, i int, change func(*oggPage)) []oggPage {
	pages = append([]oggPage(nil), pages...)
	change(&pages[i])
	return pages
}

func TestOggIsExactWhateverTheChunks(t *testing.T) {
	ms := time.Millisecond
	long := bytes.Repeat([]byte{0xfc}, 255*3)
	for name, c := range map[string]struct {
		pages []oggPage
		want  time.Duration
	}{
		"Opus":                    {oggOpus(1, 0, 3), 3 * time.Second},
		"the decoder's delay":     {oggOpus(1, 312, 3), samples(3*48_000-312, 48_000)},
		"a last packet cut short": {with(oggOpus(1, 312, 3), 4, func(p *oggPage) { p.flags, p.granule = 4, 144_000-500 }), samples(3*48_000-812, 48_000)},
		"joined late": {func() []oggPage {
			pages := oggOpus(1, 312, 3)
			for i := range pages[2:] {
				pages[2+i].granule += 1 << 40
			}
			return pages
		}(), samples(3*48_000-312, 48_000)},
		"a hole counts as time":               {with(oggOpus(1, 0, 3), 4, func(p *oggPage) { p.granule = 10 * 48_000 }), 10 * time.Second},
		"positions that stand still":          {with(with(oggOpus(1, 0, 3), 3, func(p *oggPage) { p.granule = 48_000 }), 4, func(p *oggPage) { p.granule = 48_000 }), 3 * time.Second},
		"positions that jump back":            {with(oggOpus(1, 0, 3), 4, func(p *oggPage) { p.granule = 0 }), 3 * time.Second},
		"no position":                         {with(with(oggOpus(1, 0, 3), 3, func(p *oggPage) { p.granule = -1 }), 4, func(p *oggPage) { p.granule = -1 }), 3 * time.Second},
		"chained, the same serial":            {append(oggOpus(1, 0, 2), oggOpus(1, 0, 3)...), 5 * time.Second},
		"chained, another serial":             {append(oggOpus(1, 312, 2), oggOpus(2, 312, 3)...), 2 * samples(48_000*5/2-312, 48_000)},
		"chained, another codec":              {append(oggOpus(1, 0, 2), oggSpeex(nil)...), 2*time.Second + 400*ms},
		"Speex":                               {oggSpeex(nil), 400 * ms},
		"Speex that numbers from its delay":   {append(with(oggSpeex(nil), 2, func(p *oggPage) { p.granule = 6400 - 143 }), oggPage{serial: 9, flags: 4, granule: 6400 + 640 - 143 - 100, packets: [][]byte{{1}}}), samples(6400+640-100, 16_000)},
		"a packet over three pages":           {append(oggOpus(1, 0, 1), oggPage{serial: 1, granule: -1, packets: [][]byte{long}, more: true}, oggPage{serial: 1, flags: 1, granule: -1, packets: [][]byte{long}, more: true}, oggPage{serial: 1, flags: 1, granule: 48_000 + 960, packets: [][]byte{{1}}}), 1020 * ms},
		"a packet that ends with its page":    {append(oggOpus(1, 0, 1), oggPage{serial: 1, granule: 48_960, packets: [][]byte{long}}), 1020 * ms},
		"a packet that breaks off":            {append(oggOpus(1, 0, 1), oggPage{serial: 1, granule: -1, packets: [][]byte{long}, more: true}, oggPage{serial: 1, granule: 48_000, packets: opus20(1, 9)}), 1040 * ms},
		"a rest of what had not begun":        {append(oggOpus(1, 0, 1), oggPage{serial: 1, flags: 1, granule: 48_000, packets: opus20(1, 9)}), 1020 * ms},
		"a page of nothing":                   {append(oggOpus(1, 0, 1), oggPage{serial: 1, granule: 48_000}, oggPage{serial: 1, flags: 4, granule: 48_000}), time.Second},
		"packets of nothing":                  {append(oggOpus(1, 0, 1), oggPage{serial: 1, granule: 48_000, packets: opus20(9, 0)}), time.Second},
		"a cut of more than the last packet":  {with(oggOpus(1, 0, 3), 4, func(p *oggPage) { p.flags, p.granule = 4, 0 }), 2980 * ms},
		"a cut on every page counts once":     {with(with(with(oggOpus(1, 0, 3), 2, func(p *oggPage) { p.flags, p.granule = 4, 47_040 }), 3, func(p *oggPage) { p.flags, p.granule = 4, 94_080 }), 4, func(p *oggPage) { p.flags, p.granule = 4, 94_080 }), 2980 * ms},
		"a delay that is more than the audio": {oggOpus(1, 65535, 1), 937500 * time.Microsecond},
		"two tracks: the longer": {append(append([]oggPage{oggOpus(1, 0, 0)[0], oggOpus(2, 0, 0)[0], oggOpus(1, 0, 0)[1], oggOpus(2, 0, 0)[1]},
			oggOpus(1, 0, 1)[2:]...), oggOpus(2, 0, 4)[2:]...), 4 * time.Second},
		"video beside it": {append([]oggPage{
			{serial: 7, flags: 2, packets: [][]byte{[]byte("\x80theora\x03\x02\x01")}},
			oggOpus(1, 0, 0)[0], oggOpus(1, 0, 0)[1],
			{serial: 7, granule: -9, packets: [][]byte{bytes.Repeat([]byte{0}, 50_000)}},
		}, oggOpus(1, 0, 2)[2:]...), 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := elapsed(t, auto, oggFile(c.pages...)); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestOggCountsEachPacketAsItEnds(t *testing.T) {
	file := oggFile(oggOpus(1, 0, 1)...)
	a := meter.NewAuto()
	last, steps := time.Duration(0), 0
	for i := range file {
		if err := a.Write(file[i : i+1]); err != nil {
			t.Fatal(err)
		}
		if e := a.Elapsed(); e != last {
			last, steps = e, steps+1
		}
	}
	if steps != 50 || last != time.Second {
		t.Errorf("%d steps to %v, want 50 of 20 ms", steps, last)
	}
}

func TestHostileOggIsRefused(t *testing.T) {
	good := oggOpus(1, 312, 2)
	for name, c := range map[string]struct {
		file []byte
		err  error
	}{
		"a page that hides pages behind a wrong checksum": {oggFile(append(good, oggPage{serial: 1, granule: -1, packets: [][]byte{bytes.Repeat([]byte("OggS\x00"), 51*9)}, more: true, badCRC: true})...), meter.ErrMalformed},
		"bytes between pages":                             {append(append(oggFile(good...), 0), oggFile(good...)...), meter.ErrMalformed},
		"another version":                                 {append([]byte("OggS\x01"), oggFile(good...)[5:]...), meter.ErrUnsupported},
		"a stream that has not begun":                     {oggFile(good[1]), meter.ErrMalformed},
		"a stream that has ended":                         {oggFile(append(append(append([]oggPage(nil), good...), oggOpus(2, 0, 1)...), good[3])...), meter.ErrMalformed},
		"a negative position":                             {oggFile(with(good, 3, func(p *oggPage) { p.granule = math.MinInt64 })...), meter.ErrMalformed},
		"a position beyond all":                           {oggFile(with(good, 3, func(p *oggPage) { p.granule = math.MaxInt64 })...), meter.ErrMalformed},
		"no tags":                                         {oggFile(good[0], good[2]), meter.ErrMalformed},
		"an Opus packet of no frames":                     {oggFile(with(good, 2, func(p *oggPage) { p.packets = [][]byte{{0xff, 0}} })...), meter.ErrMalformed},
		"an Opus packet of a second":                      {oggFile(with(good, 2, func(p *oggPage) { p.packets = [][]byte{{0xff, 48}} })...), meter.ErrMalformed},
		"Opus of another version":                         {oggFile(oggPage{flags: 2, packets: [][]byte{append([]byte("OpusHead\x10"), make([]byte, 10)...)}}), meter.ErrUnsupported},
		"Opus of 200 channels":                            {oggFile(oggPage{flags: 2, packets: [][]byte{append([]byte("OpusHead\x01\xc8"), make([]byte, 10)...)}}), meter.ErrUnsupported},
		"a codec that may be audio":                       {oggFile(oggPage{flags: 2, packets: [][]byte{[]byte("CELT    0.11")}}), meter.ErrLate},
		"no audio at all":                                 {oggFile(oggPage{flags: 2, packets: [][]byte{[]byte("\x80theora")}}, oggPage{packets: [][]byte{{1}}}), meter.ErrUnsupported},
		"too many streams": {oggFile(func() (p []oggPage) {
			for i := range 9 {
				p = append(p, oggOpus(uint32(i), 0, 0)[0])
			}
			return
		}()...), meter.ErrUnsupported},
		"Speex frames of another length":  {oggFile(oggSpeex(func(h []byte) { h[56] = 1 })...), meter.ErrMalformed},
		"Speex at a rate of another mode": {oggFile(oggSpeex(func(h []byte) { binary.LittleEndian.PutUint32(h[36:], 48_000) })...), meter.ErrMalformed},
		"Speex without frames":            {oggFile(oggSpeex(func(h []byte) { h[64] = 0 })...), meter.ErrMalformed},
		"Vorbis without a setup":          {oggFile(oggPage{flags: 2, packets: [][]byte{append(append([]byte("\x01vorbis\x00\x00\x00\x00\x01\x44\xac\x00\x00"), make([]byte, 12)...), 0xb8, 1)}}, oggPage{packets: [][]byte{[]byte("\x03vorbis"), []byte("\x05vorbis\x00BCV")}}), meter.ErrMalformed},
		"tags without an end":             {oggFile(append(good[:1:1], endless(1, 270)...)...), meter.ErrMalformed},
		"a packet without an end":         {oggFile(append(append([]oggPage(nil), good...), endless(1, 600)...)...), meter.ErrMalformed},
		"links without audio":             {bytes.Repeat(oggFile(oggOpus(1, 0, 0)...), 200_000), meter.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if err := refused(t, auto, c.file); !errors.Is(err, c.err) || errors.Is(err, meter.ErrLate) != errors.Is(c.err, meter.ErrLate) {
				t.Errorf("error %v, want %v", err, c.err)
			}
		})
	}
}

// endless are n pages of a packet that goes on for ever.
func endless(serial uint32, n int) []oggPage {
	p := make([]oggPage, n)
	for i := range p {
		p[i] = oggPage{serial: serial, flags: 1, granule: -1, packets: [][]byte{make([]byte, 255*255)}, more: true}
	}
	p[0].flags = 0
	return p
}

func TestOggFilesOfRealEncoders(t *testing.T) {
	for name, codec := range map[string]string{"jfk-opus20.ogg": "opus", "jfk-vorbis.ogg": "vorbis", "jfk-speex.ogg": "speex"} {
		t.Run(name, func(t *testing.T) {
			file := mustRead(t, "testdata/"+name)
			if got := elapsed(t, auto, file); got != 11*time.Second {
				t.Errorf("%v, want 11 s", got)
			}
			if got := elapsed(t, auto, append(append([]byte(nil), file...), file...)); got != 22*time.Second {
				t.Errorf("twice in a row: %v, want 22 s", got)
			}
			a := meter.NewAuto()
			if err := a.Write(file); err != nil || a.Info().Codec != codec || a.Info().Format != "ogg" || a.Channels() != 1 {
				t.Errorf("%+v, %v", a.Info(), err)
			}
		})
	}
}

// TestVorbisBlocksAddUpWithoutTheirPositions takes the granule positions away: what is left are the
// lengths of blocks, which only the setup header tells.
func TestVorbisBlocksAddUpWithoutTheirPositions(t *testing.T) {
	file := mustRead(t, "testdata/jfk-vorbis.ogg")
	var pages []byte
	for n, rest := 0, file; len(rest) > 0; n++ {
		size := 27 + int(rest[26])
		for _, l := range rest[27:size] {
			size += int(l)
		}
		page := append([]byte(nil), rest[:size]...)
		rest = rest[size:]
		if n > 1 {
			for i := range 8 {
				page[6+i] = 0xff
			}
			reseal(page)
		}
		pages = append(pages, page...)
	}
	if got := elapsed(t, auto, pages); got < 11*time.Second || got > 11*time.Second+50*time.Millisecond {
		t.Errorf("%v, want 11 s and at most a block more", got)
	}
}

// reseal makes a page's checksum right again.
func reseal(page []byte) {
	copy(page[22:26], []byte{0, 0, 0, 0})
	crc := oggCRC(page)
	binary.LittleEndian.PutUint32(page[22:], crc)
}

func FuzzOgg(f *testing.F) {
	f.Add(oggFile(oggOpus(1, 312, 1)...), 7)
	f.Add(oggFile(append(oggSpeex(nil), oggOpus(1, 0, 1)...)...), 1)
	f.Add(mustRead(f, "testdata/jfk-vorbis.ogg")[:6000], 100)
	f.Fuzz(func(t *testing.T, file []byte, cut int) {
		// Random bytes have wrong checksums: with right ones they come further.
		sealed := append([]byte(nil), file...)
		for rest := sealed; len(rest) >= 27 && len(rest) >= 27+int(rest[26]); {
			size := 27 + int(rest[26])
			for _, l := range rest[27:size] {
				size += int(l)
			}
			if size > len(rest) {
				break
			}
			reseal(rest[:size])
			rest = rest[size:]
		}
		fuzzClock(t, auto, sealed, cut)
	})
}

func TestOggAllocatesNothingInSteadyState(t *testing.T) {
	unallocating(t, auto, oggFile(oggOpus(1, 312, 20)...), 2000)
	unallocating(t, auto, mustRead(t, "testdata/jfk-vorbis.ogg"), 10_000)
}

func BenchmarkOgg(b *testing.B) {
	bench(b, auto, mustRead(b, "testdata/jfk-opus20.ogg"))
}
