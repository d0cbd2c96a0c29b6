package meter_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

func TestMP4IsExactWhateverTheChunks(t *testing.T) {
	media := make([]byte, 10_000)
	whole := samples(100*1024, 48_000)
	for name, c := range map[string]struct {
		file []byte
		want time.Duration
	}{
		"an index in front":                 {mp4Of(media, aac100()), whole},
		"boxes and times of 64 bits":        {mp4Of(media, mp4With(func(f *mp4File) { f.wide = true })), whole},
		"samples of one size":               {mp4Of(media, mp4With(func(f *mp4File) { f.same = 90 })), whole},
		"tables in another order":           {mp4Of(media, mp4With(func(f *mp4File) { f.reorder = true })), whole},
		"chunks in another order":           {mp4Of(media, mp4With(func(f *mp4File) { slices.Reverse(f.offsets) })), whole},
		"a last sample cut short":           {mp4Of(media, mp4With(func(f *mp4File) { f.times = []int{99, 1024, 1, 500}; f.length -= 524 })), samples(99*1024+500, 48_000)},
		"times that say nothing":            {mp4Of(media, mp4With(func(f *mp4File) { f.times = []int{100, 0}; f.length = 0 })), samples(99*1024, 48_000)},
		"a media header that says more":     {mp4Of(media, mp4With(func(f *mp4File) { f.length = 480_000 })), 10 * time.Second},
		"edits that cut":                    {mp4Of(media, mp4With(func(f *mp4File) { f.edits = []int{500} })), whole},
		"edits that repeat":                 {mp4Of(media, mp4With(func(f *mp4File) { f.edits = []int{2000, 2000, 2000} })), 6 * time.Second},
		"edits of 64 bits that repeat":      {mp4Of(media, mp4With(func(f *mp4File) { f.wide, f.edits = true, []int{2000, 2000} })), 4 * time.Second},
		"samples of many frames":            {mp4Of(make([]byte, 200_000), mp4With(func(f *mp4File) { f.sizes[5] = 153_600 })), samples(1024*((153_600+99*90+1535)/1536-1), 48_000)},
		"a space in front":                  {mp4Of(media, mp4With(func(f *mp4File) { f.before = box("free", make([]byte, 5000)) })), whole},
		"a first box of 442 bytes":          {mp4Of(media, mp4With(func(f *mp4File) { f.first = make([]byte, 442-16) })), whole},
		"two tracks: the longer":            {mp4Of(media, aac100(), mp4With(func(f *mp4File) { f.times = []int{100, 2048}; f.length = 0 })), 2 * whole},
		"video beside it":                   {mp4Of(media, mp4With(func(f *mp4File) { f.handler, f.entry = "vide", box("mp4v", make([]byte, 80)) }), aac100()), whole},
		"audio that says it is none":        {mp4Of(media, mp4With(func(f *mp4File) { f.handler = "meta" })), whole},
		"fragments":                         {fragmented(fragment(1, 47, 1024, tfdt(0)), fragment(1, 47, 1024, tfdt(47*1024))), samples(94*1024, 48_000)},
		"fragments without times":           {fragmented(fragment(1, 47, 1024, nil), fragment(1, 47, 1024, nil)), samples(94*1024, 48_000)},
		"fragments that do not last":        {fragmented(fragment(1, 47, 0, nil), fragment(1, 47, 1, nil)), samples(93*1024, 48_000)},
		"fragments that stand still":        {fragmented(fragment(1, 47, 1024, tfdt(9)), fragment(1, 47, 1024, tfdt(9))), samples(94*1024, 48_000)},
		"fragments that jump back":          {fragmented(fragment(1, 47, 1024, tfdt(99)), fragment(1, 47, 1024, tfdt(0))), samples(94*1024, 48_000)},
		"fragments with a gap":              {fragmented(fragment(1, 47, 1024, tfdt(96_000)), fragment(1, 47, 1024, tfdt(96_000+480_000))), samples(480_000+47*1024, 48_000)},
		"fragments of times of 64 bits":     {fragmented(fragment(1, 47, 1024, full("tfdt", 1<<24, n64(1<<40))), fragment(1, 47, 1024, full("tfdt", 1<<24, n64(1<<40+96_000)))), samples(96_000+47*1024, 48_000)},
		"fragments of other tracks":         {fragmented(fragment(1, 47, 1024, nil), fragment(2, 500, 1024, nil)), samples(47*1024, 48_000)},
		"rows that say their own durations": {fragmented(box("moof", box("traf", full("tfhd", 0x39, n32(1), n64(0), n32(9, 9, 9)), full("trun", 0xf05, n32(3, 0, 0, 1024, 90, 0, 0, 1024, 90, 0, 0, 2000, 90, 0, 0))))), samples(4048, 48_000)},
		"defaults of the index":             {fragmented(box("moof", box("traf", full("tfhd", 0, n32(1)), full("trun", 0, n32(100))))), samples(102_400, 48_000)},
		"chunks of no samples":              {mp4Of(media, mp4With(func(f *mp4File) { f.perChunk[1] = 0 })), whole},
		"AMR": {mp4Of(media, mp4With(func(f *mp4File) {
			f.length, f.scale, f.times = 0, 8000, []int{100, 160}
			f.entry = sampleEntry("samr", box("damr", []byte("ffmp\x00\x81\xff\x00\x01")))
		})), samples(160*((9000+31)/32-1), 8000)},
		"an index and fragments":        {append(mp4Of(media, aac100()), fragment(1, 47, 1024, nil)...), samples(147*1024, 48_000)},
		"media that ends with the file": {func() []byte { b := mp4Of(media, aac100()); copy(b[len(b)-10_008:], n32(0)); return b }(), whole},
		"what is not known":             {fragmented(box("sidx", make([]byte, 40)), fragment(1, 47, 1024, nil), box("uuid", make([]byte, 400)), box("mfra", make([]byte, 90))), samples(47*1024, 48_000)},
	} {
		t.Run(name, func(t *testing.T) {
			got := elapsed(t, auto, c.file)
			if d := got - c.want; d < -1 || d > 1 { // index and fragments are rounded apart
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestMP4CountsAPieceWhenItsFirstByteHasPassed goes through the media byte by byte.
func TestMP4CountsAPieceWhenItsFirstByteHasPassed(t *testing.T) {
	for name, f := range map[string]mp4File{
		"sizes one by one": aac100(),
		"of one size":      mp4With(func(f *mp4File) { f.same = 90 }),
	} {
		file := mp4Of(make([]byte, 10_000), f)
		a := meter.NewAuto()
		if err := a.Write(file[:len(file)-10_000]); err != nil || a.Elapsed() != 0 {
			t.Fatalf("%s: %v and %v before the media", name, a.Elapsed(), err)
		}
		if d, ok := a.Declared(-1); !ok || d != samples(102_400, 48_000) {
			t.Errorf("%s: declared %v, %v", name, d, ok)
		}
		for i := range 10_000 {
			if err := a.Write([]byte{0}); err != nil {
				t.Fatal(err)
			}
			n := int64(i/1000*10 + min(10, i%1000/90+1))
			if got, want := a.Elapsed(), samples(n*1024, 48_000); got < want-1 || got > want+1 {
				t.Fatalf("%s: %v at byte %d of the media, want %v", name, got, i, want)
			}
		}
	}
}

// TestVideoInOnePieceBehindTheAudioIsNoSilence has more bytes without audio than may come unannounced.
func TestVideoInOnePieceBehindTheAudioIsNoSilence(t *testing.T) {
	video := mp4With(func(f *mp4File) {
		f.handler, f.offsets, f.perChunk, f.same = "vide", []int{20_000}, []int{1, 100, 1}, 400_000
	})
	a := meter.NewAuto()
	if err := feed(t, a, mp4Of(make([]byte, 40<<20), aac100(), video), 65536); err != nil || a.Elapsed() != samples(102_400, 48_000) {
		t.Errorf("%v, %v", a.Elapsed(), err)
	}
}

// TestALongIndexIsKeptCoarserAndNeverLate has ten hours, which is more than is kept.
func TestALongIndexIsKeptCoarserAndNeverLate(t *testing.T) {
	const n, chunk = 300_000, 7
	f := mp4File{handler: "soun", entry: aacEntry(), scale: 48_000, times: []int{n, 1024}, perChunk: []int{1, chunk, 1}}
	at := 0
	var ends []int
	for i := range n {
		if i%chunk == 0 {
			f.offsets = append(f.offsets, at)
		}
		size := 1 + i*7919%5
		f.sizes, at = append(f.sizes, size), at+size
		ends = append(ends, at)
	}
	file := mp4Of(make([]byte, at), f)
	a := meter.NewAuto()
	if err := a.Write(file[:len(file)-at]); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		from := 0
		if i > 0 {
			from = ends[i-1]
		}
		if err := a.Write(make([]byte, ends[i]-from)); err != nil {
			t.Fatal(err)
		}
		now, late := a.Elapsed(), samples(int64(i+1)*1024, 48_000)
		if now < late-1 || now > late+samples(512*1024, 48_000) {
			t.Fatalf("%v when %v have passed", now, late)
		}
	}
	if got := a.Elapsed(); got != samples(n*1024, 48_000) {
		t.Errorf("%v at the end", got)
	}
}

func TestMP4WithItsIndexLastIsToldFromOneThatIsBroken(t *testing.T) {
	if err := refused(t, auto, mustRead(t, "testdata/jfk-moov-last.m4a")); !errors.Is(err, meter.ErrLate) || errors.Is(err, meter.ErrMalformed) {
		t.Errorf("error %v", err)
	}
}

func TestHostileMP4IsRefused(t *testing.T) {
	media := make([]byte, 10_000)
	good := mp4Of(media, aac100())
	of := func(change func(*mp4File)) []byte { return mp4Of(media, mp4With(change)) }
	entry := func(e []byte) []byte { return of(func(f *mp4File) { f.entry = e }) }
	moof := func(traf ...[]byte) []byte { return fragmented(box("moof", box("traf", traf...))) }
	for name, c := range map[string]struct {
		file []byte
		err  error
	}{
		"the index last":                    {slices.Concat(box("ftyp", make([]byte, 8)), box("mdat", media)), meter.ErrLate},
		"the index last, nothing in front":  {box("mdat", media), meter.ErrLate},
		"media in front of its index":       {of(func(f *mp4File) { f.offsets[3] = -3000; f.before = box("free", media) }), meter.ErrLate},
		"a codec that has no clock":         {entry(sampleEntry("ac-3")), meter.ErrLate},
		"a codec in MPEG-4 with no clock":   {entry(sampleEntry("mp4a", esds(0x6b, nil))), meter.ErrLate},
		"AAC without a descriptor":          {entry(sampleEntry("mp4a")), meter.ErrMalformed},
		"AAC without a configuration":       {entry(sampleEntry("mp4a", esds(0x40, nil))), meter.ErrMalformed},
		"two descriptions":                  {swap(good, "stsd\x00\x00\x00\x00\x00\x00\x00\x01", "stsd\x00\x00\x00\x00\x00\x00\x00\x02"), meter.ErrLate},
		"no audio":                          {of(func(f *mp4File) { f.handler = "vide" }), meter.ErrUnsupported},
		"an index with four bytes too many": {slices.Concat(mp4Of(nil, mp4With(func(f *mp4File) { f.extra = n32(0) })), media), meter.ErrMalformed},
		"two indexes":                       {slices.Concat(good, good), meter.ErrMalformed},
		"a fragment before the index":       {slices.Concat(box("ftyp", make([]byte, 8)), fragment(1, 1, 1, nil)), meter.ErrMalformed},
		"a time scale of 0":                 {of(func(f *mp4File) { f.scale = 0 }), meter.ErrMalformed},
		"a box smaller than its header":     {slices.Concat(good, n32(4), []byte("free")), meter.ErrMalformed},
		"a box larger than what holds it":   {swap(good, "\x00\x00\x00\x10smhd", "\x70\x00\x00\x10smhd"), meter.ErrMalformed},
		"a table larger than its box":       {swap(good, "stts\x00\x00\x00\x00\x00", "stts\x00\x00\x00\x00\x70"), meter.ErrMalformed},
		"a table twice":                     {swap(good, "stsc", "stts"), meter.ErrMalformed},
		"more than a month":                 {of(func(f *mp4File) { f.times = []int{1 << 31, 1 << 31} }), meter.ErrMalformed},
		"a fragment of more than a month":   {moof(full("tfhd", 8, n32(1, 1<<31)), full("trun", 0, n32(1<<31))), meter.ErrMalformed},
		"a gap of more than a day":          {fragmented(fragment(1, 1, 1024, tfdt(0)), fragment(1, 1, 1024, full("tfdt", 1<<24, n64(1<<50)))), meter.ErrMalformed},
		"a fragment with two heads":         {moof(full("tfhd", 0, n32(1)), full("tfhd", 0, n32(2))), meter.ErrMalformed},
		"a fragment without a head":         {moof(full("trun", 0, n32(1))), meter.ErrMalformed},
		"a fragment with two times":         {moof(full("tfhd", 0, n32(1)), tfdt(0), tfdt(1)), meter.ErrMalformed},
		"a run larger than its box":         {moof(full("tfhd", 0, n32(1)), full("trun", 0x100, n32(1<<30))), meter.ErrMalformed},
		"two tracks of one number":          {swap(mp4Of(media, aac100(), aac100()), "tkhd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02", "tkhd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"), meter.ErrMalformed},
		"too many tracks":                   {mp4Of(media, slices.Repeat([]mp4File{aac100()}, 17)...), meter.ErrUnsupported},
		"16 MiB of nothing in front":        {slices.Concat(box("ftyp", make([]byte, 8)), box("free", make([]byte, 16<<20))), meter.ErrMalformed},
		"nothing for ever behind the media": {slices.Concat(good, box("free", make([]byte, 33<<20))), meter.ErrMalformed},
		"an index without an end": {func() []byte {
			b := slices.Concat(box("ftyp", make([]byte, 8)), box("moov", make([]byte, 0)))
			copy(b[16:], n32(0))
			return b
		}(), meter.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if err := refused(t, auto, c.file); !errors.Is(err, c.err) || errors.Is(err, meter.ErrLate) != errors.Is(c.err, meter.ErrLate) {
				t.Errorf("error %v, want %v", err, c.err)
			}
		})
	}
}

// swap replaces the last place where old stands.
func swap(file []byte, old, by string) []byte {
	file = slices.Clone(file)
	i := bytes.LastIndex(file, []byte(old))
	if i < 0 {
		panic(old)
	}
	copy(file[i:], by)
	return file
}

func TestBoxesOfRealEncoders(t *testing.T) {
	ms := time.Millisecond
	for name, c := range map[string]struct {
		codec string
		rate  int
		want  time.Duration
		more  time.Duration
	}{
		"jfk-faststart.m4a":        {"aac", 44_100, 11006 * ms, 24 * ms},
		"jfk-fragmented.mp4":       {"aac", 44_100, 11006 * ms, 24 * ms},
		"two-alac.m4a":             {"alac", 16_000, 2 * time.Second, 0},
		"two-flac.mp4":             {"flac", 16_000, 2 * time.Second, 0},
		"two-flac.mkv":             {"flac", 16_000, 2 * time.Second, 0},
		"two-flac.ogg":             {"flac", 16_000, 2 * time.Second, 0},
		"two-mp3.mkv":              {"mp3", 16_000, 2 * time.Second, 110 * ms},
		"two-opus.mp4":             {"opus", 48_000, 2 * time.Second, 20 * ms},
		"two-pcm.mkv":              {"pcm_s24le", 16_000, 2 * time.Second, 0},
		"two-video-fragmented.mp4": {"aac", 16_000, 2 * time.Second, 128 * ms},
		"two-video.mp4":            {"aac", 16_000, 2 * time.Second, 128 * ms},
		"two-video.webm":           {"opus", 48_000, 2 * time.Second, 20 * ms},
		"two-vorbis.webm":          {"vorbis", 16_000, 2 * time.Second, 64 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			file := mustRead(t, "testdata/"+name)
			if got := elapsed(t, auto, file); got < c.want || got > c.want+c.more {
				t.Errorf("%v, want %v and at most %v more", got, c.want, c.more)
			}
			a := meter.NewAuto()
			if err := a.Write(file); err != nil || a.Info().Codec != c.codec || a.Info().SampleRate != c.rate || a.Info().Method == "" {
				t.Errorf("%+v, %v", a.Info(), err)
			}
		})
	}
}

func FuzzMP4(f *testing.F) {
	f.Add(mp4Of(make([]byte, 100), aac100()), 7)
	f.Add(mp4Of(make([]byte, 100), mp4With(func(f *mp4File) { f.wide, f.edits, f.same = true, []int{9}, 9 })), 5)
	f.Add(fragmented(fragment(1, 5, 1024, tfdt(9))), 1)
	f.Add(mp4Of(opusMedia(toc120two)[:2000], opus100(func(f *mp4File) { f.sizes, f.offsets = f.sizes[:20], f.offsets[:2] })), 7)
	f.Add(opusRun{n: 5, tfhd: 0x20000, trun: 0x205, gap: 3}.after(opusRun{n: 5, trun: 1}.after(opusFragmented(), toc60), toc120two), 3)
	f.Add(mustRead(f, "testdata/two-video-fragmented.mp4")[:3000], 100)
	f.Fuzz(func(t *testing.T, file []byte, cut int) { fuzzClock(t, auto, file, cut) })
}

func TestMP4AllocatesNothingInSteadyState(t *testing.T) {
	unallocating(t, auto, mustRead(t, "testdata/jfk-fragmented.mp4"), 2000)
	unallocating(t, auto, mustRead(t, "testdata/jfk-faststart.m4a"), 4000)
}

func BenchmarkMP4(b *testing.B) {
	b.Run("fragmented", func(b *testing.B) { bench(b, auto, mustRead(b, "testdata/jfk-fragmented.mp4")) })
	b.Run("index in front", func(b *testing.B) { bench(b, auto, mustRead(b, "testdata/jfk-faststart.m4a")) })
}
