package meter_test

import (
	"errors"
	"testing"

	"github.com/sttgate/sttgate/meter"
)

func TestWhatIsKnownAndCannotBeMeasuredIsToldFromWhatIsBroken(t *testing.T) {
	for name, c := range map[string]struct{ head, format string }{
		"ASF, WMA":         {"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", "asf"},
		"MPEG-TS, PAT":     {"\x47\x40\x00\x10\x00\x00\xb0\x0d\x00\x01\xc1\x00\x00", "mpeg-ts"},
		"MPEG-TS, SDT":     {"\x47\x40\x11\x10\x00\x42\xf0\x25\x00\x01\xc1\x00\x00", "mpeg-ts"},
		"MPEG-PS":          {"\x00\x00\x01\xba\x44\x00\x04\x00\x04\x01\x01\x89\xc3\xf8", "mpeg-ps"},
		"MPEG-PS, cut":     {"\x00\x00\x01\xba\x44\x00\x04\x00", "mpeg-ps"},
		"LATM in LOAS":     {"\x56\xe0\x5a\x20\x00\x11\x90\x00\x00\x00\x00\x00\x00", "loas"},
		"FLV":              {"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00", "flv"},
		"Core Audio":       {"caff\x00\x01\x00\x00desc\x00\x00", "caf"},
		"AVI":              {"RIFF\x00\x10\x00\x00AVI LIST", "avi"},
		"RealMedia":        {".RMF\x00\x00\x00\x12\x00\x00\x00\x00\x00", "realmedia"},
		"text":             {"Great things are to come", ""},
		"text like LOAS":   {"Very good, and long enough", ""},
		"RIFF of a fourth": {"RIFF\x00\x10\x00\x00ACONanih", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 3, len(c.head)} {
				a := meter.NewAuto()
				var err error
				for rest := c.head; rest != "" && err == nil; {
					n := min(size, len(rest))
					err, rest = a.Write([]byte(rest[:n])), rest[n:]
				}
				if !errors.Is(err, meter.ErrUnsupported) || errors.Is(err, meter.ErrMalformed) {
					t.Errorf("chunks of %d: %v", size, err)
				}
				if got := errors.Is(err, meter.ErrLate); got != (c.format != "") {
					t.Errorf("chunks of %d: late is %v: %v", size, got, err)
				}
				if got := a.Info().Format; got != c.format {
					t.Errorf("chunks of %d: format %q, want %q", size, got, c.format)
				}
				if again := a.Write([]byte{0}); !errors.Is(again, meter.ErrUnsupported) {
					t.Errorf("afterwards: %v", again)
				}
				if d, ok := a.Declared(1000); d != 0 || ok || a.Elapsed() != 0 {
					t.Errorf("declared %v, %v; elapsed %v", d, ok, a.Elapsed())
				}
			}
		})
	}
}
