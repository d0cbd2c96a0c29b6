package meter

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// oggStream is one logical stream: headers first, then packets of audio, and in the headers of pages how far the
// audio has come (granule position: samples up to the end of the last packet that ends in the page).
//
// Packets count when they end, so time goes on inside of a page. The granule position counts where it is ahead of
// them: a hole in the numbers is time to a vendor. Where it is behind, it is a lie or a damage, with one exception: on
// the last page it cuts the last packet (RFC 7845, 4.4; Vorbis I, A.2).
type oggStream struct {
	serial uint32
	other  bool // no audio
	audio  essence
	codec  string // of the headers that come
	header []byte // of the packet that is read, while it is one; what a codec must see of it
	keep   int    // how much that is
	ident  []byte // of Vorbis, until its setup
	heads  int    // headers that are there
	begun  bool   // audio packets come

	open    bool // a packet has begun
	granule int64
	last    bool  // the page is the last one
	ended   bool  // there was a last page
	ends    int   // packets that still end in this page
	packets int   // of audio that ended in this page
	started bool  // start is known
	start   int64 // granule position of the beginning
	span    int64 // granule position, from there
}

// beginPage looks at the page's header. A packet that breaks off, and a rest of one that has not begun, are taken for
// packets: readers differ in what they make of them.
func (s *oggStream) beginPage(flags byte, granule int64, ends int) error {
	if granule < -1 && !s.other {
		return fmt.Errorf("%w: an Ogg page at granule position %d", ErrMalformed, granule)
	}
	if s.open && flags&oggContinued == 0 {
		s.last = false
		if err := s.endPacket(); err != nil {
			return err
		}
	}
	s.granule, s.ends, s.packets = granule, ends, 0
	s.last = flags&oggLast != 0 && granule >= 0 && !s.ended
	s.ended = s.ended || flags&oggLast != 0
	if s.heads == 0 && s.keep == 0 {
		s.keep = speexHeadBytes
	}
	return nil
}

func (s *oggStream) write(p []byte) {
	if len(p) == 0 {
		return
	}
	s.begun = s.begun || s.codec == "flac" && len(s.header) == 0 && p[0] == 0xff // a frame, and no metadata
	s.open = true
	switch {
	case s.other:
	case s.begun:
		s.audio.write(p)
	default:
		if n := min(s.keep-len(s.header), len(p)); n > 0 {
			s.header = append(s.header, p[:n]...)
		}
	}
}

func (s *oggStream) endPacket() error {
	s.open = false
	s.ends--
	if s.other {
		return nil
	}
	if !s.begun {
		h := s.header
		s.header = s.header[:0]
		s.heads++
		return s.headers(h)
	}
	n, err := s.audio.end()
	if err != nil {
		return err
	}
	if s.last && s.ends == 0 {
		n = s.cut(n)
	}
	s.packets++
	s.audio.sum = add(s.audio.sum, n)
	return nil
}

// cut is what the last page leaves of the last packet, within bounds.
func (s *oggStream) cut(n int64) int64 {
	left := s.granule - s.start - s.audio.sum
	if left >= n {
		return n
	}
	return max(left, n-s.audio.sum/trimShare, 0)
}

// endPage takes the granule position. The first one that belongs to audio says where the stream begins: a recording that
// was joined late begins behind 0, and what is before was not sent.
func (s *oggStream) endPage() error {
	if s.other || !s.begun || s.granule < 0 {
		return nil
	}
	if !s.started {
		if s.packets == 0 {
			return nil
		}
		s.started, s.start = true, max(s.granule-s.audio.sum, -s.audio.early)
	}
	span := s.granule - s.start
	if ahead := span - max(s.span, s.audio.sum); ahead > 0 && ticks(ahead, s.audio.rate) > maxGap {
		return fmt.Errorf("%w: a gap of more than %v in an Ogg stream", ErrMalformed, maxGap)
	}
	s.span = max(s.span, span)
	return nil
}

func (s *oggStream) elapsed() time.Duration {
	return ticks(s.audio.heard(max(s.audio.sum, s.span)), s.audio.rate)
}

// headers takes the next whole header, of which h is what was kept.
func (s *oggStream) headers(h []byte) (err error) {
	switch {
	case s.heads == 1:
		err = s.first(h)
	case s.codec == "opus":
		if !strings.HasPrefix(string(h), "OpusTags") {
			return fmt.Errorf("%w: an Opus stream without OpusTags", ErrMalformed)
		}
		s.begun = true
	case s.codec == "speex": // the comments; further headers are rare, and count as packets
		s.begun = true
	case s.codec == "vorbis" && s.heads == 2:
		if !strings.HasPrefix(string(h), "\x03vorbis") {
			return fmt.Errorf("%w: a Vorbis stream without its comments", ErrMalformed)
		}
		s.keep = vorbisSetupBytes + 1
	case s.codec == "vorbis":
		s.audio, err = vorbisEssence(s.ident, h)
		s.begun, s.ident = true, nil
	}
	if s.begun {
		s.header = nil
	}
	return err
}

// first tells by the first packet what the stream holds. What may be audio and is not known here is
// refused: a vendor may choose it, and leave what was counted.
func (s *oggStream) first(h []byte) (err error) {
	s.keep = 8
	switch head := string(h); {
	case strings.HasPrefix(head, "OpusHead"):
		s.codec = "opus"
		s.audio, err = opusEssence(h)
	case strings.HasPrefix(head, "\x01vorbis"):
		s.codec, s.ident = "vorbis", append([]byte(nil), h...)
		_, _, err = vorbisIdent(h)
	case strings.HasPrefix(head, "\x7fFLAC\x01") && len(h) >= 17+flacInfoBytes && head[9:17] == "fLaC\x00\x00\x00\x22": // RFC 9639, 10.1
		s.codec = "flac"
		s.audio, err = flacEssence(h[17:][:flacInfoBytes])
	case strings.HasPrefix(head, "Speex   "):
		s.codec = "speex"
		s.audio, err = speexEssence(h)
	case noAudio(head):
		s.other, s.header = true, nil
	default:
		err = fmt.Errorf("%w: an Ogg stream that begins with %q", ErrLate, head[:min(8, len(head))])
	}
	return err
}

// noAudio knows the streams that stand beside audio: video, text and Skeleton.
func noAudio(head string) bool {
	for _, magic := range [...]string{"\x80theora", "fishead\x00", "CMML", "\x80kate", "BBCD\x00", "OVP80", "\x80daala", "\x01video", "\x01text"} {
		if strings.HasPrefix(head, magic) {
			return true
		}
	}
	return false
}

// add sums what is not negative; the sum stays at the maximum.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
