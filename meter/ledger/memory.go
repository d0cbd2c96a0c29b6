package ledger

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

var _ Store = (*Memory)(nil)

// Memory is a Store that lives and dies with the process. It is safe for
// concurrent use; calls run one after the other.
type Memory struct {
	book   book
	now    func() time.Time
	places places // its Slots

	mu     sync.Mutex
	table  memTable
	closed bool
}

// NewMemory returns an empty store. A nil clock is time.Now, a nil zone is UTC.
func NewMemory(now func() time.Time, loc *time.Location) *Memory {
	if now == nil {
		now = time.Now
	}
	return &Memory{book: newBook(loc), now: now, table: memTable{values: map[string][]byte{}}}
}

// do runs fn as one transaction.
func (m *Memory) do(ctx context.Context, op string, fn func(t table, now time.Time) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("%s: %w", op, ErrClosed)
	}
	now := m.now()
	o := newOverlay(&m.table)
	if err := fn(o, now); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if len(o.changed) == 0 {
		return nil
	}
	if err := o.apply(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return sweep(&m.table, now, sweepStep)
}

// Lease is Ledger.Lease.
func (m *Memory) Lease(ctx context.Context, r Request) (g Grant, err error) {
	if r, err = checkRequest(r); err != nil {
		return Grant{}, err
	}
	err = m.do(ctx, "lease", func(t table, now time.Time) error {
		g, err = m.book.lease(t, r, now)
		return err
	})
	return g, err
}

// Settle is Ledger.Settle.
func (m *Memory) Settle(ctx context.Context, r Request) (u Usage, err error) {
	if r, err = checkRequest(r); err != nil {
		return Usage{}, err
	}
	err = m.do(ctx, "settle", func(t table, now time.Time) error {
		u, _, err = m.book.settle(t, r, now)
		return err
	})
	return u, err
}

// Usage is Ledger.Usage.
func (m *Memory) Usage(ctx context.Context, q Query) (u Usage, err error) {
	if err = checkQuery(q); err != nil {
		return Usage{}, err
	}
	err = m.do(ctx, "usage", func(t table, now time.Time) error {
		u, err = m.book.usage(t, q, nil, now)
		return err
	})
	return u, err
}

// State is States.State.
func (m *Memory) State(ctx context.Context, user string) (s State, err error) {
	if err = checkUser(user); err != nil {
		return State{}, err
	}
	err = m.do(ctx, "state", func(t table, _ time.Time) error {
		s, err = m.book.state(t, user)
		return err
	})
	return s, err
}

// SetState is States.SetState.
func (m *Memory) SetState(ctx context.Context, user string, s State) (out State, err error) {
	if err = checkState(user, s); err != nil {
		return State{}, err
	}
	err = m.do(ctx, "set state", func(t table, _ time.Time) error {
		out, err = m.book.setState(t, user, s)
		return err
	})
	return out, err
}

// Ping is nil until Close.
func (m *Memory) Ping(ctx context.Context) error {
	return m.do(ctx, "ping", func(table, time.Time) error { return nil })
}

// Close forgets everything. A second call does nothing.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.table = true, memTable{}
	return nil
}

// memTable is a map with its keys in order beside it.
type memTable struct {
	values map[string][]byte
	keys   []string
}

var _ table = (*memTable)(nil)

func (m *memTable) get(k []byte) []byte { return m.values[string(k)] }

func (m *memTable) put(k, v []byte) error {
	if _, ok := m.values[string(k)]; !ok {
		i, _ := slices.BinarySearch(m.keys, string(k))
		m.keys = slices.Insert(m.keys, i, string(k))
	}
	m.values[string(k)] = v
	return nil
}

func (m *memTable) delete(k []byte) error {
	if i, ok := slices.BinarySearch(m.keys, string(k)); ok {
		m.keys = slices.Delete(m.keys, i, i+1)
		delete(m.values, string(k))
	}
	return nil
}

func (m *memTable) scan(from, to []byte, fn func(k, v []byte) error) error {
	i, _ := slices.BinarySearch(m.keys, string(from))
	for ; i < len(m.keys) && m.keys[i] < string(to); i++ {
		if err := fn([]byte(m.keys[i]), m.values[m.keys[i]]); err != nil {
			return err
		}
	}
	return nil
}
