package meter

import "fmt"

// flacFrame is what the header of a FLAC frame says (RFC 9639, section 9.1).
type flacFrame struct {
	block    int // samples of a channel
	rate     int // 0: as STREAMINFO says
	channels int
	side     int // the channel that has a bit more; -1: none
	bits     int // of a sample; 0: as STREAMINFO says
	variable bool
	number   uint64 // of the frame, or (variable) of its first sample
}

// maxFlacHeader is the longest header of a frame.
const maxFlacHeader = 16

// parseFlacFrame reads the header at the beginning of p. Where p is too short, want is more than len(p):
// how much is needed, as far as can be seen. The length of the header is want otherwise.
//
//	11111111 1111100v bbbbrrrr ccccsss0 number (1 to 7) [block (1, 2)] [rate (1, 2)] CRC-8
func parseFlacFrame(p []byte) (fr flacFrame, want int, err error) {
	if len(p) < 5 {
		return fr, 5, nil
	}
	coded := flacNumberBytes(p[4])
	block, rate, channels, bits := p[2]>>4, p[2]&15, int(p[3]>>4), p[3]>>1&7
	if p[0] != 0xff || p[1]&0xfe != 0xf8 || block == 0 || rate == 15 || channels > 10 || bits == 3 || p[3]&1 != 0 || coded == 0 {
		return fr, 0, fmt.Errorf("%w: no header of a FLAC frame", ErrMalformed)
	}
	blockBytes, rateBytes := flacExtra(block, rate)
	if want = 4 + coded + blockBytes + rateBytes + 1; len(p) < want {
		return fr, want, nil
	}
	fr = flacFrame{channels: channels + 1, side: -1, bits: int([8]byte{0, 8, 12, 0, 16, 20, 24, 32}[bits]), variable: p[1]&1 != 0}
	if channels >= 8 {
		fr.channels, fr.side = 2, [3]int{1, 0, 1}[channels-8]
	}
	number, ok := flacNumber(p[4 : 4+coded])
	if !ok || crc8(p[:want]) != 0 {
		return fr, 0, fmt.Errorf("%w: the header of a FLAC frame does not agree with its checksum", ErrMalformed)
	}
	fr.number = number
	rest := p[4+coded:]
	fr.block = flacBlock(block, rest[:blockBytes])
	fr.rate = flacRate(rate, rest[blockBytes:][:rateBytes])
	return fr, want, nil
}

// flacExtra is how many bytes behind the number hold the size of the block and the rate.
func flacExtra(block, rate byte) (blockBytes, rateBytes int) {
	if block == 6 || block == 7 {
		blockBytes = int(block) - 5
	}
	switch rate {
	case 12:
		rateBytes = 1
	case 13, 14:
		rateBytes = 2
	}
	return blockBytes, rateBytes
}

func flacBlock(code byte, extra []byte) int {
	switch {
	case code == 1:
		return 192
	case code < 6:
		return 144 << code
	case code < 8:
		return bigEndian(extra) + 1
	}
	return 1 << code
}

func flacRate(code byte, extra []byte) int {
	switch code {
	case 12:
		return bigEndian(extra) * 1000
	case 13:
		return bigEndian(extra)
	case 14:
		return bigEndian(extra) * 10
	}
	return [12]int{0, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000}[code]
}

func bigEndian(p []byte) (v int) {
	for _, b := range p {
		v = v<<8 | int(b)
	}
	return v
}

// flacNumberBytes is the length of a coded number by its first byte, 0 where it is none. The code is that of
// UTF-8, carried on to 36 bits.
func flacNumberBytes(first byte) int {
	switch {
	case first < 0x80:
		return 1
	case first < 0xc0 || first == 0xff:
		return 0
	}
	n := 2
	for mask := byte(0x20); first&mask != 0; mask >>= 1 {
		n++
	}
	return n
}

func flacNumber(p []byte) (v uint64, ok bool) {
	if len(p) == 1 {
		return uint64(p[0]), true
	}
	v = uint64(p[0] & (0x7f >> len(p)))
	for _, b := range p[1:] {
		if b&0xc0 != 0x80 {
			return 0, false
		}
		v = v<<6 | uint64(b&0x3f)
	}
	return v, true
}

// crc8 has the polynomial x⁸+x²+x+1. Over a header with its checksum it is 0.
func crc8(p []byte) (crc byte) {
	for _, b := range p {
		crc ^= b
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
