package meter_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/sttgate/sttgate/meter"
)

// TestABeginningIsWaitedForOrRefused: no beginning that is cut is taken for another format.
func TestABeginningIsWaitedForOrRefused(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) < 10 {
		t.Fatal(len(files), err)
	}
	for _, name := range files {
		file := mustRead(t, name)
		whole := meter.NewAuto()
		if err := whole.Write(file); err != nil {
			if errors.Is(err, meter.ErrLate) {
				continue
			}
			t.Fatal(name, err)
		}
		for n := range 16 {
			a := meter.NewAuto()
			if err := a.Write(file[:n]); err != nil || a.Known() && n < 3 {
				t.Errorf("%s, %d bytes: %v", name, n, err)
			}
			if err := a.Write(file[n:]); err != nil || a.Elapsed() != whole.Elapsed() || a.Info() != whole.Info() {
				t.Errorf("%s, cut at %d: %v, %v and %v", name, n, err, a.Elapsed(), whole.Elapsed())
			}
		}
	}
}

func TestStrangersAreRefused(t *testing.T) {
	for name, head := range map[string]string{
		"text":          "Hello, this is no audio at all.",
		"JSON":          `{"type":"KeepAlive"}`,
		"HTML":          "<!doctype html><html>",
		"PNG":           "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
		"JPEG":          "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01",
		"gzip":          "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03abc",
		"silence":       "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"full scale":    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"mu-law":        "\xff\x7f\xff\x7e\xfe\x7f\xff\xff\x7f\xff\x7e\xff",
		"half FORM":     "FORM\x00\x00\x00\x008SVXVHDR",
		"RIFF of AVI's": "RIFF\x00\x00\x00\x00ACONanih",
		"flac, small":   "flac\x00\x00\x00\x22........",
		"AMR, small":    "#!amr\n\x04.......",
	} {
		a := meter.NewAuto()
		if err := a.Write([]byte(head)); !errors.Is(err, meter.ErrUnsupported) || a.Known() && !errors.Is(err, meter.ErrLate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
