package meter

import (
	"fmt"
	"time"
)

// mp4Codec is how long a sample is, in the sense of MP4: a packet of the codec.
type mp4Codec struct {
	name     string
	rate     int64 // units per second
	channels int
	frame    int64 // units of a packet, at least
	most     int64 // bytes that a packet of so many units has at most
	told     bool  // packets may be of any length, and tell it
}

// lasts is the least that a number of packets lasts, or what a number of bytes must hold where that is more: a decoder
// goes on in a packet until nothing is left. The last packet is left out, for tables say where in it the audio ends.
func (c *mp4Codec) lasts(packets, bytes int64) time.Duration {
	if c.rate == 0 {
		return 0
	}
	if c.most > 0 {
		packets = max(packets, (bytes+c.most-1)/c.most)
	}
	return ticks(mulCap(max(packets-1, 0), c.frame), c.rate)
}

// mp4Entry is the description of a track's samples (ISO/IEC 14496-12, 8.5.2).
type mp4Entry struct {
	known bool // it is audio
	codec mp4Codec
	err   error
}

// mp4Description reads stsd: one entry, with what its codec declares. More than one could change the
// codec in the midst of the file.
func mp4Description(p []byte) (e mp4Entry) {
	if len(p) < 16 {
		e.err = fmt.Errorf("%w: an MP4 track without a description", ErrMalformed)
		return e
	}
	count, kind := n32(p[4:]), string(p[12:16])
	switch kind {
	case "mp4a", "Opus", "alac", "fLaC", "samr", "sawb", "ac-3", "ec-3", "ac-4", ".mp3", "sowt", "twos", "lpcm", "ipcm", "fpcm", "in24", "in32", "fl32", "fl64", "ulaw", "alaw", "raw ", "NONE", "QDM2", "mhm1", "dtsc":
		e.known = true
	}
	if count != 1 {
		e.err = fmt.Errorf("%w: an MP4 track with %d descriptions", ErrLate, count)
		return e
	}
	if size := n32(p[8:]); size >= 8 && size < int64(len(p)-8) {
		p = p[:8+size]
	}
	e.codec, e.err = mp4Audio(kind, p[8:])
	return e
}

// mp4Audio reads the entry of an audio codec (12.2.3): 36 bytes, in QuickTime's versions 16 or 36 more, and boxes.
func mp4Audio(kind string, p []byte) (c mp4Codec, err error) {
	if len(p) < 36 {
		return c, fmt.Errorf("%w: an MP4 description of %d bytes", ErrMalformed, len(p))
	}
	boxes := p[36:]
	switch p[17] { // version
	case 1:
		boxes = boxes[min(16, len(boxes)):]
	case 2:
		boxes = boxes[min(36, len(boxes)):]
	}
	c.channels = int(p[24])<<8 | int(p[25])
	bad := fmt.Errorf("%w: an MP4 track of %q without its configuration", ErrMalformed, kind)
	switch kind {
	case "mp4a":
		return mp4AAC(boxes)
	case "Opus": // Opus in ISO base media, 4.3.2; a packet has 2.5 ms at least (RFC 6716, 3.1)
		d := mp4Child(boxes, "dOps")
		if len(d) < 11 {
			return c, bad
		}
		c = mp4Codec{name: "opus", rate: opusRate, channels: int(d[1]), frame: opusRate / 400, told: true}
	case "alac": // ALACSpecificConfig
		d := mp4Child(boxes, "alac")
		if len(d) < 28 {
			return c, bad
		}
		c = mp4Codec{name: "alac", rate: n32(d[24:]), channels: int(d[13]), frame: n32(d[4:])}
	case "fLaC": // FLAC in ISO base media, 3.3.2, and STREAMINFO, RFC 9639, 8.2
		d := mp4Child(boxes, "dfLa")
		if len(d) < 8+34 || d[4]&0x7f != 0 {
			return c, bad
		}
		s := d[8:]
		c = mp4Codec{name: "flac", rate: int64(bitsAt(s, 80, 20)), channels: bitsAt(s, 100, 3) + 1, frame: int64(s[2])<<8 | int64(s[3])}
		c.most = c.frame*int64(c.channels)*int64(bitsAt(s, 103, 5)+8)/8 + 1024
	case "samr", "sawb": // 3GPP TS 26.244, 6.7
		d := mp4Child(boxes, "damr")
		if len(d) < 9 || d[8] == 0 || d[8] > 15 {
			return c, bad
		}
		c = mp4Codec{name: "amr_nb", rate: 8000, channels: 1, frame: 160, most: 32}
		if kind == "sawb" {
			c = mp4Codec{name: "amr_wb", rate: 16_000, channels: 1, frame: 320, most: 61}
		}
		c.frame, c.most = c.frame*int64(d[8]), c.most*int64(d[8])
	default:
		return c, fmt.Errorf("%w: MP4 codec %q", ErrLate, kind)
	}
	if c.frame < 1 || c.frame > 1<<16 {
		return c, fmt.Errorf("%w: an MP4 track of %q in packets of %d samples", ErrMalformed, kind, c.frame)
	}
	return c, checkAudio(c.rate, c.channels)
}

// mp4AAC reads the elementary stream descriptor of mp4a (ISO/IEC 14496-1, 7.2.6), or of QuickTime's wave.
func mp4AAC(boxes []byte) (c mp4Codec, err error) {
	d := mp4Child(boxes, "esds")
	if d == nil {
		d = mp4Child(mp4Child(boxes, "wave"), "esds")
	}
	d = d[min(4, len(d)):]
	d = mp4Descriptor(d, 3)
	if len(d) < 3 || d[2]&0xe0 != 0 {
		return c, fmt.Errorf("%w: an MP4 track of AAC without its descriptor", ErrMalformed)
	}
	d = mp4Descriptor(d[3:], 4)
	if len(d) < 13 {
		return c, fmt.Errorf("%w: an MP4 track of AAC without its decoder's configuration", ErrMalformed)
	}
	switch d[0] {
	case 0x40, 0x66, 0x67, 0x68:
	default:
		return c, fmt.Errorf("%w: MP4 audio of object type %#x", ErrLate, d[0])
	}
	a, err := aacConfig(mp4Descriptor(d[13:], 5))
	return mp4Codec{name: "aac", rate: a.rate, channels: a.channels, frame: a.frame, most: int64(a.channels) * aacFrameBytes}, err
}

// mp4Child finds a box among others.
func mp4Child(p []byte, kind string) []byte {
	for len(p) >= 8 {
		size := n32(p)
		if size < 8 || size > int64(len(p)) {
			return nil
		}
		if string(p[4:8]) == kind {
			return p[8:size]
		}
		p = p[size:]
	}
	return nil
}

// mp4Descriptor is the content of a descriptor (ISO/IEC 14496-1, 8.3.3): a tag, and a size of 7 bits a byte.
func mp4Descriptor(p []byte, tag byte) []byte {
	if len(p) == 0 || p[0] != tag {
		return nil
	}
	size := 0
	for i, b := range p[1:min(5, len(p))] {
		size = size<<7 | int(b&0x7f)
		if b&0x80 == 0 {
			p = p[2+i:]
			return p[:min(size, len(p))]
		}
	}
	return nil
}
