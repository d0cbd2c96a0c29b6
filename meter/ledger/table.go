package ledger

import "bytes"

// view is what the book reads from. A slice that it returns is valid until the
// next write and must not be changed.
type view interface {
	get(key []byte) []byte
	// scan calls fn for every key in [from, to), in no particular order, until fn
	// returns an error. Both begin with the same kind, or to is that of the next
	// one. fn must not write.
	scan(from, to []byte, fn func(key, value []byte) error) error
}

// table is what the book writes to, inside one transaction. It keeps the slices.
type table interface {
	view
	put(key, value []byte) error
	delete(key []byte) error
}

// overlay holds the writes of one call back until the call has succeeded, so
// that one which fails half-way leaves nothing behind in what it shares with others.
type overlay struct {
	base    table
	changed []change // each key once; a call changes about ten
}

// change is a record as a call leaves it; a nil value deletes it.
type change struct{ key, value []byte }

var _ table = (*overlay)(nil)

func newOverlay(t table) *overlay { return &overlay{base: t} }

func (o *overlay) find(key []byte) *change {
	for i := range o.changed {
		if c := &o.changed[i]; bytes.Equal(c.key, key) {
			return c
		}
	}
	return nil
}

func (o *overlay) get(key []byte) []byte {
	if c := o.find(key); c != nil {
		return c.value
	}
	return o.base.get(key)
}

func (o *overlay) set(key, value []byte) {
	if c := o.find(key); c != nil {
		c.value = value
		return
	}
	if o.changed == nil {
		o.changed = make([]change, 0, 8)
	}
	o.changed = append(o.changed, change{key, value})
}

func (o *overlay) put(key, value []byte) error {
	o.set(key, value)
	return nil
}

func (o *overlay) delete(key []byte) error {
	o.set(key, nil)
	return nil
}

func (o *overlay) scan(from, to []byte, fn func(key, value []byte) error) error {
	err := o.base.scan(from, to, func(k, v []byte) error {
		if o.find(k) != nil {
			return nil
		}
		return fn(k, v)
	})
	if err != nil {
		return err
	}
	for _, c := range o.changed {
		if c.value != nil && bytes.Compare(c.key, from) >= 0 && bytes.Compare(c.key, to) < 0 {
			if err := fn(c.key, c.value); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply writes everything to the base.
func (o *overlay) apply() error {
	for _, c := range o.changed {
		var err error
		if c.value == nil {
			err = o.base.delete(c.key)
		} else {
			err = o.base.put(c.key, c.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
