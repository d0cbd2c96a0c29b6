package meter

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"time"
)

const (
	oggHeaderBytes = 27
	oggStreams     = 8 // logical ones at a time

	oggContinued = 1 // flags of a page
	oggFirst     = 2
	oggLast      = 4
)

// ogg is the clock of Ogg (RFC 3533): pages, each of one logical stream, whose packets may go on in its next page.
//
//	"OggS" 0 flags │ granule position │ serial │ sequence │ CRC │ n, n lengths │ payload
//
// The checksum is verified. A reader drops a page whose checksum is wrong and looks for the next one in
// what follows, and that is inside of the page: audio could hide there, passed over here and heard there. What is not
// a page where a page must begin is refused for the same reason.
//
// All streams begin together; a stream that begins later begins a new chain link, and its time is added. Of several
// streams of audio in a link the longest counts.
type ogg struct {
	page  [oggHeaderBytes + 255]byte
	have  int
	body  bool // else the header of a page
	seg   int  // the next length in the table
	left  int  // bytes of the piece of a packet that is read
	ends  bool // and that it ends there
	crc   uint32
	block [256]byte // scratch of the checksum

	streams [oggStreams]oggStream
	open    int        // of them
	cur     *oggStream // the page's
	data    bool       // a page that is no stream's first has come in this link

	info  Info
	base  time.Duration // of the links that ended
	now   time.Duration
	quiet quiet
}

func matchOgg(head []byte) (yes, more bool) { return startsWith("OggS\x00")(head) }

// Write takes the file, cut anywhere.
func (o *ogg) Write(p []byte) error {
	for len(p) > 0 {
		var n int
		var err error
		if o.body {
			n = min(o.left, len(p))
			if err = o.quiet.pass(int64(n)); err == nil {
				o.sum(p[:n])
				o.cur.write(p[:n])
				o.left -= n
				err = o.advance()
			}
		} else {
			n = copy(o.page[o.have:o.wants()], p)
			o.have += n
			if err = o.quiet.pass(int64(n)); err == nil && o.have == o.wants() {
				err = o.begin()
			}
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// wants is the size of a page's header: the last of its fixed bytes says how many lengths follow.
func (o *ogg) wants() int {
	if o.have < oggHeaderBytes {
		return oggHeaderBytes
	}
	return oggHeaderBytes + int(o.page[26])
}

// begin is called when the fixed part of the header is there, and again with the lengths.
func (o *ogg) begin() error {
	if o.have != o.wants() { // the lengths are still to come
		return nil
	}
	h := o.page[:o.have]
	if string(h[:4]) != "OggS" || h[4] != 0 {
		return fmt.Errorf("%w: no Ogg page where one must begin", ErrMalformed)
	}
	var rest [4]byte
	o.crc = 0
	o.sum(h[:22])
	o.sum(rest[:]) // its own field counts as zero
	o.sum(h[26:])
	if err := o.find(h[5], le32(h[14:])); err != nil {
		return err
	}
	o.body, o.seg, o.left, o.ends = true, 0, 0, false
	if err := o.cur.beginPage(h[5], int64(le64(h[6:])), o.lastEnd()); err != nil { //nolint:gosec // -1 is one of its values
		return err
	}
	return o.advance()
}

// lastEnd is the number of packets that end in the page.
func (o *ogg) lastEnd() (n int) {
	for _, l := range o.page[oggHeaderBytes:o.have] {
		if l < 255 {
			n++
		}
	}
	return n
}

// find looks for the page's stream, or opens it.
func (o *ogg) find(flags byte, serial uint32) error {
	known := -1
	for i := range o.open {
		if o.streams[i].serial == serial {
			known = i
		}
	}
	if flags&oggFirst == 0 {
		if known < 0 {
			return fmt.Errorf("%w: an Ogg page of a stream that has not begun", ErrMalformed)
		}
		if !o.data && !o.audio() {
			return fmt.Errorf("%w: an Ogg file without audio", ErrUnsupported)
		}
		o.data, o.cur = true, &o.streams[known]
		return nil
	}
	if o.data || known >= 0 {
		o.base, o.data, o.open = o.now, false, 0
	}
	if o.open == oggStreams {
		return fmt.Errorf("%w: more than %d Ogg streams at a time", ErrUnsupported, oggStreams)
	}
	o.streams[o.open] = oggStream{serial: serial}
	o.cur = &o.streams[o.open]
	o.open++
	return nil
}

func (o *ogg) audio() bool {
	for i := range o.open {
		if !o.streams[i].other {
			return true
		}
	}
	return false
}

// advance goes on to the next bytes that must be read: over the ends of packets, and over that of the page.
func (o *ogg) advance() error {
	for o.left == 0 {
		if o.ends {
			o.ends = false
			if err := o.cur.endPacket(); err != nil {
				return err
			}
			o.tick()
		}
		if o.seg == int(o.page[26]) {
			return o.endPage()
		}
		for o.seg < int(o.page[26]) && !o.ends {
			l := int(o.page[oggHeaderBytes+o.seg])
			o.left += l
			o.seg++
			o.ends = l < 255
		}
	}
	return nil
}

func (o *ogg) endPage() error {
	if bits.Reverse32(o.crc) != le32(o.page[22:]) {
		return fmt.Errorf("%w: an Ogg page with a wrong checksum", ErrMalformed)
	}
	o.body, o.have = false, 0
	if err := o.cur.endPage(); err != nil {
		return err
	}
	o.tick()
	return nil
}

// tick takes over the time of the page's stream.
func (o *ogg) tick() {
	s := o.cur
	if s.other || s.audio.rate == 0 {
		return
	}
	if o.info.Codec == "" {
		o.info = Info{Format: "ogg", Codec: s.audio.codec, SampleRate: s.audio.hertz(), Channels: s.audio.channels, Method: "packets and granule positions"}
	}
	if now := plus(o.base, s.elapsed()); now > o.now {
		o.now = now
		o.quiet.time()
	}
}

// sum goes on with the checksum: the polynomial of Ethernet's, with the bits of each byte in the other
// order, from 0 and not inverted.
func (o *ogg) sum(p []byte) {
	for len(p) > 0 {
		n := copy(o.block[:], p)
		p = p[n:]
		i := 0
		for ; i+8 <= n; i += 8 {
			binary.LittleEndian.PutUint64(o.block[i:], bits.ReverseBytes64(bits.Reverse64(le64(o.block[i:]))))
		}
		for ; i < n; i++ {
			o.block[i] = bits.Reverse8(o.block[i])
		}
		o.crc = ^crc32.Update(^o.crc, crc32.IEEETable, o.block[:n])
	}
}

// Elapsed is exact to the sample at the end, and to the packet before.
func (o *ogg) Elapsed() time.Duration { return o.now }

// Info is zero before a header of audio.
func (o *ogg) Info() Info { return o.info }

// Declared is never known: only the last page says it.
func (o *ogg) Declared(int64) (time.Duration, bool) { return 0, false }
