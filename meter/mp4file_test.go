package meter_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

func TestAnIndexAtTheEndIsFoundByWhoHasTheFile(t *testing.T) {
	for file, least := range map[string]time.Duration{"jfk-moov-last.m4a": 11006 * time.Millisecond, "jfk-faststart.m4a": 11006 * time.Millisecond} {
		b := mustRead(t, "testdata/"+file)
		info, d, err := meter.MP4Index(bytes.NewReader(b), int64(len(b)))
		if err != nil || d < least || d > least+64*time.Millisecond || info.Codec != "aac" || info.SampleRate == 0 {
			t.Errorf("%s: %v, %+v, %v", file, d, info, err)
		}
	}
}

func TestAnIndexThatCannotBeFoundIsAnError(t *testing.T) {
	late := mustRead(t, "testdata/jfk-moov-last.m4a")
	for name, b := range map[string][]byte{
		"cut before it":           late[:len(late)/2],
		"cut inside":              late[:len(late)-9],
		"nothing":                 nil,
		"a box of no size at all": append(box("ftyp", nil), 0, 0, 0, 3, 'm', 'o', 'o', 'v'),
		"fragments":               mustRead(t, "testdata/jfk-fragmented.mp4"),
	} {
		if _, d, err := meter.MP4Index(bytes.NewReader(b), int64(len(b))); !errors.Is(err, meter.ErrMalformed) && !errors.Is(err, meter.ErrUnsupported) {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
}
