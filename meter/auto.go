package meter

import (
	"fmt"
	"time"
)

// signature is a row of the table of containers.
type signature struct {
	name string
	// match looks at the first bytes: yes, no, or (with fewer than sniffBytes) more of them.
	match func(head []byte) (yes, more bool)
	open  func() container
}

// sniffBytes is how much of the beginning is looked at.
const sniffBytes = 12

// signatures is the table: a further container is one row and one file.
func signatures() []signature {
	return append([]signature{
		{"wav", matchWAV, func() container { return newWAV() }},
		{"mp4", matchMP4, func() container { return &mp4{} }},
		{"webm", matchWebM, func() container { return &webm{} }},
		{"ogg", matchOgg, func() container { return &ogg{} }},
		{"aiff", matchAIFF, func() container { return newAIFF() }},
		{"amr", matchAMR, func() container { return &amr{} }},
		{"id3", matchID3, func() container { return &tagged{} }},
		{"mp3", matchMP3, func() container { return newMP3() }},
		{"adts", matchADTS, func() container { return newADTS() }},
		{"flac", startsWith("fLaC"), func() container { return &flac{} }},
	}, lateSignatures()...)
}

// Auto is the clock of audio that says itself what it is. It is not safe for
// concurrent use.
type Auto struct {
	head header
	c    container
	err  error
}

var _ Clock = (*Auto)(nil)

// NewAuto returns a clock that finds out by the first bytes what it measures.
func NewAuto() *Auto { return &Auto{} }

// Write takes audio from the first byte of its container, cut anywhere. The error wraps ErrUnsupported
// where nothing here can measure it, and ErrMalformed where it is not what it claims; it is
// the same from then on.
func (a *Auto) Write(p []byte) error {
	if a.err != nil {
		return a.err
	}
	if a.c == nil {
		if p, a.err = a.sniff(p); a.c == nil || a.err != nil {
			return a.err
		}
	}
	a.err = a.c.Write(p)
	return a.err
}

// sniff gathers the first bytes and opens the container that they belong to.
func (a *Auto) sniff(p []byte) ([]byte, error) {
	p, whole := a.head.fill(p, sniffBytes)
	more := false
	for _, s := range signatures() {
		yes, maybe := s.match(a.head.buf[:a.head.have])
		if yes {
			a.c = s.open()
			return p, a.c.Write(a.head.take())
		}
		more = more || maybe
	}
	if !more || whole {
		return p, fmt.Errorf("%w: not a container that is measured here", ErrUnsupported)
	}
	return p, nil
}

// Elapsed is the audio so far; 0 before the container is known.
func (a *Auto) Elapsed() time.Duration {
	if a.c == nil {
		return 0
	}
	return a.c.Elapsed()
}

// Info is zero before the headers have come.
func (a *Auto) Info() Info {
	if a.c == nil {
		return Info{}
	}
	return a.c.Info()
}

// Known says that the container was recognized.
func (a *Auto) Known() bool { return a.c != nil }

// Channels is 0 before the headers have come.
func (a *Auto) Channels() int { return a.Info().Channels }

// Declared is how long the whole will last, judging by its headers and the length of the body in bytes, -1
// where that is not known. It is what the audio claims, good for refusing it early and for nothing else.
func (a *Auto) Declared(bodyBytes int64) (time.Duration, bool) {
	if a.c == nil {
		return 0, false
	}
	return a.c.Declared(bodyBytes)
}
