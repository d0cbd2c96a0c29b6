package ledger

import (
	"errors"
	"fmt"
	"time"
)

// lapseStep bounds the kept grants that one settle closes for others.
const lapseStep = 4

// lapseKey is the index of a kept grant.
func lapseKey(until int64, stream string) []byte {
	return append(appendOrdered([]byte{keyLapse}, until), stream...)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// keep makes a stream's grant one that outlives its process, where the request says so. The
// stream forwards nothing any more, so that its ceiling may come down to what is asked: that is
// what it is charged if nobody settles it.
func (b book) keep(t table, s *stream, r Request, now time.Time) error {
	if r.Keep == 0 {
		return nil
	}
	most := max(min(s.Ceiling, r.Ceiling), s.Spent)
	for i := range s.Holds {
		h := &s.Holds[i]
		less := h.Base + h.Granted - max(most, h.Base)
		if less <= 0 {
			continue
		}
		if err := b.move(t, *h, 0, -less, now); err != nil {
			return err
		}
		h.Granted -= less
	}
	s.Ceiling, s.Peak = most, most
	if s.Until != 0 {
		if err := t.delete(lapseKey(s.Until, r.Stream)); err != nil {
			return err
		}
	}
	s.Until = now.Add(r.Keep).Unix()
	return t.put(lapseKey(s.Until, r.Stream), []byte{})
}

// lapse charges the kept grants whose time is over, a few at a time, with the settles of others:
// a store that is in use needs no clock of its own.
func (b book) lapse(t table, now time.Time) error {
	var due []string
	enough := errors.New("enough")
	err := t.scan([]byte{keyLapse}, appendOrdered([]byte{keyLapse}, now.Unix()+1), func(k, _ []byte) error {
		if due = append(due, string(k[9:])); len(due) >= lapseStep {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return err
	}
	for _, id := range due {
		raw := t.get(key(keyStream, id))
		if raw == nil {
			continue
		}
		s, err := decodeStream(raw)
		if err != nil {
			return fmt.Errorf("stream %q: %w", id, err)
		}
		spent, speech := s.unsettled()
		if err := b.close(t, id, s, spent, speech, s.seen(), now); err != nil {
			return err
		}
	}
	return nil
}
