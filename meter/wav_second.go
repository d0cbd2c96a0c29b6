package meter

import (
	"bytes"
	"fmt"
)

// second looks for the header of another WAV file among samples that have no end. Clients send such: each
// piece as a file of its own. The vendors' decoders take the second header for noise, but some other may begin
// anew with what it says, and then its time is the longer one where it says fewer bytes per second. So it
// is audio when it says the same as the first, and the file is malformed when it says anything else.
type second struct {
	first [16]byte // the beginning of the format
	head  header
}

// secondBytes is a header up to the format that is compared.
const secondBytes = 12 + 8 + 16

// look goes through samples.
func (s *second) look(p []byte) error {
	for len(p) > 0 {
		if s.head.have == 0 {
			if p = p[letter(p):]; len(p) == 0 {
				return nil
			}
		}
		s.head.buf[s.head.have] = p[0]
		s.head.have++
		p = p[1:]
		for s.head.have > 0 && !s.like() {
			s.head.have = copy(s.head.buf[:], s.head.buf[1:s.head.have])
		}
		if s.head.have < secondBytes {
			continue
		}
		if h := s.head.take(); string(h[12:16]) != "fmt " || !bytes.Equal(h[20:secondBytes], s.first[:]) {
			return fmt.Errorf("%w: a WAV file with another one among its samples, of another format", ErrMalformed)
		}
	}
	return nil
}

// letter is where a header may begin: "RI", "RF" or "BW", as far as can be seen.
func letter(p []byte) int {
	for i, b := range p {
		if (b == 'R' || b == 'B') && (i+1 == len(p) || p[i+1] == 'I' || p[i+1] == 'F' || p[i+1] == 'W') {
			return i
		}
	}
	return len(p)
}

// like says that the bytes so far may be a header.
func (s *second) like() bool {
	h := s.head.buf[:s.head.have]
	n := min(len(h), 4)
	if riff := string(h[:n]); riff != "RIFF"[:n] && riff != "RF64"[:n] && riff != "BW64"[:n] {
		return false
	}
	if len(h) <= 8 {
		return true
	}
	n = min(len(h), 12)
	return string(h[8:n]) == "WAVE"[:n-8]
}
