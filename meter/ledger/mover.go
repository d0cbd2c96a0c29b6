package ledger

import (
	"context"
	"errors"
	"iter"
)

// ErrNotEmpty answers an Import that would add to what a store has, and was not told to.
var ErrNotEmpty = errors.New("the store is in use already")

// ErrInUse says that another process has the store.
var ErrInUse = errors.New("in use by another process")

// ErrMoving ends an Export whose server is not the same all the time.
var ErrMoving = errors.New("fails over, restarts or moves slots: export again when it is at rest")

// Mover is a Store whose day can go to another one: users' records, balances, minutes,
// reservations, marks of what is settled, notes. Both calls need memory for a part of it only.
type Mover interface {
	// Export hands out all that counts, as of one instant, in no order that means anything. A
	// stream that is open is handed out as settled with all that it was granted; the
	// store itself does not change. fn must not call the store; its error ends the export.
	Export(ctx context.Context, fn func(Entry) error) error
	// Import adds entries, which have been validated and are always the same under one
	// id, each once: what an import of the same id has taken before is passed by. Amounts are
	// added to what is there; a user's record, a note or a stream that is there stays as it
	// is. An error leaves a part of the entries taken: import them again.
	Import(ctx context.Context, id string, merge bool, entries iter.Seq2[Entry, error]) (Imported, error)
}

// Imported counts what became of the entries of an import.
type Imported struct {
	Taken  int64 // now
	Before int64 // by an earlier import of the same id
	Kept   int64 // of Taken: the store had such a record, which stays
	Over   int64 // of Taken: their time is over: nothing counts them any more, or they are charged
}

var (
	_ Mover = (*Memory)(nil)
	_ Mover = (*Embedded)(nil)
)
