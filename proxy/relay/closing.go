package relay

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The close codes that the relay uses itself (RFC 6455, 7.4.1).
const (
	codeNormal   = 1000
	codeAway     = 1001
	codeProtocol = 1002
	codeNone     = 1005 // never on the wire: a Close without a code
	codeLost     = 1006 // never on the wire: no Close at all
	codeData     = 1007
	codePolicy   = 1008
	codeTooBig   = 1009
	codeInternal = 1011
)

// maxReason is what a control frame leaves beside the code.
const maxReason = 123

// closing is a Close frame. code is codeNone when it is empty.
type closing struct {
	code   int
	reason string
}

// fault is what a peer did wrong and the code that tells it so.
type fault struct {
	kind error // ErrProtocol or ErrTooBig
	code int
	text string
}

func (f *fault) Error() string { return fmt.Sprintf("%v: %s", f.kind, f.text) }
func (f *fault) Unwrap() error { return f.kind }

func violation(text string) error { return &fault{ErrProtocol, codeProtocol, text} }
func tooBig(text string) error    { return &fault{ErrTooBig, codeTooBig, text} }

// onWire says whether a close code may be in a Close frame.
func onWire(code int) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return true
	}
	return false
}

// readClosing checks the unmasked payload of a peer's Close.
func readClosing(p []byte) (closing, error) {
	if len(p) == 0 {
		return closing{code: codeNone}, nil
	}
	if len(p) == 1 {
		return closing{}, violation("close payload of one byte")
	}
	code := int(binary.BigEndian.Uint16(p))
	if !onWire(code) {
		return closing{}, violation("illegal close code")
	}
	if !utf8.Valid(p[2:]) {
		return closing{}, &fault{ErrProtocol, codeData, "close reason is not UTF-8"}
	}
	return closing{code, string(p[2:])}, nil
}

// appendClosing encodes a Close frame. A code that may not be on the wire never gets there.
func appendClosing(dst []byte, c closing, masked bool) []byte {
	if c.code == codeNone {
		return appendFrame(dst, Close, nil, masked)
	}
	if !onWire(c.code) {
		c.code = codeInternal
	}
	p := binary.BigEndian.AppendUint16(make([]byte, 0, 2+maxReason), uint16(c.code)) //nolint:gosec // checked above
	return appendFrame(dst, Close, append(p, cutReason(c.reason)...), masked)
}

// cutReason shortens a reason to what a Close frame holds, never through a rune.
func cutReason(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxReason {
		return s
	}
	n := maxReason
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// echo is the answer that we give in a peer's name. A Close is repeated; after no
// Close at all the other side has gone away.
func (c closing) echo() closing {
	if c.code == 0 || c.code == codeLost {
		return closing{code: codeAway}
	}
	return c
}
