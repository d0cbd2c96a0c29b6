package meter

// speexFrame is 20 ms at opusRate: 160 samples at 8 kHz, 320 at 16 kHz, 640 at 32 kHz.
const speexFrame = opusRate / 50

// speexSamples is the time of one packet of Speex (manual of the codec, section 9, and RFC 5574).
// A packet is a row of frames without lengths; the size of each follows from its mode:
//
//	0 mmmm …       narrow band, 20 ms          0 1101 llll …   a message to the user
//	1 mmm …        what a wider band adds      0 1110 cccc …   a message in the band
//	                                           0 1111          the end
//
// What cannot be read ends the packet. It lasts a frame at least: a decoder makes
// one of anything.
func speexSamples(p []byte) (int, error) {
	frames, at := 0, 0
	for at+5 <= 8*len(p) {
		size, audio := speexPart(p, at)
		if size == 0 {
			break
		}
		if audio {
			frames++
		}
		at += size
	}
	return max(frames, 1) * speexFrame, nil
}

// speexPart is the size of what begins at a bit, 0 at the end, and whether it is a frame.
func speexPart(p []byte, at int) (size int, audio bool) {
	if bitsAt(p, at, 1) == 1 {
		return [8]int{4, 36, 112, 192, 352, 0, 0, 0}[bitsAt(p, at+1, 3)], false
	}
	switch mode := bitsAt(p, at+1, 4); mode {
	case 13:
		return 9 + 8*bitsAt(p, at+5, 4), false
	case 14:
		return 9 + [16]int{1, 1, 4, 4, 4, 4, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64}[bitsAt(p, at+5, 4)], false
	default:
		size = [16]int{5, 43, 119, 160, 220, 300, 364, 492, 79}[mode]
		return size, size > 0
	}
}

// bitsAt is n bits from a bit on, the most significant first; behind the end there are zeros.
func bitsAt(p []byte, at, n int) int {
	v := 0
	for i := at; i < at+n; i++ {
		v <<= 1
		if i/8 < len(p) {
			v |= int(p[i/8]>>(7-i%8)) & 1
		}
	}
	return v
}
