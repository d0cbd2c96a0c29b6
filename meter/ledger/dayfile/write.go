package dayfile

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// Version is that of the files that this package writes. It reads those of version 1, too, which know of no grants and no reminders.
const Version = 2

// Header is the first line of a file.
type Header struct {
	Version  int       `json:"version"`
	ID       string    `json:"id"` // of this export: it is imported once
	At       time.Time `json:"at"`
	Store    string    `json:"store"`    // where it is from
	Timezone string    `json:"timezone"` // in which days are
}

// NewHeader is the header of a new export.
func NewHeader(store, timezone string, at time.Time) Header {
	return Header{Version: Version, ID: rand.Text(), At: at.UTC().Truncate(time.Second), Store: store, Timezone: timezone}
}

// end is the last line.
type end struct {
	Entries int64  `json:"entries"`
	SHA256  string `json:"sha256"`
}

type (
	headerLine struct {
		Header Header `json:"sttgate_ledger"`
	}
	endLine struct {
		End end `json:"end"`
	}
)

// Writer writes one file. Close ends it; without it the file is damaged.
type Writer struct {
	w       *bufio.Writer
	sum     hash.Hash
	entries int64
}

// NewWriter writes the header.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	out := &Writer{w: bufio.NewWriterSize(w, 64<<10), sum: sha256.New()}
	return out, out.line(headerLine{h})
}

// Write writes an entry. It refuses one that could not be read again.
func (w *Writer) Write(e ledger.Entry) error {
	if err := e.Validate(); err != nil {
		return fmt.Errorf("entry %d: %w", w.entries+1, err)
	}
	w.entries++
	return w.line(e)
}

// Entries is how many were written.
func (w *Writer) Entries() int64 { return w.entries }

// Close writes the end. It does not close what is written to.
func (w *Writer) Close() error {
	last, err := json.Marshal(endLine{end{Entries: w.entries, SHA256: hex.EncodeToString(w.sum.Sum(nil))}})
	if err != nil {
		return err
	}
	if _, err := w.w.Write(append(last, '\n')); err != nil {
		return err
	}
	return w.w.Flush()
}

func (w *Writer) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	w.sum.Write(b) // never fails
	_, err = w.w.Write(b)
	return err
}
