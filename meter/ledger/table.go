package ledger

import "bytes"

// view is what the book reads from. A slice that it returns is valid until the
// next write and must not be changed.
type view interface {
	get(key []byte) []byte
	// scan calls fn for every key in [from, to), in no particular order, until fn
	// returns an error. fn must not write.
	scan(from, to []byte, fn func(key, value []byte) error) error
}

// table is what the book writes to, inside one transaction. It keeps the slices.
type table interface {
	view
	put(key, value []byte) error
	delete(key []byte) error
}

// overlay holds the writes of one call back until the call has succeeded, so
// that one which fails half-way leaves nothing behind in a transaction that it
// shares with others.
type overlay struct {
	base    table
	changed map[string][]byte // nil: deleted
}

var _ table = (*overlay)(nil)

func newOverlay(t table) *overlay { return &overlay{base: t, changed: make(map[string][]byte, 8)} }

func (o *overlay) get(key []byte) []byte {
	if v, ok := o.changed[string(key)]; ok {
		return v
	}
	return o.base.get(key)
}

func (o *overlay) put(key, value []byte) error {
	o.changed[string(key)] = value
	return nil
}

func (o *overlay) delete(key []byte) error {
	o.changed[string(key)] = nil
	return nil
}

func (o *overlay) scan(from, to []byte, fn func(key, value []byte) error) error {
	err := o.base.scan(from, to, func(k, v []byte) error {
		if _, ok := o.changed[string(k)]; ok {
			return nil
		}
		return fn(k, v)
	})
	if err != nil {
		return err
	}
	for k, v := range o.changed {
		if key := []byte(k); v != nil && bytes.Compare(key, from) >= 0 && bytes.Compare(key, to) < 0 {
			if err := fn(key, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply writes everything to the base.
func (o *overlay) apply() error {
	for k, v := range o.changed {
		var err error
		if v == nil {
			err = o.base.delete([]byte(k))
		} else {
			err = o.base.put([]byte(k), v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
