package ledger

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"
)

// mostUsers bounds a page.
const mostUsers = 1000

func checkLimit(n int) int { return min(max(n, 1), mostUsers) }

// users reads a page, in the order of the keys: by the length of the id, then by its bytes.
func (b book) users(v view, cursor string, limit int) (out []UserState, next string, err error) {
	var (
		from, to = []byte{keyState}, []byte{keyState + 1}
		page     [][]byte // keys, in order; one more than are shown
	)
	if cursor != "" {
		from = append(key(keyState, cursor), 0)
	}
	err = v.scan(from, to, func(k, _ []byte) error {
		i, _ := slices.BinarySearchFunc(page, k, bytes.Compare)
		page = slices.Insert(page, i, slices.Clone(k)) // the store promises no order
		page = page[:min(len(page), limit+1)]
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	for i, k := range page {
		if i == limit {
			return out, out[limit-1].User, nil
		}
		p, _, err := keyParts(k, 1)
		if err != nil {
			return nil, "", err
		}
		s, err := decodeState(v.get(k))
		if err != nil {
			return nil, "", fmt.Errorf("state of a user: %w", err)
		}
		out = append(out, UserState{p[0], s})
	}
	return out, "", nil
}

// Users is States.Users.
func (m *Memory) Users(ctx context.Context, cursor string, limit int) (users []UserState, next string, err error) {
	err = m.do(ctx, "users", func(t table, _ time.Time) error {
		users, next, err = m.book.users(t, cursor, checkLimit(limit))
		return err
	})
	return users, next, err
}

// Users is States.Users.
func (e *Embedded) Users(ctx context.Context, cursor string, limit int) (users []UserState, next string, err error) {
	err = e.read(ctx, "users", func(v view) error {
		users, next, err = e.book.users(v, cursor, checkLimit(limit))
		return err
	})
	return users, next, err
}
