package ledger

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// Remind is Reminders.Remind.
func (m *Memory) Remind(ctx context.Context, key string, value []byte, at time.Time) error {
	if err := checkReminder(key, value, at); err != nil {
		return err
	}
	return m.do(ctx, "remind", func(t table, _ time.Time) error { return m.book.remind(t, key, reminder{at.UnixMicro(), value}) })
}

// Due is Reminders.Due.
func (m *Memory) Due(ctx context.Context, limit int, hold time.Duration) (out []Reminder, err error) {
	if err := checkHolding(hold); err != nil {
		return nil, err
	}
	err = m.do(ctx, "due", func(t table, now time.Time) error {
		out, err = m.book.due(t, checkLimit(limit), hold, now)
		return err
	})
	return out, err
}

// Forget is Reminders.Forget.
func (m *Memory) Forget(ctx context.Context, r Reminder) error {
	return m.do(ctx, "forget", func(t table, _ time.Time) error { return m.book.forget(t, r) })
}

// Remind is Reminders.Remind; it is on the disk when it returns.
func (e *Embedded) Remind(ctx context.Context, key string, value []byte, at time.Time) error {
	if err := checkReminder(key, value, at); err != nil {
		return err
	}
	value = slices.Clone(value) // the caller may leave before the write
	return e.write(ctx, "remind", func(t table, _ time.Time) error { return e.book.remind(t, key, reminder{at.UnixMicro(), value}) })
}

// Due is Reminders.Due. Where nothing is due it writes nothing.
func (e *Embedded) Due(ctx context.Context, limit int, hold time.Duration) ([]Reminder, error) {
	if err := checkHolding(hold); err != nil {
		return nil, err
	}
	found := false
	err := e.read(ctx, "due", func(v view) (err error) {
		found, err = e.book.anyDue(v, e.now())
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	var out []Reminder // the caller may leave before this is written, so it is not the result itself
	err = e.write(ctx, "due", func(t table, now time.Time) (err error) {
		out, err = e.book.due(t, checkLimit(limit), hold, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Forget is Reminders.Forget.
func (e *Embedded) Forget(ctx context.Context, r Reminder) error {
	return e.write(ctx, "forget", func(t table, _ time.Time) error { return e.book.forget(t, r) })
}

// Remind is Reminders.Remind.
func (r *Redis) Remind(ctx context.Context, key string, value []byte, at time.Time) error {
	if err := checkReminder(key, value, at); err != nil {
		return err
	}
	return r.do(ctx, "remind", func(ctx context.Context) error {
		return r.scripts.remind.Run(ctx, r.db, r.names.reminders(), "remind", key, value, at.UnixMicro()).Err()
	})
}

// Due is Reminders.Due.
func (r *Redis) Due(ctx context.Context, limit int, hold time.Duration) (out []Reminder, err error) {
	if err := checkHolding(hold); err != nil {
		return nil, err
	}
	err = r.do(ctx, "due", func(ctx context.Context) error {
		v, err := r.scripts.remind.Run(ctx, r.db, r.names.reminders(), "due", r.at(), checkLimit(limit), hold.Microseconds()).StringSlice()
		if err != nil {
			return err
		}
		out = make([]Reminder, 0, len(v)/2)
		for pair := range slices.Chunk(v, 2) {
			out = append(out, Reminder{pair[0], []byte(pair[1])})
		}
		return nil
	})
	return out, err
}

// Forget is Reminders.Forget.
func (r *Redis) Forget(ctx context.Context, x Reminder) error {
	return r.do(ctx, "forget", func(ctx context.Context) error {
		return r.scripts.remind.Run(ctx, r.db, r.names.reminders(), "forget", x.Key, x.Value).Err()
	})
}

// tellReminders hands out all of them.
func (r *Redis) tellReminders(ctx context.Context) (out []Entry, err error) {
	keys := r.names.reminders()
	due, err := r.db.ZRangeWithScores(ctx, keys[0], 0, -1).Result()
	if err != nil {
		return nil, err
	}
	values, err := r.db.HGetAll(ctx, keys[1]).Result()
	if err != nil {
		return nil, err
	}
	for _, z := range due {
		k, _ := z.Member.(string)
		value, ok := values[k]
		if !ok {
			return nil, errRecord
		}
		out = append(out, Entry{Reminder: &ReminderEntry{Key: []byte(k), Value: []byte(value), At: wholeSecond(int64(z.Score))}})
	}
	return out, nil
}

// takeReminder keeps one where none stands.
func (r *Redis) takeReminder(ctx context.Context, e *ReminderEntry) (word string, err error) {
	err = r.do(ctx, "import", func(ctx context.Context) error {
		n, err := r.scripts.remind.Run(ctx, r.db, r.names.reminders(), "take", e.Key, e.Value, strconv.FormatInt(e.At.UnixMicro(), 10)).Int64()
		if word = "kept"; n == 1 {
			word = "taken"
		}
		return err
	})
	return word, err
}
