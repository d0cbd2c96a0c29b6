package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/dayfile"
)

// imported is the result for programs.
type imported struct {
	File    string `json:"file"`
	ID      string `json:"id"`
	Records int64  `json:"records"` // in the file
	Taken   int64  `json:"taken"`   // now
	Before  int64  `json:"before"`  // by an earlier import of this file
	Kept    int64  `json:"kept"`    // taken, and the store's own record stayed
	Over    int64  `json:"over"`    // taken, and too old to count
}

func (p *program) importDay(ctx context.Context, m moving, path string) (err error) {
	cfg, err := p.load(m.config)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	h, n, err := p.verifyDay(f, path)
	if err != nil {
		return p.faults(err) // file:line first
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	store, err := openDay(cfg.Ledger.WithDefaults(), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	shown := newProgressOf(p.stderr, "import", n, counted)
	got, err := store.Import(ctx, h.ID, m.merge, showing(dayfile.Entries(f, path), shown))
	shown.done()
	switch {
	case errors.Is(err, ledger.ErrNotEmpty):
		return fmt.Errorf("%w; nothing was changed. --merge adds %s to what it holds", err, path)
	case err != nil:
		return fmt.Errorf("%w; %d of %d records are in: import the file again to go on", err, got.Before+got.Taken, n)
	}
	if m.json {
		return p.printJSON(imported{File: path, ID: h.ID, Records: n, Taken: got.Taken, Before: got.Before, Kept: got.Kept, Over: got.Over})
	}
	return p.print("%s", told(got, n, path))
}

// verifyDay reads a file whole, and shows how far it is.
func (p *program) verifyDay(f *os.File, path string) (dayfile.Header, int64, error) {
	info, err := f.Stat()
	if err != nil {
		return dayfile.Header{}, 0, err
	}
	shown := newByteProgress(p.stderr, "check", info.Size())
	defer shown.done()
	return dayfile.Verify(&countedReader{r: f, sent: shown.at}, path)
}

// told says what an import came to.
func told(got ledger.Imported, n int64, path string) string {
	if got.Taken == 0 && n > 0 {
		return fmt.Sprintf("%s was imported before; nothing was changed\n", path)
	}
	s := fmt.Sprintf("imported %d records of %s", got.Taken, path)
	if got.Before > 0 {
		s += fmt.Sprintf("; %d were in from an import that broke off", got.Before)
	}
	if got.Kept > 0 {
		s += fmt.Sprintf("; %d users, notes or streams were there already and stayed as they are", got.Kept)
	}
	if got.Over > 0 {
		s += fmt.Sprintf("; %d were of a time that is over", got.Over)
	}
	return s + "\n"
}

// showing counts entries as they go by.
func showing(entries iter.Seq2[ledger.Entry, error], shown progress) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		n := int64(0)
		for e, err := range entries {
			n++
			shown.at(n)
			if !yield(e, err) {
				return
			}
		}
	}
}
