package meter

import "fmt"

// search finds the way back into frames. It keeps no bytes: a header that was seen says
// where the next one must be.
type search struct {
	at    int64 // bytes of the file so far, but for those passed over
	gap   int64 // bytes since the last frame that count
	free  int64 // bytes of a tag to come, which do not
	freed int64 // of these so far, in all
	n     int   // of seen
	seen  [16]sighting
}

// sighting is a header that nothing vouches for yet.
type sighting struct {
	next int64 // where its neighbour must be
	gap  int64 // before it
	fr   frame
}

// maxUnconfirmed is how far the neighbour of the very first frame may be: what merely
// begins like a frame is no audio.
const maxUnconfirmed = 64 << 10

func (s *search) reset() { s.gap, s.free, s.n = 0, 0, 0 }

// lost is told that a header is none.
func (f *framed) lost() error {
	n := f.length
	if f.free.on { // the next header, wherever it is, begins a frame
		f.free.size, f.free.run, f.free.joined, f.state = 0, int64(n), false, frameFree
		return nil
	}
	if f.frames > 0 && tagBytes(f.word>>(8*(n-4))) > 0 {
		f.state = frameTag
		for i := n - 1; i >= 0; i-- {
			f.head.buf[f.head.have] = byte(f.word >> (8 * i) & 0xff)
			f.head.have++
		}
		return nil
	}
	f.state = frameSearch
	return f.pass(int64(n))
}

// pass counts bytes that belong to no frame.
func (f *framed) pass(n int64) error {
	s := &f.search
	switch {
	case f.frames == 0:
		if f.lead += n; f.lead > maxLeadIn {
			return fmt.Errorf("%w: %d bytes without a frame of %s", ErrMalformed, maxLeadIn, f.format)
		}
		return nil
	case s.free > 0:
		s.free -= n
		if s.freed += n; s.freed > maxLeadIn {
			return fmt.Errorf("%w: more than %d bytes of tags between %s frames", ErrMalformed, maxLeadIn, f.format)
		}
		return nil
	}
	s.gap += n
	if s.gap > maxGarbage || f.frames == 1 && s.gap > maxUnconfirmed {
		return fmt.Errorf("%w: %d bytes without a frame of %s after %d of them", ErrMalformed, s.gap, f.format, f.frames)
	}
	return nil
}

// gap is the time of the bytes since the last frame, as if frames like it went on.
func (f *framed) gap() int64 {
	if f.search.gap == 0 || f.last.size == 0 {
		return 0
	}
	size := int64(f.last.size)
	return (f.search.gap + size - 1) / size * f.last.ticks()
}

// look goes through bytes one by one and returns those behind a header that is believed.
func (f *framed) look(p []byte) ([]byte, error) {
	s := &f.search
	for i, b := range p {
		f.push(b)
		inTag := s.free > 0
		if err := f.pass(1); err != nil {
			return nil, err
		}
		if f.word>>(8*(f.length-1))&0xff == 0xff {
			if fr, ok := f.parse(f.word); ok && fr.size > 0 {
				if found, err := f.sight(fr); found || err != nil {
					return p[i+1:], err
				}
			}
		}
		if inTag && s.free == 0 {
			f.state, f.have = frameHead, 0 // behind a tag there may be a frame, or another tag
			return p[i+1:], nil
		}
	}
	return nil, nil
}

// sight is given a header. It is believed when an earlier one led to it.
func (f *framed) sight(fr frame) (found bool, err error) {
	s := &f.search
	start, kept := s.at-int64(f.length), 0
	for _, old := range s.seen[:s.n] {
		if old.next == start && old.fr.key == fr.key {
			f.shown = max(f.shown, f.ticks+f.gap())
			s.gap = old.gap // what is behind it is a frame after all
			f.count(old.fr)
			return true, f.accept(fr)
		}
		if old.next > start {
			s.seen[kept] = old
			kept++
		}
	}
	if s.n = kept; s.n == len(s.seen) {
		return false, fmt.Errorf("%w: headers of %s frames everywhere", ErrMalformed, f.format)
	}
	s.seen[s.n] = sighting{next: start + int64(fr.size), gap: max(0, s.gap-int64(f.length)), fr: fr}
	s.n++
	return false, nil
}

// freeFormat is the way through frames whose headers do not tell their size. All of
// them have the same, which is the distance of the first two.
type freeFormat struct {
	on     bool
	size   int   // without padding; 0: not known yet
	run    int64 // bytes since a header, with it
	joined bool  // that header was where a frame begins
}

// maxFree is above the largest frame, of 640 kbit/s at 8 kHz.
const maxFree = 16 << 10

func (m *freeFormat) begin(f *framed) {
	if m.size > 0 {
		f.last.size = m.size + f.last.pad
		f.skip = int64(f.last.size - f.length)
		return
	}
	m.run, m.joined, f.state = int64(f.length), true, frameFree
}

// measure looks for the header that ends a frame of unknown size.
func (f *framed) measure(p []byte) ([]byte, error) {
	m := &f.free
	for i, b := range p {
		f.push(b)
		if m.run++; m.run > maxFree {
			return nil, fmt.Errorf("%w: a frame of free format that does not end", ErrMalformed)
		}
		fr, ok := f.parse(f.word)
		if n := int(m.run) - f.length - f.last.pad; ok && fr.size == 0 && fr.key == f.last.key && n >= minFree {
			if m.joined {
				m.size = n
			}
			return p[i+1:], f.accept(fr)
		}
	}
	return nil, nil
}

// minFree is below the smallest frame: side information alone takes as much.
const minFree = 24
