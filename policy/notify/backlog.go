package notify

import (
	"encoding/json"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Backlog is what waits for one sink.
type Backlog struct {
	Sink   string
	Bytes  int64     // of Options.MaxBytes
	Oldest time.Time // when the message was made that goes out next; zero where none waits
}

// Backlogs tells what waits, for each sink that is configured. It is empty where the outbox is closed or cannot be read.
func (o *Outbox) Backlogs() []Backlog {
	var out []Backlog
	err := o.db.View(func(tx *bolt.Tx) error {
		for name, q := range o.queues {
			b := Backlog{Sink: name, Bytes: q.shelf.weight(tx)}
			var first entry
			if _, v := tx.Bucket([]byte(name)).Cursor().First(); v != nil && json.Unmarshal(v, &first) == nil {
				b.Oldest = first.At
			}
			out = append(out, b)
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return out
}
