package meter

import (
	"fmt"
	"io"
	"time"
)

// mp4MostIndex bounds an index: a day of audio has some 30 MiB.
const mp4MostIndex = 256 << 20

// MP4Index tells how long the audio of an MP4 file is by its index alone, wherever that stands: for who has the
// whole file and not a stream, of which an index at the end comes too late (ErrLate). The time is what the tables say,
// no packet is looked at. Errors wrap ErrMalformed or ErrUnsupported, or are the reader's.
func MP4Index(r io.ReaderAt, size int64) (Info, time.Duration, error) {
	at, n, err := findMoov(r, size)
	if err != nil {
		return Info{}, 0, err
	}
	m := &mp4{aside: true}
	if _, err := io.CopyN(writer{m}, io.NewSectionReader(r, at, n), n); err != nil {
		return Info{}, 0, err
	}
	d, ok := m.Declared(size)
	if !ok {
		return Info{}, 0, fmt.Errorf("%w: an MP4 file whose index tells no time", ErrMalformed)
	}
	info := m.Info()
	info.Method = "tables of samples, at the end"
	return info, d, nil
}

// findMoov goes from box to box to the index.
func findMoov(r io.ReaderAt, size int64) (at, n int64, err error) {
	var h [16]byte
	for at+8 <= size {
		got, err := r.ReadAt(h[:min(16, size-at)], at)
		if err != nil && got < 8 {
			return 0, 0, err
		}
		n = int64(be32(h[:]))
		switch {
		case n == 0:
			n = size - at
		case n == 1 && got == 16:
			n = n64(h[8:])
		}
		if n < 8 || n > size-at {
			return 0, 0, fmt.Errorf("%w: the MP4 box %q has %d bytes of %d", ErrMalformed, h[4:8], n, size-at)
		}
		if string(h[4:8]) == "moov" {
			if n > mp4MostIndex {
				return 0, 0, fmt.Errorf("%w: an MP4 index of %d bytes", ErrMalformed, n)
			}
			return at, n, nil
		}
		at += n
	}
	return 0, 0, fmt.Errorf("%w: an MP4 file without an index", ErrMalformed)
}

// writer makes a clock an io.Writer.
type writer struct{ c Clock }

func (w writer) Write(p []byte) (int, error) { return len(p), w.c.Write(p) }
