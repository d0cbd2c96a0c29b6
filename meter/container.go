package meter

import (
	"encoding/binary"
	"errors"
	"time"
)

// ErrMalformed says that audio is not what it claims to be: its headers contradict
// each other, or cannot be read. It ends an upload, or a stream, as unmeterable.
var ErrMalformed = errors.New("malformed audio")

// Info is what a container's headers say of its audio.
type Info struct {
	Format     string // of the container: "wav"
	Codec      string // of what is in it: "pcm_s16le"
	SampleRate int    // Hz
	Channels   int
	Method     string // how the time is found, for people
}

// container is the clock of one format that declares itself. Write takes the file from its
// first byte, cut anywhere, and keeps no more than a header of it.
type container interface {
	Clock
	// Info is zero before the headers have come.
	Info() Info
	// Declared is how long the whole will last, judging by its headers and the length of the
	// body (-1 where that is not known). It is a claim: nothing is charged by it.
	Declared(bodyBytes int64) (time.Duration, bool)
}

// maxLeadIn bounds what may stand in front of the first audio, or as tags between it, and is not
// measured. A picture of a cover is a few MiB; more would be a free channel to the vendor.
const maxLeadIn = 16 << 20

// maxGarbage bounds what may stand between two frames and is nothing that is known.
const maxGarbage = 1 << 20

func le16(p []byte) uint16 { return binary.LittleEndian.Uint16(p) }
func le32(p []byte) uint32 { return binary.LittleEndian.Uint32(p) }
func le64(p []byte) uint64 { return binary.LittleEndian.Uint64(p) }

func be16(p []byte) uint16 { return binary.BigEndian.Uint16(p) }
func be32(p []byte) uint32 { return binary.BigEndian.Uint32(p) }
func be64(p []byte) uint64 { return binary.BigEndian.Uint64(p) }

// header gathers the few bytes of a header that may be cut anywhere.
type header struct {
	buf  [64]byte
	have int
}

// fill takes bytes until there are want of them, at most len(buf), and returns the rest of p.
func (h *header) fill(p []byte, want int) (rest []byte, whole bool) {
	n := copy(h.buf[h.have:want], p)
	h.have += n
	return p[n:], h.have == want
}

// take is the gathered header; the next one begins.
func (h *header) take() []byte {
	b := h.buf[:h.have]
	h.have = 0
	return b
}
