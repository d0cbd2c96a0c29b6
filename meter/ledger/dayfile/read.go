package dayfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"

	"github.com/sttgate/sttgate/meter/ledger"
)

// maxLine bounds a line: the largest record, a reservation of 64 budgets with long names, has
// room several times.
const maxLine = 1 << 20

// ErrDamaged says that a file is not what was written.
var ErrDamaged = errors.New("damaged")

// ErrVersion says that a file is of another version.
var ErrVersion = errors.New("another version")

// Fault is what is wrong with a file, and where.
type Fault struct {
	File string
	Line int64
	Err  error
}

func (f *Fault) Error() string { return fmt.Sprintf("%s:%d: %v", f.File, f.Line, f.Err) }

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Verify reads a file to its end and says what it is. An error is a *Fault.
func Verify(r io.Reader, name string) (h Header, entries int64, err error) {
	d := newReader(r, name)
	if h, err = d.header(); err != nil {
		return Header{}, 0, err
	}
	for range d.all {
		entries++
	}
	return h, entries, d.fault
}

// Entries reads a file again that was verified. Each entry is the caller's own. A fault is the last pair.
func Entries(r io.Reader, name string) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		d := newReader(r, name)
		if _, err := d.header(); err != nil {
			yield(ledger.Entry{}, err)
			return
		}
		for e := range d.all {
			if !yield(e, nil) {
				return
			}
		}
		if d.fault != nil {
			yield(ledger.Entry{}, d.fault)
		}
	}
}

// reader goes through a file once.
type reader struct {
	r     *bufio.Reader
	name  string
	line  int64
	sum   hash.Hash // of the lines so far, without the end
	fault error     // that ended the entries; nil: the end was as it should be

	version int
}

func newReader(r io.Reader, name string) *reader {
	return &reader{r: bufio.NewReaderSize(r, maxLine), name: name, sum: sha256.New()}
}

func (d *reader) header() (Header, error) {
	b, err := d.read()
	if err != nil {
		return Header{}, err
	}
	var h headerLine
	if err := json.Unmarshal(b, &h); err != nil || h.Header.Version == 0 {
		return Header{}, d.damaged("this is no export of a ledger")
	}
	if h.Header.Version < 1 || h.Header.Version > Version {
		return Header{}, d.wrong(fmt.Errorf("%w: the file is of version %d, this sttgate reads 1 to %d: import it with the release that wrote it", ErrVersion, h.Header.Version, Version))
	}
	d.version = h.Header.Version
	if !same(b, h) || h.Header.ID == "" || len(h.Header.ID) > 64 {
		return Header{}, d.damaged("not a header as sttgate writes it")
	}
	d.sum.Write(b) // never fails
	return h.Header, nil
}

// all goes through the entries up to the end, or to a fault.
func (d *reader) all(yield func(ledger.Entry) bool) {
	for n := int64(0); ; n++ {
		var b []byte
		if b, d.fault = d.read(); d.fault != nil {
			return
		}
		if bytes.HasPrefix(b, []byte(`{"end":`)) {
			d.fault = d.ended(b, n)
			return
		}
		var e ledger.Entry
		if err := json.Unmarshal(b, &e); err != nil || !same(b, e) || d.version == 1 && (e.Granted != nil || e.Grant != nil || e.Reminder != nil) {
			d.fault = d.damaged("not an entry as sttgate writes it")
			return
		}
		if err := e.Validate(); err != nil {
			d.fault = d.wrong(fmt.Errorf("%w: %w", ErrDamaged, err))
			return
		}
		d.sum.Write(b) // never fails
		if !yield(e) {
			return
		}
	}
}

// ended checks the last line, and that it is the last.
func (d *reader) ended(b []byte, entries int64) error {
	var last endLine
	if err := json.Unmarshal(b, &last); err != nil || !same(b, last) {
		return d.damaged("not an end as sttgate writes it")
	}
	switch {
	case last.End.Entries != entries:
		return d.damaged(fmt.Sprintf("%d entries stand above, %d were written", entries, last.End.Entries))
	case last.End.SHA256 != hex.EncodeToString(d.sum.Sum(nil)):
		return d.damaged("what stands above was changed since it was written")
	}
	if _, err := d.r.ReadByte(); !errors.Is(err, io.EOF) {
		d.line++
		return d.damaged("there is more behind the end")
	}
	return nil
}

// read gives the next line, with its end. It is valid until the next call.
func (d *reader) read() ([]byte, error) {
	d.line++
	b, err := d.r.ReadSlice('\n')
	switch {
	case err == nil:
		return b, nil
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, d.damaged(fmt.Sprintf("a line of more than %d bytes", maxLine))
	case errors.Is(err, io.EOF):
		return nil, d.damaged("the file ends here, before its end line: it was not copied whole")
	}
	return nil, d.wrong(err)
}

func (d *reader) damaged(what string) error { return d.wrong(fmt.Errorf("%w: %s", ErrDamaged, what)) }

func (d *reader) wrong(err error) error { return &Fault{File: d.name, Line: d.line, Err: err} }

// same says that a line is what would be written of it: a member twice, in another case or
// unknown would be read in one way and meant in another.
func same(line []byte, v any) bool {
	b, err := json.Marshal(v)
	return err == nil && bytes.Equal(bytes.TrimSuffix(line, []byte("\n")), b)
}
