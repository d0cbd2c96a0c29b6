package meter

import (
	"fmt"
	"time"
)

// ErrLate says that audio is known for what it is, and that its time cannot be told while it passes: what tells
// it comes at the end (an MP4 file with its index last), or is not read here (ASF, MPEG-TS).
// The audio may be sound, and whoever can take its time from elsewhere, from the vendor or
// from the clock on the wall, may let it pass. It wraps ErrUnsupported, never ErrMalformed.
var ErrLate = fmt.Errorf("%w: its time cannot be told while it passes", ErrUnsupported)

// late is a format of which only the beginning is known.
type late struct{ name string }

// lateSignatures are the rows of formats that are recognized and not measured.
func lateSignatures() []signature {
	row := func(name string, match func([]byte) (yes, more bool)) signature {
		return signature{name, match, func() container { return late{name} }}
	}
	return []signature{
		row("asf", startsWith("\x30\x26\xb2\x75\x8e\x66\xcf\x11")), // the ASF specification, 10.1: the GUID of its header
		row("mpeg-ts", matchTS),
		row("mpeg-ps", matchPS),
		row("loas", matchLOAS),
		row("flv", startsWith("FLV\x01")),
		row("caf", startsWith("caff\x00\x01")),
		row("avi", matchAVI),
		row("realmedia", startsWith(".RMF\x00")),
	}
}

// startsWith matches fixed first bytes, at most sniffBytes of them.
func startsWith(magic string) func(head []byte) (yes, more bool) {
	return func(head []byte) (yes, more bool) {
		n := min(len(head), len(magic))
		same := string(head[:n]) == magic[:n]
		return same && n == len(magic), same && n < len(magic)
	}
}

// matchTS wants a packet of one of the tables that a transport stream begins with (ISO/IEC 13818-1, 2.4.3.2): the
// sync byte alone is a letter.
func matchTS(head []byte) (yes, more bool) {
	if len(head) < 4 {
		return false, len(head) == 0 || head[0] == 0x47
	}
	return head[0] == 0x47 && head[1] == 0x40 && head[2] < 0x20 && head[3]&0xd0 == 0x10, false
}

// matchPS wants the code of a pack (ISO/IEC 13818-1, 2.5.3.4), where it is not the size of an MP4 box.
func matchPS(head []byte) (yes, more bool) {
	if len(head) < 8 {
		_, more = startsWith("\x00\x00\x01\xba????")(head[:min(len(head), 4)])
		return false, more
	}
	yes, _ = startsWith("\x00\x00\x01\xba")(head)
	mp4, _ := matchMP4(head)
	return yes && !mp4, false
}

// matchLOAS wants the 11 bits of AudioSyncStream (ISO/IEC 14496-3, 1.7.2).
func matchLOAS(head []byte) (yes, more bool) {
	if len(head) < 2 {
		return false, len(head) == 0 || head[0] == 0x56
	}
	return head[0] == 0x56 && head[1]&0xe0 == 0xe0, false
}

func matchAVI(head []byte) (yes, more bool) {
	if len(head) < 12 {
		_, more = startsWith("RIFF....AVI ")(head[:min(len(head), 4)])
		return false, more
	}
	return string(head[:4]) == "RIFF" && string(head[8:12]) == "AVI ", false
}

// Write refuses whatever comes.
func (l late) Write([]byte) error { return fmt.Errorf("%w: %s", ErrLate, l.name) }

// Elapsed is 0.
func (l late) Elapsed() time.Duration { return 0 }

// Info names the format.
func (l late) Info() Info { return Info{Format: l.name, Method: "not measured"} }

// Declared is never known.
func (l late) Declared(int64) (time.Duration, bool) { return 0, false }
