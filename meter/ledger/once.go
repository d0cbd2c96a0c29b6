package ledger

import (
	"bytes"
	"context"
	"time"
)

// NoteOnce is Notes.NoteOnce.
func (m *Memory) NoteOnce(ctx context.Context, key string, value []byte, ttl time.Duration) (first bool, err error) {
	if err := checkNote(key, value, ttl); err != nil {
		return false, err
	}
	err = m.do(ctx, "note once", func(t table, now time.Time) (err error) {
		first, err = m.book.noteOnce(t, key, value, now, ttl)
		return err
	})
	return first && err == nil, err
}

// NoteOnce is Notes.NoteOnce; what it wrote is on the disk when it returns.
func (e *Embedded) NoteOnce(ctx context.Context, key string, value []byte, ttl time.Duration) (first bool, err error) {
	if err := checkNote(key, value, ttl); err != nil {
		return false, err
	}
	value = append([]byte{}, value...) // the caller may leave before the write
	var won bool                       // and before this is written, so it is not the result itself
	err = e.write(ctx, "note once", func(t table, now time.Time) (err error) {
		won, err = e.book.noteOnce(t, key, value, now, ttl)
		return err
	})
	if err != nil {
		return false, err
	}
	return won, nil
}

// NoteOnce is Notes.NoteOnce.
func (r *Redis) NoteOnce(ctx context.Context, key string, value []byte, ttl time.Duration) (first bool, err error) {
	if err := checkNote(key, value, ttl); err != nil {
		return false, err
	}
	err = r.do(ctx, "note once", func(ctx context.Context) error {
		n, err := r.scripts.once.Run(ctx, r.db, []string{r.names.note(key)}, r.at(), ttl.Microseconds(), value).Int64()
		first = n == 1
		return err
	})
	return first && err == nil, err
}

// noteOnce writes a note where none stands. A note with the same value is the caller's own.
func (b book) noteOnce(t table, k string, value []byte, now time.Time, ttl time.Duration) (first bool, err error) {
	old, err := b.noted(t, k, now)
	if err != nil {
		return false, err
	}
	if old != nil {
		return bytes.Equal(old, value), nil
	}
	return true, b.note(t, k, value, now.Add(ttl))
}
