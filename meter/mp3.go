package meter

// newMP3 is the clock of MPEG audio: ISO/IEC 11172-3 (MPEG-1), 13818-3 (MPEG-2) and the
// unofficial MPEG-2.5 of low rates, layers I to III. The delay that an encoder adds and the padding of the last
// frame are audio here, as they are for whoever decodes it. A first frame that holds a Xing,
// Info or VBRI header is none; frames like it further on are.
func newMP3() *framed {
	return &framed{framing: framing{
		format: "mp3", method: "headers of frames", length: 4,
		parse: parseMP3, codec: codecMP3, silent: silentMP3,
	}}
}

func matchMP3(head []byte) (yes, more bool) {
	if len(head) < 4 {
		return false, len(head) < 1 || head[0] == 0xff && (len(head) < 2 || head[1]&0xe0 == 0xe0)
	}
	_, yes = parseMP3(uint64(head[0])<<24 | uint64(head[1])<<16 | uint64(head[2])<<8 | uint64(head[3]))
	return yes, false
}

// Versions and layers as they stand in a header.
const (
	mpeg25, mpeg2, mpeg1   = 0, 2, 3
	layer3, layer2, layer1 = 1, 2, 3
	mp3Key                 = 0xfffe0c00 // sync word, version, layer, rate
	mono                   = 3
	xingFrames             = 1
)

// parseMP3 reads a header:
//
//	11111111 111vvllc bbbbrrp. mm......   version, layer, CRC, bit rate, sample rate, padding, mode
func parseMP3(word uint64) (fr frame, ok bool) {
	h := uint32(word) //nolint:gosec // the lowest 32 bits
	version, layer := h>>19&3, h>>17&3
	bitrate, rate, pad := h>>12&15, h>>10&3, int(h>>9&1)
	if h>>21 != 0x7ff || version == 1 || layer == 0 || bitrate == 15 || rate == 3 {
		return frame{}, false
	}
	fr = frame{rate: [3]int{44_100, 48_000, 32_000}[rate], channels: 2, key: uint64(h & mp3Key)}
	switch version {
	case mpeg2:
		fr.rate /= 2
	case mpeg25:
		fr.rate /= 4
	}
	if h>>6&3 == mono {
		fr.channels = 1
	}
	slot, slots := 1, 144 // bytes in a slot, slots in a second of 1 bit/s and 1 Hz
	switch {
	case layer == layer1:
		fr.samples, slot, slots = 384, 4, 12
	case layer == layer2 || version == mpeg1:
		fr.samples = 1152
	default:
		fr.samples, slots = 576, 72
	}
	fr.pad = pad * slot
	if bitrate > 0 {
		fr.size = slots*bitrateMP3(version, layer, bitrate)*1000/fr.rate*slot + fr.pad
	}
	return fr, true
}

// bitrateMP3 is in kbit/s.
func bitrateMP3(version, layer, index uint32) int {
	switch {
	case version == mpeg1 && layer == layer1:
		return 32 * int(index)
	case version == mpeg1 && layer == layer2:
		return [15]int{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384}[index]
	case version == mpeg1:
		return [15]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}[index]
	case layer == layer1:
		return [15]int{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256}[index]
	}
	return [15]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}[index]
}

func codecMP3(word uint64) string { return [4]string{"", "mp3", "mp2", "mp1"}[word>>17&3] }

// silentMP3 finds the header of a whole file in the first frame, behind an empty side information, and
// the number of frames in it.
func silentMP3(fr frame, begin []byte) (frames int64, yes bool) {
	if fr.key>>17&3 != layer3 {
		return 0, false
	}
	at := 32
	switch v1 := fr.samples == 1152; {
	case v1 && fr.channels == 1:
		at = 17
	case !v1:
		at = 17
		if fr.channels == 1 {
			at = 9
		}
	}
	if id := idAt(begin, at); id == "Xing" || id == "Info" {
		if len(begin) >= at+12 && begin[at+7]&xingFrames != 0 {
			frames = int64(be32(begin[at+8:]))
		}
		return frames, true
	}
	if idAt(begin, 32) == "VBRI" {
		if len(begin) >= 32+18 {
			frames = int64(be32(begin[32+14:]))
		}
		return frames, true
	}
	return 0, false
}

func idAt(p []byte, at int) string {
	if len(p) < at+4 {
		return ""
	}
	return string(p[at : at+4])
}
