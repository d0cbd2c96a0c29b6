package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"
)

const (
	// importStep is how many entries one transaction takes.
	importStep = 250
	// keepImport is how long an import is remembered: until no amount in it counts any more. A month,
	// eight days, and the clock's mistakes.
	keepImport = 60 * 24 * time.Hour
)

// taker imports entries a part at a time. With each part, in the same transaction, goes the
// number of entries taken so far: a repeated import, or one that goes on after a crash, passes by what is there.
type taker struct {
	book  book
	id    string
	merge bool
	do    func(ctx context.Context, op string, fn func(t table, now time.Time) error) error

	done  int64 // taken, by this or an earlier import
	count Imported
}

func (k *taker) run(ctx context.Context, entries iter.Seq2[Entry, error]) (Imported, error) {
	if err := checkImport(k.id); err != nil {
		return Imported{}, err
	}
	if err := k.do(ctx, "import", k.begin); err != nil {
		return Imported{}, err
	}
	k.count.Before = k.done
	err := inParts(entries, k.done, func(part []Entry) error { return k.commit(ctx, part) })
	return k.count, err
}

// inParts checks the entries behind the first done and hands them on, importStep at a time. What it hands on is its own.
func inParts(entries iter.Seq2[Entry, error], done int64, take func(part []Entry) error) error {
	var part []Entry
	at := int64(0)
	for e, err := range entries {
		if err != nil {
			return err
		}
		if at++; at <= done {
			continue
		}
		if err := e.Validate(); err != nil {
			return fmt.Errorf("import: entry %d: %w", at, err)
		}
		if part = append(part, e); len(part) == importStep {
			if err := take(part); err != nil {
				return err
			}
			part = part[:0]
		}
	}
	if len(part) == 0 {
		return nil
	}
	return take(part)
}

func checkImport(id string) error {
	if id == "" || len(id) > maxName {
		return fmt.Errorf("%w: import id of %d bytes", ErrInvalid, len(id))
	}
	return nil
}

// begin finds out how far the import is, and refuses what would be added to a stranger's.
func (k *taker) begin(t table, _ time.Time) error {
	raw := t.get(key(keyImport, k.id))
	if raw == nil {
		if k.merge {
			return nil
		}
		return empty(t)
	}
	r := newReader(raw)
	k.done = r.amount()
	return r.end()
}

// empty is nil as long as nobody has spent, or decided, anything.
func empty(v view) error {
	for _, kind := range []byte{keyStream, keyBalance, keyRolling, keyAudio, keySpeech, keyState, keyGifts} {
		if err := v.scan([]byte{kind}, []byte{kind + 1}, func(_, _ []byte) error { return ErrNotEmpty }); err != nil {
			return err
		}
	}
	return nil
}

func (k *taker) commit(ctx context.Context, part []Entry) error {
	var count Imported
	err := k.do(ctx, "import", func(t table, now time.Time) error {
		count = k.count // a transaction may run again
		for i, e := range part {
			kept, over, err := k.book.take(t, e, now)
			if err != nil {
				return fmt.Errorf("entry %d: %w", k.done+int64(i)+1, err)
			}
			count.Taken++
			if kept {
				count.Kept++
			}
			if over {
				count.Over++
			}
		}
		progress := key(keyImport, k.id)
		if t.get(progress) == nil {
			if err := expireAt(t, progress, now.Add(keepImport)); err != nil {
				return err
			}
		}
		return t.put(progress, binary.AppendVarint([]byte{recordVersion}, k.done+int64(len(part))))
	})
	if err != nil {
		return err
	}
	k.count, k.done = count, k.done+int64(len(part))
	return nil
}

// take adds one entry. kept says that the store's own record stays, over that nothing counts the
// entry any more.
func (b book) take(t table, e Entry, now time.Time) (kept, over bool, err error) {
	switch {
	case e.State != nil:
		return b.takeState(t, e.State)
	case e.Balance != nil:
		return b.takeBalance(t, e.Balance, now)
	case e.Minutes != nil:
		return takeMinutes(t, rollingSeries(e.Minutes.Budget, e.Minutes.Owner), e.Minutes.Hour, e.Minutes.Spent, now)
	case e.Audio != nil:
		return takeMinutes(t, audioSeries(e.Audio.User), e.Audio.Hour, e.Audio.Forwarded, now)
	case e.Speech != nil:
		return takeMinutes(t, speechSeries(e.Speech.User), e.Speech.Hour, e.Speech.Spoken, now)
	case e.Reservation != nil:
		return b.takeReservation(t, e.Reservation, now)
	case e.Settled != nil:
		return takeSettled(t, e.Settled, now)
	case e.Note != nil:
		return b.takeNote(t, e.Note, now)
	case e.Reminder != nil:
		return b.takeReminder(t, e.Reminder)
	case e.Granted != nil:
		return b.takeGifts(t, e.Granted, now)
	case e.Grant != nil:
		return b.takeGiftMark(t, e.Grant, now)
	}
	return false, false, ErrInvalid
}

func (b book) takeState(t table, e *StateEntry) (kept, over bool, err error) {
	k := key(keyState, e.User)
	if t.get(k) != nil {
		return true, false, nil
	}
	return false, false, t.put(k, encodeState(State{Version: e.Version, Data: e.Data}))
}

func (b book) takeBalance(t table, e *BalanceEntry, now time.Time) (kept, over bool, err error) {
	id, err := parseWindowID(e.Unit, e.Window)
	if err != nil {
		return false, false, err
	}
	if !windowEnd(e.Unit, id, b.loc).Add(keepUsage).After(now) {
		return false, true, nil
	}
	return false, false, b.move(t, hold{Budget: e.Budget, Owner: e.Owner, Unit: e.Unit, Window: id}, e.Spent, 0, now)
}

func takeMinutes(t table, s series, at time.Time, amounts []int64, now time.Time) (kept, over bool, err error) {
	h := floorDiv(at.Unix(), 3600)
	if !hourEnd(h).After(now) {
		return false, true, nil
	}
	return false, false, addHour(t, s, h, func(m *minutes) {
		for i, n := range amounts {
			m[i] = plus(m[i], n)
		}
	})
}

func (b book) takeReservation(t table, e *ReservationEntry, now time.Time) (kept, over bool, err error) {
	k := key(keyStream, e.Stream)
	if t.get(k) != nil || t.get(key(keySettled, e.Stream)) != nil {
		return true, false, nil
	}
	s := stream{User: e.User, Spent: e.Spent, Ceiling: e.Ceiling, Peak: e.Peak, Seen: e.Seen.Unix(), Until: e.Until.Unix(), Speech: e.Speech}
	for _, x := range e.Holds {
		id, err := parseWindowID(x.Unit, x.Window)
		if err != nil {
			return false, false, err
		}
		h := hold{Budget: x.Budget, Owner: x.Owner, Unit: x.Unit, Window: id, Base: x.Base, Granted: x.Granted}
		if err := b.move(t, h, 0, h.Base+h.Granted-s.Spent, now); err != nil {
			return false, false, err
		}
		s.Holds = append(s.Holds, h)
	}
	if s.Until <= now.Unix() { // nobody came in time
		spent, speech := s.unsettled()
		return false, true, b.close(t, e.Stream, s, spent, speech, s.seen(), now)
	}
	return false, false, errors.Join(t.put(k, s.encode()), t.put(lapseKey(s.Until, e.Stream), []byte{}))
}

func takeSettled(t table, e *SettledEntry, now time.Time) (kept, over bool, err error) {
	k := key(keySettled, e.Stream)
	switch {
	case t.get(k) != nil || t.get(key(keyStream, e.Stream)) != nil:
		return true, false, nil
	case !e.Until.After(now):
		return false, true, nil
	}
	return false, false, errors.Join(expireAt(t, k, e.Until), t.put(k, mark(e.User)))
}

func (b book) takeNote(t table, e *NoteEntry, now time.Time) (kept, over bool, err error) {
	old, err := b.noted(t, string(e.Key), now)
	switch {
	case err != nil:
		return false, false, err
	case old != nil:
		return true, false, nil
	case !e.Until.After(now):
		return false, true, nil
	}
	return false, false, b.note(t, string(e.Key), e.Value, e.Until)
}

func (b book) takeReminder(t table, e *ReminderEntry) (kept, over bool, err error) {
	if t.get(key(keyReminder, string(e.Key))) != nil {
		return true, false, nil
	}
	return false, false, b.remind(t, string(e.Key), reminder{e.At.UnixMicro(), e.Value})
}

// Import is Mover.Import.
func (m *Memory) Import(ctx context.Context, id string, merge bool, entries iter.Seq2[Entry, error]) (Imported, error) {
	k := taker{book: m.book, id: id, merge: merge, do: m.do}
	return k.run(ctx, entries)
}

// Import is Mover.Import; each part is on the disk before the next one is read.
func (e *Embedded) Import(ctx context.Context, id string, merge bool, entries iter.Seq2[Entry, error]) (Imported, error) {
	k := taker{book: e.book, id: id, merge: merge, do: e.write}
	return k.run(ctx, entries)
}
