package meter_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
	"github.com/sttgate/sttgate/meter"
)

// granules is the time of a file by its last granule position, as pion reads it. It verifies checksums.
func granules(t *testing.T, file []byte) time.Duration {
	t.Helper()
	r, err := oggreader.NewWithOptions(bytes.NewReader(file), oggreader.WithDoChecksum(true))
	if err != nil {
		t.Fatal(err)
	}
	var skip, last uint64
	for {
		payload, page, err := r.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return time.Duration(last-skip) * time.Second / 48_000
		}
		if err != nil {
			t.Fatal(err)
		}
		if kind, ok := page.HeaderType(payload); ok && kind == oggreader.HeaderOpusID {
			head, err := oggreader.ParseOpusHead(payload)
			if err != nil {
				t.Fatal(err)
			}
			skip = uint64(head.PreSkip)
		}
		if page.GranulePosition != ^uint64(0) {
			last = page.GranulePosition
		}
	}
}

// pionWrites is n packets as pion's writer wraps them; each is of a configuration (RFC 6716, table 2) and lasts so many
// samples.
func pionWrites(t *testing.T, n int, toc byte, samples uint32) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := oggwriter.NewWith(&file, 48_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		err := w.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i) * samples, SSRC: 7},
			Payload: append([]byte{toc}, make([]byte, 1+i*7919%900)...),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestPionReadsTheSameTimeInOggOpus(t *testing.T) {
	for name, file := range map[string][]byte{
		"real speech": mustRead(t, "testdata/jfk-opus20.ogg"),
		"2.5 ms":      pionWrites(t, 2000, 0x80, 120),
		"10 ms":       pionWrites(t, 500, 0x00, 480),
		"20 ms":       pionWrites(t, 500, 0xf8, 960),
		"60 ms":       pionWrites(t, 200, 0x18, 2880),
		"2 of 60 ms":  pionWrites(t, 100, 0x19, 5760),
	} {
		t.Run(name, func(t *testing.T) {
			a := meter.NewAuto()
			if err := a.Write(file); err != nil {
				t.Fatal(err)
			}
			if got, want := a.Elapsed(), granules(t, file); got != want || got == 0 {
				t.Errorf("%v here, %v there", got, want)
			}
		})
	}
}
