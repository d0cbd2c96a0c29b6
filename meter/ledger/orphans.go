package ledger

import (
	"errors"
	"fmt"
	"time"
)

// orphans closes at most n streams that a dead process left, and reports how
// many. What such a stream may have forwarded is what it was granted: all of it
// is charged, at most one slice too much; of its speech what it told last stands. The
// charge goes to the minute of the last lease; a later replay finds the stream settled.
func (b book) orphans(t table, n int, now time.Time) (int, error) {
	type orphan struct {
		id string
		s  stream
	}
	var found []orphan
	enough := errors.New("enough")
	err := t.scan([]byte{keyStream}, []byte{keyStream + 1}, func(k, v []byte) error {
		r := reader{b: k[1:]}
		id := r.text()
		s, err := decodeStream(v)
		if err != nil || r.end() != nil {
			return fmt.Errorf("stream %q: %w", id, errRecord)
		}
		if s.Until > now.Unix() { // somebody will come with its price
			return nil
		}
		if found = append(found, orphan{id, s}); len(found) >= n {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return 0, err
	}
	for _, o := range found {
		spent, speech := o.s.unsettled()
		if err := b.close(t, o.id, o.s, spent, speech, o.s.seen(), now); err != nil {
			return 0, err
		}
	}
	return len(found), nil
}
