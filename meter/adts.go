package meter

// newADTS is the clock of AAC in ADTS frames (ISO/IEC 14496-3, annex 1.A, and 13818-7). A
// frame holds 1 to 4 blocks of 1024 samples at the core's rate, and so does one of HE-AAC,
// which decodes to twice as many at twice the rate.
func newADTS() *framed {
	return &framed{framing: framing{
		format: "adts", method: "headers of frames", length: adtsHeader,
		parse: parseADTS, codec: func(uint64) string { return "aac" },
	}}
}

const adtsHeader = 7

func matchADTS(head []byte) (yes, more bool) {
	if len(head) < adtsHeader {
		return false, len(head) < 1 || head[0] == 0xff && (len(head) < 2 || head[1]&0xf6 == 0xf0)
	}
	word := uint64(0)
	for _, b := range head[:adtsHeader] {
		word = word<<8 | uint64(b)
	}
	_, yes = parseADTS(word)
	return yes, false
}

// adtsKey is what all frames share: all before the length but for CRC, private and copyright bits.
const adtsKey = 0xff_fe_fd_c0_00_00_00

// parseADTS reads a header. The layer, always 0, tells it from MP3.
//
//	11111111 1111i00c pprrrr.n nn....ll llllllll lll..... ......bb   CRC absent, profile, rate, channels, length, blocks
func parseADTS(h uint64) (fr frame, ok bool) {
	least := adtsHeader
	if h>>40&1 == 0 {
		least += 2 // CRC
	}
	rate, length := h>>34&15, int(h>>13&0x1fff)
	if h>>44&0xfff != 0xfff || h>>41&3 != 0 || rate > 12 || length < least {
		return frame{}, false
	}
	channels := int(h >> 30 & 7)
	if channels == 7 {
		channels = 8
	}
	most := aacFrameBytes * channels
	if channels == 0 { // told in the audio itself
		most = aacFrameBytes * 8
	}
	blocks := max(int(h&3+1), (length-least+most-1)/most) // a decoder goes on in a frame until nothing is left
	return frame{
		size:     length,
		samples:  1024 * blocks,
		rate:     int(aacRates(int(rate))),
		channels: channels,
		key:      h & adtsKey,
	}, true
}
