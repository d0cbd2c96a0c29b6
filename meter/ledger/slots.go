package ledger

import (
	"context"
	"fmt"
	"math"
	"sync"
)

// Slots counts what runs at once: the streams of a user, to a provider, or all. Each takes a
// place with every owner that it belongs to, and gives it back when it ends.
type Slots interface {
	// Take takes a place with each owner or with none; the owners are asked in the order given. A
	// FullError says who has none left. Owners with a limit may take the store's timeout to answer.
	Take(ctx context.Context, slots []Slot) (*Place, error)
	// Running is how many places are taken of an owner's.
	Running(ctx context.Context, owner string) (int, error)
}

// Slot is one of the places that an owner has.
type Slot struct {
	Owner string // as Scope.Owner: "user:alice", "provider:deepgram", "all"
	// Limit is how many may be taken at once. It may be another one with each Take: lowered, it takes
	// no place away and gives none before enough were given back. 0 is no limit, and then the place is
	// counted by this process and no shared store is asked or told; Uncapped is none, and the store is told.
	Limit int
}

// Uncapped is the Limit of an owner who has none now and may have one later: what runs then counts.
const Uncapped = math.MaxInt32

// FullError says that an owner has no place left.
type FullError struct{ Slot }

func (e FullError) Error() string {
	return fmt.Sprintf("%s: all %d places are taken", e.Owner, e.Limit)
}

// Place is what a Take took.
type Place struct {
	// Dark is why a shared store did not answer; nil when it did. The place was then counted
	// among this process's own, within the same limits, and the store is told when it is back.
	Dark error

	once    sync.Once
	release func()
}

// Release gives the place back and waits for nobody. A second call does nothing.
func (p *Place) Release() { p.once.Do(p.release) }

// maxSlots bounds the owners of one Take.
const maxSlots = 8

func checkSlots(slots []Slot) error {
	if len(slots) > maxSlots {
		return fmt.Errorf("%w: places with %d owners, at most %d are possible", ErrInvalid, len(slots), maxSlots)
	}
	for i, s := range slots {
		if err := checkOwner(s.Owner); err != nil {
			return err
		}
		if s.Limit < 0 || s.Limit > Uncapped {
			return fmt.Errorf("%w: %d places of %q", ErrInvalid, s.Limit, s.Owner)
		}
		for _, other := range slots[:i] {
			if other.Owner == s.Owner {
				return fmt.Errorf("%w: two places of %q for one stream", ErrInvalid, s.Owner)
			}
		}
	}
	return nil
}

func checkOwner(owner string) error {
	if owner == "" || len(owner) > maxName {
		return fmt.Errorf("%w: owner of %d bytes, 1 to %d are possible", ErrInvalid, len(owner), maxName)
	}
	return nil
}

// places is Slots within one process, exact. The zero value is ready; it is safe for
// concurrent use.
type places struct {
	mu    sync.Mutex
	taken map[string]int // of owners with any
}

var (
	_ Slots = (*Memory)(nil)
	_ Slots = (*Embedded)(nil)
	_ Slots = (*Redis)(nil)
)

func (p *places) take(ctx context.Context, slots []Slot) (*Place, error) {
	if err := checkSlots(slots); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, during("take a place", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range slots {
		if s.Limit > 0 && p.taken[s.Owner] >= s.Limit {
			return nil, FullError{s}
		}
	}
	if p.taken == nil {
		p.taken = map[string]int{}
	}
	for _, s := range slots {
		p.taken[s.Owner]++
	}
	slots = append([]Slot(nil), slots...)
	return &Place{release: func() { p.give(slots) }}, nil
}

func (p *places) give(slots []Slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range slots {
		if p.taken[s.Owner]--; p.taken[s.Owner] == 0 {
			delete(p.taken, s.Owner) // or every user who ever came stays in memory
		}
	}
}

func (p *places) running(ctx context.Context, owner string) (int, error) {
	if err := checkOwner(owner); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, during("count places", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken[owner], nil
}

// Take is Slots.Take: the places of one process are all there are.
func (m *Memory) Take(ctx context.Context, slots []Slot) (*Place, error) {
	return m.places.take(ctx, slots)
}

// Running is Slots.Running.
func (m *Memory) Running(ctx context.Context, owner string) (int, error) {
	return m.places.running(ctx, owner)
}

// Take is Slots.Take: no other process has the file, and what ran in the last one does not run.
func (e *Embedded) Take(ctx context.Context, slots []Slot) (*Place, error) {
	return e.places.take(ctx, slots)
}

// Running is Slots.Running.
func (e *Embedded) Running(ctx context.Context, owner string) (int, error) {
	return e.places.running(ctx, owner)
}
