package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Session is what is remembered of a stream or an upload that is over.
type Session struct {
	Start  time.Time `json:"start"`
	Length int64     `json:"length_ms"` // from begin to end, by the wall clock
	Audio  int64     `json:"audio_ms"`  // that reached the vendor
	// Speech is the time in which words were spoken, by the vendor's final results; nil where nobody looked.
	Speech *int64 `json:"speech_ms,omitempty"`
	Vendor string `json:"vendor"`
	Model  string `json:"model,omitempty"` // that was asked for; "" where that is not known
	Mode   string `json:"mode"`
	Gaps   Gaps   `json:"gaps,omitzero"`
	Result string `json:"result"`
	// Excerpt is the beginning of what was said; only where include_transcripts is on.
	Excerpt string `json:"excerpt,omitempty"`
}

// Gaps are the pauses of a stream in which no audio came.
type Gaps struct {
	Count   int64 `json:"count"`
	Total   int64 `json:"total_ms"`
	Longest int64 `json:"longest_ms"`
}

const (
	// sessionVersion changes when an older gateway would misread an entry. A member that it may pass over is no reason.
	sessionVersion = 1
	// maxEntry is what the ledger takes.
	maxEntry = 2 << 10
	// maxWord and maxModel bound in characters what comes out of closed sets, and what a client may have written.
	maxWord, maxModel = 32, 64
	// MaxExcerpt is how many characters of what was said are kept of a session.
	MaxExcerpt = 200
)

// ErrEntry says that an entry is no session that is understood here.
var ErrEntry = errors.New("no session that is understood here")

// entry is the stored form.
type entry struct {
	Version int `json:"v"`
	Session
}

// Encode returns the stored form: at most 2 KiB, whatever the session holds.
func (s Session) Encode() ([]byte, error) {
	s.Start = s.Start.UTC().Truncate(time.Millisecond)
	for _, word := range []*string{&s.Vendor, &s.Mode, &s.Result} {
		*word = plain(*word, maxWord)
	}
	s.Model, s.Excerpt = plain(s.Model, maxModel), plain(s.Excerpt, MaxExcerpt)
	b, err := encode(entry{sessionVersion, s})
	if err == nil && len(b) > maxEntry {
		err = fmt.Errorf("session of %d bytes: at most %d are kept", len(b), maxEntry)
	}
	return b, err
}

// DecodeSession reads the stored form. Members that it does not know are passed over; a version that it does not know, or anything that no
// session can be, is an error.
func DecodeSession(b []byte) (Session, error) {
	var e entry
	if len(b) > maxEntry {
		return Session{}, fmt.Errorf("%w: %d bytes", ErrEntry, len(b))
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return Session{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	speech := int64(0)
	if e.Speech != nil {
		speech = *e.Speech
	}
	switch {
	case e.Version != sessionVersion:
		return Session{}, fmt.Errorf("%w: version %d", ErrEntry, e.Version)
	case e.Start.IsZero(), e.Vendor == "", e.Mode == "":
		return Session{}, fmt.Errorf("%w: start, vendor or mode is missing", ErrEntry)
	case min(e.Length, e.Audio, speech, e.Gaps.Count, e.Gaps.Total, e.Gaps.Longest) < 0:
		return Session{}, fmt.Errorf("%w: a time is negative", ErrEntry)
	}
	return e.Session, nil
}

// encode is JSON as people read it: a transcript's "<" stays one.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// plain is text in one line of at most so many characters: a line break in it could forge a line of somebody's log, and a control
// character takes six times its room in JSON.
func plain(s string, most int) string {
	var b strings.Builder
	for _, r := range s {
		if most == 0 {
			break
		}
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			r = ' '
		}
		b.WriteRune(r)
		most--
	}
	return strings.TrimSpace(b.String())
}
