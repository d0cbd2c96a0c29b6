package meter

import (
	"fmt"
	"time"
)

// Tags of music files, in front (ID3v2), behind (ID3v1, APEv2, Lyrics3) or where files were joined.

// tagBytes is how much of a tag must be seen to know its length, by its first four bytes; 0: no tag.
func tagBytes(first uint64) int {
	switch first & 0xffffff00 {
	case 'T'<<24 | 'A'<<16 | 'G'<<8:
		return 4
	case 'I'<<24 | 'D'<<16 | '3'<<8:
		return id3Header
	}
	switch first & 0xffffffff {
	case 'A'<<24 | 'P'<<16 | 'E'<<8 | 'T':
		return 32
	case 'L'<<24 | 'Y'<<16 | 'R'<<8 | 'I':
		return 11
	}
	return 0
}

const (
	id3Header   = 10
	maxLyrics   = 8 << 10 // Lyrics3 does not say its length in front; version 1 has 5100 bytes
	maxApeItems = 1 << 16
)

// tagLength is the length of a tag with its head; 0 where it is none after all. A decoder that knows
// no tags would look for frames in it, so nothing in a head may be free to be anything.
func tagLength(h []byte) int64 {
	switch {
	case string(h[:3]) == "TAG":
		return 128
	case string(h[:3]) == "ID3":
		n, _ := id3Length(h)
		return n
	case string(h[:8]) == "APETAGEX" && apeHead(h):
		return 32 + int64(le32(h[12:]))
	case string(h[:8]) == "LYRICSBE":
		return maxLyrics
	}
	return 0
}

// apeHead says that all of a head is as it must be: its version, the number of items, flags, and nothing.
func apeHead(h []byte) bool {
	version, items, flags := le32(h[8:]), le32(h[16:]), le32(h[20:])
	return (version == 1000 || version == 2000) && items < maxApeItems && flags&^0xe000_0007 == 0 && le64(h[24:]) == 0
}

// id3Length is the length of a tag by its header of 10 bytes (ID3v2.4.0, section 3.1): 7 bits in each of four.
func id3Length(h []byte) (int64, bool) {
	if string(h[:3]) != "ID3" || h[3] == 0xff || h[4] == 0xff || (h[6]|h[7]|h[8]|h[9])&0x80 != 0 {
		return 0, false
	}
	n := int64(h[6])<<21 | int64(h[7])<<14 | int64(h[8])<<7 | int64(h[9])
	if h[5]&0x10 != 0 { // a footer
		n += id3Header
	}
	return id3Header + n, true
}

// tag gathers the head of what looks like a tag between frames.
func (f *framed) tag(p []byte) ([]byte, error) {
	first := uint64(f.head.buf[0])<<24 | uint64(f.head.buf[1])<<16 | uint64(f.head.buf[2])<<8 | uint64(f.head.buf[3])
	want := max(tagBytes(first), f.length)
	for len(p) > 0 && f.head.have < want {
		f.push(p[0])
		f.head.buf[f.head.have] = p[0]
		f.head.have++
		p = p[1:]
	}
	if f.head.have < want {
		return p, nil
	}
	h := f.head.take()
	f.state = frameSearch
	n := tagLength(h)
	f.search.free = n
	if err := f.pass(int64(len(h))); err != nil {
		return nil, err
	}
	if n > 0 && f.search.free == 0 {
		f.state = frameHead // nothing but a head
	}
	return p, nil
}

func matchID3(head []byte) (yes, more bool) {
	const id = "ID3"
	if len(head) < id3Header {
		n := min(len(head), len(id))
		return false, string(head[:n]) == id[:n]
	}
	_, yes = id3Length(head)
	return yes, false
}

// tagged is the clock of a file with ID3v2 tags in front, which are passed over by their length. Behind
// them there is anything that is recognized, or MP3 that begins somewhere.
type tagged struct {
	head  header
	skip  int64
	lead  int64
	known container
}

// Write takes the file, cut anywhere.
func (t *tagged) Write(p []byte) error {
	for len(p) > 0 && t.known == nil {
		if t.skip > 0 {
			n := min(t.skip, int64(len(p)))
			p, t.skip = p[n:], t.skip-n
			continue
		}
		var whole bool
		if p, whole = t.head.fill(p, sniffBytes); !whole {
			return nil
		}
		if err := t.open(); err != nil {
			return err
		}
	}
	if t.known == nil || len(p) == 0 {
		return nil
	}
	return t.known.Write(p)
}

// open looks at what follows a tag: another, or the audio.
func (t *tagged) open() error {
	h := t.head.take()
	if n, ok := id3Length(h); ok {
		if t.lead += n; t.lead > maxLeadIn {
			return fmt.Errorf("%w: more than %d bytes of tags before the audio", ErrMalformed, maxLeadIn)
		}
		return t.resume(h, n)
	}
	for _, s := range signatures() {
		if yes, _ := s.match(h); yes {
			t.known = s.open()
			return t.known.Write(h)
		}
	}
	t.known = newMP3()
	return t.known.Write(h)
}

// resume passes over a tag of n bytes, of which h are there; more of h than the tag stays.
func (t *tagged) resume(h []byte, n int64) error {
	if t.skip = n - int64(len(h)); t.skip < 0 {
		t.head.have = copy(t.head.buf[:], h[n:])
		t.skip = 0
	}
	return nil
}

// Elapsed is 0 before the audio.
func (t *tagged) Elapsed() time.Duration {
	if t.known == nil {
		return 0
	}
	return t.known.Elapsed()
}

// Info is zero before the headers of the audio.
func (t *tagged) Info() Info {
	if t.known == nil {
		return Info{}
	}
	return t.known.Info()
}

// Declared is what the audio declares.
func (t *tagged) Declared(bodyBytes int64) (time.Duration, bool) {
	if t.known == nil {
		return 0, false
	}
	if bodyBytes >= 0 {
		bodyBytes = max(bodyBytes-t.lead, 0)
	}
	return t.known.Declared(bodyBytes)
}
