package meter

import "fmt"

// wav is the clock of RIFF/WAVE, and of RF64 (EBU Tech 3306) and BW64 for more than 4 GiB.
//
//	"RIFF" size "WAVE" │ "fmt " … │ other chunks │ "data" size, samples │ other chunks
//
// The samples are counted by their bytes. The byte rate of the header is not believed: it is
// computed. Recorders that stream write 0 or the largest number as the size of the data; then all that follows
// is samples.
type wav struct {
	chunked
	state  wavState
	large  bool // RF64: sizes may be in ds64
	ds64   uint64
	second second
}

func newWAV() *wav { return &wav{chunked: chunked{name: "WAV"}} }

// wavState is what the next bytes are.
type wavState byte

const (
	wavRiff wavState = iota
	wavChunk
	wavFmt
	wavDS64
	wavSkip
	wavData
)

func matchWAV(head []byte) (yes, more bool) {
	if len(head) < 12 {
		return false, len(head) < 4 || isRiff(head)
	}
	return isRiff(head) && string(head[8:12]) == "WAVE", false
}

func isRiff(head []byte) bool {
	switch string(head[:4]) {
	case "RIFF", "RF64", "BW64":
		return true
	}
	return false
}

// Write takes the file, cut anywhere.
func (w *wav) Write(p []byte) error {
	for len(p) > 0 {
		var err error
		switch w.state {
		case wavData:
			p, err = w.data(p)
		case wavSkip:
			n := min(w.skip, int64(len(p)))
			p, w.skip = p[n:], w.skip-n
			if w.skip == 0 {
				w.state = wavChunk
			}
			err = w.other(n)
		default:
			before := len(p)
			var whole bool
			p, whole = w.head.fill(p, w.wants())
			if err = w.other(int64(before - len(p))); err == nil && whole {
				err = w.parse(w.head.take())
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *wav) wants() int {
	switch w.state { //nolint:exhaustive // the others gather nothing
	case wavRiff:
		return 12
	case wavFmt:
		return int(min(w.skip, 40))
	case wavDS64:
		return 28
	}
	return 8
}

func (w *wav) parse(h []byte) error {
	switch w.state { //nolint:exhaustive // the others gather nothing
	case wavRiff:
		w.large, w.state = string(h[:4]) != "RIFF", wavChunk
	case wavChunk:
		return w.chunk(string(h[:4]), le32(h[4:]))
	case wavFmt:
		return w.rest(int64(len(h)), w.format(h))
	case wavDS64:
		w.ds64 = le64(h[8:])
		return w.rest(int64(len(h)), nil)
	}
	return nil
}

// rest passes over what is left of a chunk of which n bytes were read.
func (w *wav) rest(n int64, err error) error {
	if w.skip -= n; w.skip > 0 {
		w.state = wavSkip
	} else {
		w.state = wavChunk
	}
	return err
}

// chunk begins one. Chunks are padded to an even length.
func (w *wav) chunk(id string, size uint32) error {
	w.skip = int64(size) + int64(size&1)
	w.state = wavSkip
	switch {
	case isRiff([]byte(id)):
		return fmt.Errorf("%w: a WAV file behind another one", ErrMalformed)
	case id == "fmt " && w.info.Channels > 0:
		return fmt.Errorf("%w: a WAV file with two formats", ErrMalformed)
	case id == "fmt " && size < 16:
		return fmt.Errorf("%w: a WAV format of %d bytes", ErrMalformed, size)
	case id == "fmt ":
		w.state = wavFmt
	case id == "ds64" && w.large && !w.begun && size >= 28:
		w.state = wavDS64
	case id == "data":
		return w.beginData(size)
	case w.unmarked(id):
		w.state = wavData
		w.begin(-1)
	case w.skip == 0:
		w.state = wavChunk
	}
	return nil
}

// beginData begins samples; w.skip is their padding from here on.
func (w *wav) beginData(size uint32) error {
	if w.info.Channels == 0 {
		return fmt.Errorf("%w: a WAV file with samples before its format", ErrMalformed)
	}
	w.state, w.skip = wavData, int64(size&1)
	switch {
	case size == 0xffffffff && w.large && w.ds64 > 0 && w.ds64 < maxBlocks:
		w.skip = int64(w.ds64 & 1)
		w.begin(int64(w.ds64))
	case size == 0 || size >= 0xffffff00: // a recorder that could not know
		w.begin(-1)
	default:
		w.begin(int64(size))
	}
	return nil
}

// data counts samples and returns what stands behind.
func (w *wav) data(p []byte) ([]byte, error) {
	rest := w.samples(p)
	if w.left < 0 {
		return rest, w.second.look(p)
	}
	if w.left == 0 {
		w.state = wavChunk
		if w.skip > 0 {
			w.state = wavSkip
		}
	}
	return rest, nil
}

// format reads the format chunk.
func (w *wav) format(h []byte) error {
	f, err := readWAVFormat(h)
	if err != nil {
		return err
	}
	codec, b, err := f.audio()
	if err != nil {
		return err
	}
	w.info = Info{Format: "wav", Codec: codec, SampleRate: f.rate, Channels: f.channels, Method: "bytes of samples"}
	if b.samples > 1 {
		w.info.Method = "blocks of samples"
	}
	w.blocks = b
	copy(w.second.first[:], h)
	return nil
}
