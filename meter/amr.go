package meter

import (
	"fmt"
	"strings"
	"time"
)

// amr is the clock of AMR and AMR-WB as they are stored (RFC 4867, section 5): frames of 20 ms, each behind a
// byte with its type, from which its size follows.
//
//	"#!AMR\n" │ 0tttt.00 speech │ 0tttt.00 speech │ …
//	"#!AMR_MC1.0\n" channels │ a frame of each channel │ …
//
// As a headerless encoding the first line may be missing. What a type that is not defined stands for, decoders
// differ about: it is refused.
type amr struct {
	wide     bool
	declared bool // headerless: wide is known, the first line may be missing
	state    amrState
	head     header
	skip     int   // bytes of a frame
	channel  int   // of the next frame
	blocks   int64 // of 20 ms
	info     Info
}

// amrState is what the next bytes are.
type amrState byte

const (
	amrMagic amrState = iota
	amrChannels
	amrType
	amrSpeech
)

// NewAMR is the clock of headerless AMR (8 kHz), as one vendor's amr-nb is. Behind the first line of a file it
// goes on all the same.
func NewAMR() Clock { return &amr{declared: true} }

// NewAMRWB is the clock of headerless AMR-WB (16 kHz), as one vendor's amr-wb is.
func NewAMRWB() Clock { return &amr{declared: true, wide: true} }

const amrLine = "#!AMR"

// amrFile says what a first line means.
func amrFile(line string) (wide, multi, ok bool) {
	switch line {
	case amrLine + "\n":
		return false, false, true
	case amrLine + "-WB\n":
		return true, false, true
	case amrLine + "_MC1.0\n":
		return false, true, true
	case amrLine + "-WB_MC1.0\n":
		return true, true, true
	}
	return false, false, false
}

func matchAMR(head []byte) (yes, more bool) {
	yes, more = startsWith(amrLine)(head)
	if n := len(amrLine); yes && len(head) > n {
		return strings.IndexByte("\n-_", head[n]) >= 0, false
	}
	return false, yes || more
}

// Write takes the file or the frames, cut anywhere.
func (a *amr) Write(p []byte) error {
	for len(p) > 0 {
		var err error
		switch a.state {
		case amrSpeech:
			n := min(a.skip, len(p))
			p = p[n:]
			if a.skip -= n; a.skip == 0 {
				a.state = amrType
			}
		case amrType:
			err = a.frame(p[0])
			p = p[1:]
		case amrMagic:
			err = a.magic(p[0])
			p = p[1:]
		case amrChannels:
			var whole bool
			if p, whole = a.head.fill(p, 4); whole {
				err = a.channels(a.head.take())
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// magic gathers the first line, or finds that there is none.
func (a *amr) magic(b byte) error {
	const longest = len(amrLine + "-WB_MC1.0\n")
	a.head.buf[a.head.have] = b
	a.head.have++
	line := string(a.head.buf[:a.head.have])
	wide, multi, ok := amrFile(line)
	begun := strings.HasPrefix(line, amrLine) || strings.HasPrefix(amrLine, line)
	switch {
	case ok && a.declared && wide != a.wide:
		return fmt.Errorf("%w: AMR of the other band than declared", ErrMalformed)
	case ok:
		a.head.take()
		a.wide, a.state = wide, amrChannels
		if !multi {
			a.begin(1)
		}
		return nil
	case begun && b != '\n' && len(line) < longest:
		return nil
	case !a.declared:
		return fmt.Errorf("%w: the first line of an AMR file is %q", ErrMalformed, line)
	}
	a.begin(1)
	return a.Write([]byte(string(a.head.take())))
}

// channels reads the 4 bytes behind the first line of a file of several channels: 28 bits of nothing, and the number.
func (a *amr) channels(h []byte) error {
	n := be32(h)
	if n < 1 || n > 6 {
		return fmt.Errorf("%w: AMR of %d channels, 1 to 6 are possible", ErrMalformed, n)
	}
	a.begin(int(n))
	return nil
}

func (a *amr) begin(channels int) {
	a.state = amrType
	a.info = Info{Format: "amr", Codec: "amr_nb", SampleRate: 8000, Channels: channels, Method: "frames of 20 ms"}
	if a.wide {
		a.info.Codec, a.info.SampleRate = "amr_wb", 16_000
	}
}

// frame counts one by its first byte. Those of all channels last 20 ms together.
func (a *amr) frame(b byte) error {
	kind := b >> 3 & 15
	size := [16]int{12, 13, 15, 17, 19, 20, 26, 31, 5, -1, -1, -1, -1, -1, -1, 0}[kind]
	if a.wide {
		size = [16]int{17, 23, 32, 36, 40, 46, 50, 58, 60, 5, -1, -1, -1, -1, 0, 0}[kind]
	}
	if size < 0 {
		return fmt.Errorf("%w: an AMR frame of type %d", ErrMalformed, kind)
	}
	if a.channel == 0 {
		a.blocks++
	}
	a.channel = (a.channel + 1) % a.info.Channels
	if a.skip = size; size > 0 {
		a.state = amrSpeech
	}
	return nil
}

// Elapsed is 20 ms for each frame.
func (a *amr) Elapsed() time.Duration { return ticks(a.blocks, 50) }

// Info is zero before the first line.
func (a *amr) Info() Info { return a.info }

// Declared is never known: frames differ in size.
func (a *amr) Declared(int64) (time.Duration, bool) { return 0, false }
