package notify

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// shelf is what waits for one sink: a bucket of its name, with a number for each message, in order.
//
//	<sink>  ─┬─ 0000000000000001 ─► {"id": …, "at": …, "body": …}
//	         └─ …
//	.bytes  ─── <sink> ─► how many bytes the values of that bucket have
type shelf struct {
	db   *bolt.DB
	name string
}

// entry is a message as it is kept.
type entry struct {
	ID   string          `json:"id"`
	At   time.Time       `json:"at"`
	Body json.RawMessage `json:"body"`
}

// kept is a message with its place.
type kept struct {
	key []byte
	Message
}

// weights is the bucket of the sums. No sink can be called so: the dot is nobody's.
const weights = ".bytes"

// someMessages is how many are read, and taken off, at a time. It is also how many a sink may be told again after a crash.
const someMessages = 64

func (s shelf) make(tx *bolt.Tx) error {
	for _, name := range []string{s.name, weights} {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return fmt.Errorf("bucket %s: %w", name, err)
		}
	}
	return nil
}

// put adds a message behind all others, and takes the oldest off until there is room for it. It says how many were dropped; the
// message itself is one of them if it alone is more than the shelf may hold.
func (s shelf) put(tx *bolt.Tx, m Message, most int64) (dropped int, err error) {
	value, err := json.Marshal(entry{m.ID, m.At, m.Body})
	if err != nil {
		return 0, err
	}
	size, b := int64(len(value)), tx.Bucket([]byte(s.name))
	if size > most {
		return 1, nil
	}
	sum, c := s.weight(tx), b.Cursor()
	for sum+size > most {
		k, v := c.First()
		if k == nil {
			sum = 0 // nothing is there, whatever the sum said
			break
		}
		sum -= int64(len(v))
		if err := b.Delete(k); err != nil {
			return 0, err
		}
		dropped++
	}
	n, err := b.NextSequence()
	if err != nil {
		return 0, err
	}
	if err := b.Put(binary.BigEndian.AppendUint64(nil, n), value); err != nil {
		return 0, err
	}
	return dropped, s.weigh(tx, sum+size)
}

// oldest returns the first messages. One that cannot be read has no body: whoever sees it takes it off.
func (s shelf) oldest() ([]kept, error) {
	var out []kept
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte(s.name)).Cursor()
		for k, v := c.First(); k != nil && len(out) < someMessages; k, v = c.Next() {
			var e entry
			if json.Unmarshal(v, &e) != nil {
				e = entry{}
			}
			out = append(out, kept{append([]byte(nil), k...), Message{s.name, e.ID, e.At, e.Body}})
		}
		return nil
	})
	return out, err
}

// remove takes messages off. Those that were dropped meanwhile are gone already.
func (s shelf) remove(ms []kept) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		b, sum := tx.Bucket([]byte(s.name)), s.weight(tx)
		for _, m := range ms {
			sum -= int64(len(b.Get(m.key)))
			if err := b.Delete(m.key); err != nil {
				return err
			}
		}
		return s.weigh(tx, sum)
	})
}

func (s shelf) weight(tx *bolt.Tx) int64 {
	if v := tx.Bucket([]byte(weights)).Get([]byte(s.name)); len(v) == 8 {
		return int64(binary.BigEndian.Uint64(v)) //nolint:gosec // weigh has put it there
	}
	return 0
}

func (s shelf) weigh(tx *bolt.Tx, sum int64) error {
	return tx.Bucket([]byte(weights)).Put([]byte(s.name), binary.BigEndian.AppendUint64(nil, uint64(max(sum, 0))))
}
