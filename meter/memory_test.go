package meter_test

import (
	"bytes"
	"runtime"
	"slices"
	"testing"

	"github.com/sttgate/sttgate/meter"
)

// TestNothingIsKeptThatCanBeCountedAway writes files with much in them that is no audio. What a clock
// allocates in its whole life is far less than what passes.
func TestNothingIsKeptThatCanBeCountedAway(t *testing.T) {
	big := make([]byte, 20<<20)
	long := mp4File{handler: "soun", entry: aacEntry(), scale: 48_000, times: []int{500_000, 1024}, perChunk: []int{1, 1, 1}}
	for i := range 500_000 {
		long.sizes, long.offsets = append(long.sizes, 9), append(long.offsets, 9*i)
	}
	opus := long
	opus.entry = opusEntry()
	for name, file := range map[string][]byte{
		"attachments in Matroska":     webmLive(cluster20(live, 0), el(0x1941a469, big), cluster20(live, 1000)),
		"a private part of a video":   webmLive(cluster20(live, 0), el(0x1c53bb6b, big)),
		"an index of 500 000 chunks":  mp4Of(nil, long),
		"an index of 500 000 packets": mp4Of(nil, opus),
		"a picture behind an MP4":     slices.Concat(mp4Of(make([]byte, 10_000), aac100()), box("udta", big)),
		"comments in Ogg": oggFile(slices.Concat(oggOpus(1, 0, 0)[:1], []oggPage{
			{serial: 1, granule: -1, packets: [][]byte{append([]byte("OpusTags"), make([]byte, 255*200-8)...)}, more: true},
		}, endless(1, 12)[1:])...),
		"streams of Ogg without an end": oggFile(slices.Concat(oggOpus(1, 0, 1), endless(1, 300))...),
		"text":                          bytes.Repeat([]byte("text"), 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a := meter.NewAuto()
			for rest := file; len(rest) > 0; {
				n := min(4096, len(rest))
				_ = a.Write(rest[:n]) // an error ends it as well
				rest = rest[n:]
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20 {
				t.Errorf("%d bytes were allocated for a file of %d", n, len(file))
			}
		})
	}
}
