package meter_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"
	"github.com/sttgate/sttgate/meter"
)

// oracleFile is a file as ebml-go reads it.
type oracleFile struct {
	Header  webm.EBMLHeader `ebml:"EBML"`
	Segment struct {
		Tracks  webm.Tracks `ebml:"Tracks"`
		Cluster []struct {
			Timecode    uint64       `ebml:"Timecode"`
			SimpleBlock []ebml.Block `ebml:"SimpleBlock"`
			BlockGroup  []struct {
				Block   ebml.Block `ebml:"Block"`
				Discard int64      `ebml:"DiscardPadding,omitempty"`
			} `ebml:"BlockGroup"`
		} `ebml:"Cluster,size=unknown"`
	} `ebml:"Segment,size=unknown"`
}

// oracle reads a file of Opus in packets of one length: how many of its track, and where the last one ends.
func oracle(t *testing.T, file []byte, packet time.Duration) (packets, span time.Duration) {
	t.Helper()
	var f oracleFile
	if err := ebml.Unmarshal(bytes.NewReader(file), &f, ebml.WithIgnoreUnknown(true)); err != nil {
		t.Fatal(err)
	}
	var track, skip uint64
	for _, e := range f.Segment.Tracks.TrackEntry {
		if e.TrackType == 2 {
			track, skip = e.TrackNumber, uint64(e.CodecPrivate[10])|uint64(e.CodecPrivate[11])<<8
		}
	}
	discard := time.Duration(0)
	count := func(stamp uint64, b ebml.Block) {
		if b.TrackNumber == track {
			packets += packet * time.Duration(len(b.Data))
			span = max(span, time.Duration(int64(stamp)+int64(b.Timecode))*time.Millisecond+packet*time.Duration(len(b.Data)))
		}
	}
	for _, c := range f.Segment.Cluster {
		for _, b := range c.SimpleBlock {
			count(c.Timecode, b)
		}
		for _, g := range c.BlockGroup {
			count(c.Timecode, g.Block)
			discard += time.Duration(g.Discard)
		}
	}
	less := discard + samples(int64(skip), 48_000)
	return packets - less, span - less
}

// oracleWriter collects what ebml-go writes.
type oracleWriter struct{ bytes.Buffer }

func (*oracleWriter) Close() error { return nil }

// oracleWrites is a live file of n packets of 20 ms by ebml-go's writer.
func oracleWrites(t *testing.T, n int, pause int64) []byte {
	t.Helper()
	var file oracleWriter
	tracks, err := webm.NewSimpleBlockWriter(&file, []webm.TrackEntry{{
		TrackNumber: 1, TrackUID: 7, CodecID: "A_OPUS", CodecPrivate: opusHead(312), TrackType: 2,
		Audio: &webm.Audio{SamplingFrequency: 48_000, Channels: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		at := int64(i) * 20
		if i > n/2 {
			at += pause
		}
		if _, err := tracks[0].Write(true, at, packet20(1+i*7919%600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tracks[0].Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestEBMLGoReadsTheSameTimeInWebM(t *testing.T) {
	for name, c := range map[string]struct {
		file   []byte
		packet time.Duration
	}{
		"real speech":          {mustRead(t, "testdata/jfk-opus60.webm"), 60 * time.Millisecond},
		"real, live, video":    {mustRead(t, "testdata/two-video.webm"), 20 * time.Millisecond},
		"its own writer":       {oracleWrites(t, 3000, 0), 20 * time.Millisecond},
		"its own, with a hole": {oracleWrites(t, 3000, 70_000), 20 * time.Millisecond},
		"ours, live":           {webmLive(cluster20(live, 0), cluster20(live, 1000)), 20 * time.Millisecond},
		"ours, laced": {webmOf(opusTrack(0), cluster(0, el(0xa3, laced(1, 0, 1, packet20(9), packet20(255), packet20(600), packet20(1))),
			el(0xa3, laced(1, 80, 3, packet20(90), packet20(9), packet20(600), packet20(1))), el(0xa3, laced(1, 160, 2, packet20(9), packet20(9), packet20(9))))), 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			a := meter.NewAuto()
			if err := a.Write(c.file); err != nil {
				t.Fatal(err)
			}
			packets, span := oracle(t, c.file, c.packet)
			want := packets
			if span > packets+2*time.Millisecond { // timestamps are rounded
				want = span
			}
			if d := a.Elapsed() - want; d < -time.Microsecond || d > time.Microsecond {
				t.Errorf("%v here, %v there (packets %v, timestamps %v)", a.Elapsed(), want, packets, span)
			}
		})
	}
}
