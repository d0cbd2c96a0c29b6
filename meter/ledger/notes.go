package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"
)

// Notes keeps small values for a time: whose file an id of the vendor's is, which grant
// waits for a job. Keys are up to 256 bytes, values up to 4 KiB, times up to 366 days.
type Notes interface {
	// Note writes a value, for ttl from now. An older one under the key is gone.
	Note(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// NoteOnce writes a value where no note stands, and tells whether it did: over any number of
	// gateways one is the first. A note with the same value is the caller's own, whose
	// answer was lost: first again. So claimants use values of their own.
	NoteOnce(ctx context.Context, key string, value []byte, ttl time.Duration) (first bool, err error)
	// Noted reads it; nil when there is none, or its time is over.
	Noted(ctx context.Context, key string) ([]byte, error)
}

// Bounds of a note.
const (
	maxNote    = 4 << 10
	maxNoteTTL = 366 * 24 * time.Hour
)

func checkNote(k string, value []byte, ttl time.Duration) error {
	switch {
	case k == "" || len(k) > maxName:
		return fmt.Errorf("%w: key of %d bytes, 1 to %d are possible", ErrInvalid, len(k), maxName)
	case len(value) > maxNote:
		return fmt.Errorf("%w: note of %d bytes, at most %d are possible", ErrInvalid, len(value), maxNote)
	case ttl <= 0 || ttl > maxNoteTTL:
		return fmt.Errorf("%w: note for %v, up to %v is possible", ErrInvalid, ttl, maxNoteTTL)
	}
	return nil
}

// note writes: version, unix second of the end, value.
func (b book) note(t table, k string, value []byte, end time.Time) error {
	at := key(keyNote, k)
	if old, err := decodeNote(t.get(at)); err != nil {
		return err
	} else if err := expireAnew(t, at, old.end, end); err != nil {
		return err
	}
	raw := binary.AppendVarint(append(make([]byte, 0, len(value)+12), recordVersion), end.Unix())
	return t.put(at, append(raw, value...))
}

// noted copies: the answer outlives the transaction.
func (b book) noted(v view, k string, now time.Time) ([]byte, error) {
	n, err := decodeNote(v.get(key(keyNote, k)))
	if err != nil {
		return nil, fmt.Errorf("note: %w", err)
	}
	if n.end <= now.Unix() {
		return nil, nil
	}
	return append([]byte{}, n.value...), nil
}

type note struct {
	end   int64 // unix second; 0: there is none
	value []byte
}

func decodeNote(b []byte) (note, error) {
	if b == nil {
		return note{}, nil
	}
	r := newReader(b)
	n := note{end: r.amount()}
	if r.bad {
		return note{}, errRecord
	}
	n.value = r.b
	return n, nil
}

// Note is Notes.Note.
func (m *Memory) Note(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := checkNote(key, value, ttl); err != nil {
		return err
	}
	return m.do(ctx, "note", func(t table, now time.Time) error { return m.book.note(t, key, value, now.Add(ttl)) })
}

// Noted is Notes.Noted.
func (m *Memory) Noted(ctx context.Context, key string) (value []byte, err error) {
	err = m.do(ctx, "read note", func(t table, now time.Time) error {
		value, err = m.book.noted(t, key, now)
		return err
	})
	return value, err
}

// Note is Notes.Note; it is on the disk when it returns.
func (e *Embedded) Note(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := checkNote(key, value, ttl); err != nil {
		return err
	}
	value = append([]byte{}, value...) // the caller may leave before the write
	return e.write(ctx, "note", func(t table, now time.Time) error { return e.book.note(t, key, value, now.Add(ttl)) })
}

// Noted is Notes.Noted.
func (e *Embedded) Noted(ctx context.Context, key string) (value []byte, err error) {
	err = e.read(ctx, "read note", func(v view) error {
		value, err = e.book.noted(v, key, e.now())
		return err
	})
	return value, err
}
