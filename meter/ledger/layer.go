package ledger

import (
	"bytes"
	"errors"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// layer is changes that are not on the disk yet, by the kind of their records: a
// scan reads one kind and does not look through the others. A nil value deletes.
type layer map[byte]map[string][]byte

func (l layer) find(key []byte) (value []byte, found bool) {
	value, found = l[key[0]][string(key)]
	return value, found
}

func (l layer) set(key, value []byte) {
	of := l[key[0]]
	if of == nil {
		of = make(map[string][]byte)
		l[key[0]] = of
	}
	of[string(key)] = value
}

// under adds what l does not know from older: after a write that failed.
func (l layer) under(older layer) {
	for kind, records := range older {
		if l[kind] == nil {
			l[kind] = records
			continue
		}
		for k, v := range records {
			if _, newer := l[kind][k]; !newer {
				l[kind][k] = v
			}
		}
	}
}

func (l layer) size() (n int) {
	for _, records := range l {
		n += len(records)
	}
	return n
}

// write puts everything into a bucket, in the order of the keys: neighbours lie on the same page.
func (l layer) write(b *bolt.Bucket) error {
	all := make([]change, 0, l.size())
	for _, records := range l {
		for k, v := range records {
			all = append(all, change{[]byte(k), v})
		}
	}
	slices.SortFunc(all, func(a, b change) int { return bytes.Compare(a.key, b.key) })
	for _, c := range all {
		var err error
		if c.value == nil {
			err = b.Delete(c.key)
		} else {
			err = b.Put(c.key, c.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stack is a table of layers over what the disk has. Writes go to the newest layer.
// It is valid as long as what lies below.
type stack struct {
	layers []layer // newest first
	disk   view
}

var _ table = (*stack)(nil)

func (s *stack) get(key []byte) []byte {
	for _, l := range s.layers {
		if v, ok := l.find(key); ok {
			return v
		}
	}
	return s.disk.get(key)
}

func (s *stack) put(key, value []byte) error {
	s.layers[0].set(key, value)
	return nil
}

func (s *stack) delete(key []byte) error {
	s.layers[0].set(key, nil)
	return nil
}

func (s *stack) scan(from, to []byte, fn func(k, v []byte) error) error {
	kind := from[0]
	if len(to) == 0 || to[0] != kind && !bytes.Equal(to, []byte{kind + 1}) {
		return errors.New("a scan of several kinds of records")
	}
	hidden := func(k []byte, by []layer) bool {
		return slices.ContainsFunc(by, func(l layer) bool {
			_, ok := l[kind][string(k)]
			return ok
		})
	}
	for i, l := range s.layers {
		for name, v := range l[kind] {
			k := []byte(name)
			if v == nil || bytes.Compare(k, from) < 0 || bytes.Compare(k, to) >= 0 || hidden(k, s.layers[:i]) {
				continue
			}
			if err := fn(k, v); err != nil {
				return err
			}
		}
	}
	return s.disk.scan(from, to, func(k, v []byte) error {
		if hidden(k, s.layers) {
			return nil
		}
		return fn(k, v)
	})
}

// boltTable is one bucket of one transaction.
type boltTable struct{ b *bolt.Bucket }

var _ table = boltTable{}

func (t boltTable) get(k []byte) []byte   { return t.b.Get(k) }
func (t boltTable) put(k, v []byte) error { return t.b.Put(k, v) }
func (t boltTable) delete(k []byte) error { return t.b.Delete(k) }
func (t boltTable) scan(from, to []byte, fn func(k, v []byte) error) error {
	c := t.b.Cursor()
	for k, v := c.Seek(from); k != nil && bytes.Compare(k, to) < 0; k, v = c.Next() {
		if err := fn(k, v); err != nil {
			return err
		}
	}
	return nil
}
