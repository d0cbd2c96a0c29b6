package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reminders keeps what is to be done at a time, for whichever gateway comes first. Keys and values are bounded as those of Notes.
type Reminders interface {
	// Remind keeps a value under a key until it is forgotten, due from a time on by the store's clock. An older one under the key is gone.
	Remind(ctx context.Context, key string, value []byte, at time.Time) error
	// Due hands out up to limit (1 to 1000) reminders whose time has come, those that wait longest first. For hold they are
	// the caller's alone, and due again then: what a gateway has taken that dies is another's.
	Due(ctx context.Context, limit int, hold time.Duration) ([]Reminder, error)
	// Forget takes a reminder away, unless another has taken its place meanwhile.
	Forget(ctx context.Context, r Reminder) error
}

// Reminder is one of Reminders.
type Reminder struct {
	Key   string
	Value []byte
}

// maxHold bounds for how long a reminder is one caller's.
const maxHold = time.Hour

func checkReminder(key string, value []byte, at time.Time) error {
	return errors.Join(checkNote(key, value, bucket), errIf(at.Year() < 1970 || at.Year() > 9000, "a reminder for a time that is none"))
}

func checkHolding(hold time.Duration) error {
	return errIf(hold <= 0 || hold > maxHold, "a reminder that is held for no time, or for more than an hour")
}

// dueKey is the index of a reminder, in the order of the times.
func dueKey(micros int64, k string) []byte {
	return append(appendOrdered([]byte{keyDue}, micros), k...)
}

// reminder is a record: when it is due, in microseconds, and its value.
type reminder struct {
	due   int64
	value []byte
}

func (r reminder) encode() []byte {
	raw := binary.AppendVarint(append(make([]byte, 0, len(r.value)+12), recordVersion), r.due)
	return append(raw, r.value...)
}

func decodeReminder(b []byte) (reminder, error) {
	r := newReader(b)
	out := reminder{due: r.amount()}
	if r.bad {
		return reminder{}, errRecord
	}
	out.value = r.b
	return out, nil
}

// remind writes: version, microsecond in which it is due, value; and the index.
func (b book) remind(t table, k string, r reminder) error {
	at := key(keyReminder, k)
	if raw := t.get(at); raw != nil {
		old, err := decodeReminder(raw)
		if err != nil {
			return fmt.Errorf("reminder: %w", err)
		}
		if err := t.delete(dueKey(old.due, k)); err != nil {
			return err
		}
	}
	return errors.Join(t.put(at, r.encode()), t.put(dueKey(r.due, k), []byte{}))
}

// anyDue says whether there is anything for due to do, which has to write.
func (b book) anyDue(v view, now time.Time) (found bool, err error) {
	enough := errors.New("enough")
	err = v.scan([]byte{keyDue}, dueKey(now.UnixMicro()+1, ""), func([]byte, []byte) error {
		found = true
		return enough
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return found, err
}

// due hands out what is due, and makes it due again after hold.
func (b book) due(t table, limit int, hold time.Duration, now time.Time) (out []Reminder, err error) {
	var first [][]byte // keys of the index, in order
	err = t.scan([]byte{keyDue}, dueKey(now.UnixMicro()+1, ""), func(k, _ []byte) error {
		i, _ := slices.BinarySearchFunc(first, k, bytes.Compare)
		first = slices.Insert(first, i, slices.Clone(k)) // the store promises no order
		first = first[:min(len(first), limit)]
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, x := range first {
		k := string(x[9:])
		r, err := decodeReminder(t.get(key(keyReminder, k)))
		if err != nil {
			return nil, fmt.Errorf("reminder: %w", err)
		}
		out = append(out, Reminder{k, slices.Clone(r.value)})
		r.due, r.value = now.Add(hold).UnixMicro(), slices.Clone(r.value)
		if err := b.remind(t, k, r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b book) forget(t table, r Reminder) error {
	at := key(keyReminder, r.Key)
	raw := t.get(at)
	if raw == nil {
		return nil
	}
	old, err := decodeReminder(raw)
	if err != nil {
		return fmt.Errorf("reminder: %w", err)
	}
	if !bytes.Equal(old.value, r.Value) {
		return nil
	}
	return errors.Join(t.delete(dueKey(old.due, r.Key)), t.delete(at))
}
