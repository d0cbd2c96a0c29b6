package ledger

import (
	"context"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// export hands out what a store has. The streams that are open are closed for that, as after a
// crash, in a layer that is thrown away.
func (b book) export(ctx context.Context, store view, now time.Time, fn func(Entry) error) error {
	t := &stack{layers: []layer{{}}, disk: store}
	for n := -1; n != 0; {
		var err error
		if n, err = b.orphans(t, 1000, now); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		kind byte
		tell func(v view, k, raw []byte, now time.Time) (Entry, bool, error)
	}{
		{keyState, b.tellState},
		{keyBalance, b.tellBalance},
		{keyRolling, b.tellMinutes},
		{keyAudio, b.tellMinutes},
		{keySpeech, b.tellMinutes},
		{keyStream, b.tellReservation},
		{keyExpiry, b.tellSettled},
		{keyNote, b.tellNote},
		{keyReminder, b.tellReminder},
		{keyGifts, b.tellGifts},
		{keyGiftMark, b.tellGiftMark},
	} {
		err := t.scan([]byte{part.kind}, []byte{part.kind + 1}, func(k, raw []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			e, counts, err := part.tell(t, k, raw, now)
			if err != nil {
				return fmt.Errorf("record %q: %w", k, err)
			}
			if !counts {
				return nil
			}
			return fn(e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keyParts reads n strings of a key, and what is behind them.
func keyParts(k []byte, n int) (out []string, rest []byte, err error) {
	r := reader{b: k[1:]}
	for range n {
		out = append(out, r.text())
	}
	if r.bad {
		return nil, nil, errRecord
	}
	return out, r.b, nil
}

func (b book) tellState(_ view, k, raw []byte, _ time.Time) (Entry, bool, error) {
	p, _, err := keyParts(k, 1)
	if err != nil {
		return Entry{}, false, err
	}
	s, err := decodeState(raw)
	return Entry{State: &StateEntry{User: p[0], Version: s.Version, Data: s.Data}}, true, err
}

func (b book) tellBalance(_ view, k, raw []byte, now time.Time) (Entry, bool, error) {
	p, rest, err := keyParts(k, 2)
	if err != nil || len(rest) != 9 {
		return Entry{}, false, errRecord
	}
	x, err := decodeBalance(raw)
	unit, id := byteUnit(rest[0]), orderedAt(rest, 1)
	if err != nil || unit == "" {
		return Entry{}, false, errRecord
	}
	counts := unit != Rolling && x.Spent > 0 && windowEnd(unit, id, b.loc).Add(keepUsage).After(now)
	return Entry{Balance: &BalanceEntry{Budget: p[0], Owner: p[1], Unit: unit, Window: windowDate(unit, id), Spent: x.Spent}}, counts, nil
}

func (b book) tellMinutes(_ view, k, raw []byte, now time.Time) (Entry, bool, error) {
	names := 1
	if k[0] == keyRolling {
		names = 2
	}
	p, rest, err := keyParts(k, names)
	if err != nil || len(rest) != 8 {
		return Entry{}, false, errRecord
	}
	m, err := decodeMinutes(raw)
	h := orderedAt(rest, 0)
	hour, spent := time.Unix(h*3600, 0).UTC(), m.trimmed()
	counts := len(spent) > 0 && hourEnd(h).After(now)
	switch k[0] {
	case keySpeech:
		return Entry{Speech: &SpeechEntry{User: p[0], Hour: hour, Spoken: spent}}, counts, err
	case keyAudio:
		return Entry{Audio: &AudioEntry{User: p[0], Hour: hour, Forwarded: spent}}, counts, err
	}
	return Entry{Minutes: &MinutesEntry{Budget: p[0], Owner: p[1], Hour: hour, Spent: spent}}, counts, err
}

func (b book) tellReservation(_ view, k, raw []byte, _ time.Time) (Entry, bool, error) {
	p, _, err := keyParts(k, 1)
	if err != nil {
		return Entry{}, false, err
	}
	s, err := decodeStream(raw)
	if err != nil {
		return Entry{}, false, err
	}
	e := &ReservationEntry{
		Stream: p[0], User: s.User, Spent: s.Spent, Ceiling: s.Ceiling, Peak: s.Peak, Speech: s.Speech,
		Seen: s.seen().UTC(), Until: time.Unix(s.Until, 0).UTC(),
	}
	for _, h := range s.Holds {
		e.Holds = append(e.Holds, HoldEntry{h.Budget, h.Owner, h.Unit, windowDate(h.Unit, h.Window), h.Base, h.Granted})
	}
	return Entry{Reservation: e}, true, nil
}

// tellSettled reads the index of ends: a mark does not tell its own.
func (b book) tellSettled(v view, k, _ []byte, now time.Time) (Entry, bool, error) {
	if len(k) < 10 || k[9] != keySettled {
		return Entry{}, false, nil
	}
	end := time.Unix(orderedAt(k, 1), 0).UTC()
	mark := v.get(k[9:])
	if mark == nil || !end.After(now) {
		return Entry{}, false, nil
	}
	p, _, err := keyParts(k[9:], 1)
	if err != nil {
		return Entry{}, false, err
	}
	return Entry{Settled: &SettledEntry{Stream: p[0], User: markUser(mark), Until: end}}, true, nil
}

func (b book) tellNote(_ view, k, raw []byte, now time.Time) (Entry, bool, error) {
	p, _, err := keyParts(k, 1)
	if err != nil {
		return Entry{}, false, err
	}
	n, err := decodeNote(raw)
	value := append([]byte{}, n.value...)
	return Entry{Note: &NoteEntry{Key: []byte(p[0]), Value: value, Until: time.Unix(n.end, 0).UTC()}}, n.end > now.Unix(), err
}

func (b book) tellReminder(_ view, k, raw []byte, _ time.Time) (Entry, bool, error) {
	p, _, err := keyParts(k, 1)
	if err != nil {
		return Entry{}, false, err
	}
	r, err := decodeReminder(raw)
	return Entry{Reminder: &ReminderEntry{Key: []byte(p[0]), Value: append([]byte{}, r.value...), At: wholeSecond(r.due)}}, true, err
}

// Export is Mover.Export. The store stands still meanwhile.
func (m *Memory) Export(ctx context.Context, fn func(Entry) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return during("export", ErrClosed)
	}
	return during("export", m.book.export(ctx, &m.table, m.now(), fn))
}

// Export is Mover.Export. The store goes on meanwhile.
func (e *Embedded) Export(ctx context.Context, fn func(Entry) error) error {
	if err := e.Ping(ctx); err != nil { // then everything before is on the disk
		return during("export", err)
	}
	return during("export", e.db.View(func(tx *bolt.Tx) error {
		return e.book.export(ctx, boltTable{tx.Bucket([]byte(root))}, e.now(), fn)
	}))
}
