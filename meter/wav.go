package meter

import (
	"fmt"
	"time"
)

// The WAVE format tags that are measured (RFC 2361, and mmreg.h for the extensible one).
const (
	wavPCM        = 0x0001
	wavFloat      = 0x0003
	wavAlaw       = 0x0006
	wavMulaw      = 0x0007
	wavExtensible = 0xfffe
)

// wav is the clock of RIFF/WAVE, and of RF64 (EBU Tech 3306) and BW64 for more than 4 GiB.
//
//	"RIFF" size "WAVE" │ "fmt " … │ other chunks │ "data" size, samples │ other chunks
//
// The samples are counted by their bytes. The byte rate of the header is not believed: it is
// computed. Recorders that stream write 0 or the largest number as the size of the data; then all that follows
// is samples.
type wav struct {
	head  header
	state wavState
	skip  int64 // bytes of a chunk that is passed over
	lead  int64 // bytes before the samples
	large bool  // RF64: sizes may be in ds64
	ds64  uint64

	info  Info
	pcm   PCM
	begun bool  // "data" has come
	left  int64 // bytes of samples to come; -1: until the end
	total int64 // what data declared; -1: unknown
}

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
			p = w.samples(p)
		case wavSkip:
			n := min(w.skip, int64(len(p)))
			p, w.skip = p[n:], w.skip-n
			if w.skip == 0 {
				w.state = wavChunk
			}
			err = w.idle(n)
		default:
			before := len(p)
			var whole bool
			if p, whole = w.head.fill(p, w.wants()); whole {
				err = w.parse(w.head.take())
			}
			if err == nil {
				err = w.idle(int64(before - len(p)))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// idle counts bytes that are no samples: an endless header would be a free channel.
func (w *wav) idle(n int64) error {
	if w.lead += n; w.lead > maxLeadIn {
		return fmt.Errorf("%w: more than %d bytes of a WAV file that are no samples", ErrMalformed, maxLeadIn)
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
	case id == "fmt " && w.info.Channels > 0:
		return fmt.Errorf("%w: a WAV file with two formats", ErrMalformed)
	case id == "fmt " && size < 16:
		return fmt.Errorf("%w: a WAV format of %d bytes", ErrMalformed, size)
	case id == "fmt ":
		w.state = wavFmt
	case id == "ds64" && w.large && size >= 28:
		w.state = wavDS64
	case id == "data":
		return w.data(size)
	case w.skip == 0:
		w.state = wavChunk
	}
	return nil
}

// data begins samples; w.skip is their padding from here on.
func (w *wav) data(size uint32) error {
	if w.info.Channels == 0 {
		return fmt.Errorf("%w: a WAV file with samples before its format", ErrMalformed)
	}
	w.state, w.begun, w.skip = wavData, true, int64(size&1)
	w.left = int64(size)
	switch {
	case size == 0xffffffff && w.large && w.ds64 < 1<<62:
		w.left, w.skip = int64(w.ds64), int64(w.ds64&1)
	case size == 0 || size >= 0xffffff00: // a recorder that could not know
		w.left = -1
	}
	if w.total < 0 || w.left < 0 {
		w.total = -1
	} else {
		w.total += w.left
	}
	return nil
}

// samples counts them and returns what stands behind.
func (w *wav) samples(p []byte) []byte {
	if w.left < 0 {
		w.pcm.Advance(int64(len(p)))
		return nil
	}
	n := min(w.left, int64(len(p)))
	w.pcm.Advance(n)
	if w.left -= n; w.left == 0 {
		w.state = wavChunk
		if w.skip > 0 {
			w.state = wavSkip
		}
	}
	return p[n:]
}

// format reads the format chunk. What its members say must fit together.
func (w *wav) format(h []byte) error {
	tag, channels, rate, align, bits := le16(h), int(le16(h[2:])), int(le32(h[4:])), int(le16(h[12:])), int(le16(h[14:]))
	if tag == wavExtensible && len(h) >= 26 {
		tag = le16(h[24:]) // the sub-format's GUID begins with the old tag
	}
	codec, ok := wavCodec(tag, bits)
	switch {
	case !ok:
		return fmt.Errorf("%w: WAV format 0x%04x with %d bits", ErrUnsupported, tag, bits)
	case channels < 1 || channels > MaxChannels:
		return fmt.Errorf("%w: %d channels, 1 to %d are possible", ErrUnsupported, channels, MaxChannels)
	case rate < MinSampleRate || rate > MaxSampleRate:
		return fmt.Errorf("%w: sample rate %d is outside %d to %d Hz", ErrUnsupported, rate, MinSampleRate, MaxSampleRate)
	case align != channels*((bits+7)/8):
		return fmt.Errorf("%w: a WAV file whose blocks of %d bytes do not hold %d channels of %d bits", ErrMalformed, align, channels, bits)
	}
	w.info = Info{Format: "wav", Codec: codec, SampleRate: rate, Channels: channels, Method: "bytes of samples"}
	w.pcm = PCM{perSecond: int64(align) * int64(rate)}
	return nil
}

func wavCodec(tag uint16, bits int) (string, bool) {
	switch {
	case tag == wavPCM && bits == 8:
		return "pcm_u8", true
	case tag == wavPCM && (bits == 16 || bits == 24 || bits == 32):
		return fmt.Sprintf("pcm_s%dle", bits), true
	case tag == wavFloat && (bits == 32 || bits == 64):
		return fmt.Sprintf("pcm_f%dle", bits), true
	case tag == wavAlaw && bits == 8:
		return "alaw", true
	case tag == wavMulaw && bits == 8:
		return "mulaw", true
	}
	return "", false
}

// Elapsed is exact to the sample.
func (w *wav) Elapsed() time.Duration {
	if w.pcm.perSecond == 0 {
		return 0
	}
	return w.pcm.Elapsed()
}

// Info is zero before the format chunk.
func (w *wav) Info() Info { return w.info }

// Declared is known when the samples begin: by what their header says or, where that is
// less, by the length of the body.
func (w *wav) Declared(bodyBytes int64) (time.Duration, bool) {
	if !w.begun {
		return 0, false
	}
	total := w.total
	if most := bodyBytes - w.lead; bodyBytes >= 0 && (total < 0 || most < total) {
		total = max(most, 0)
	}
	if total < 0 {
		return 0, false
	}
	end := PCM{perSecond: w.pcm.perSecond}
	end.Advance(total)
	return end.Elapsed(), true
}
