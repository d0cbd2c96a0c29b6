package ledger

import (
	"errors"
	"time"
)

// Rolling sums are kept in minutes, an hour to a record, for 8 days. A minute
// counts as long as any part of it lies inside the window: what was spent is
// remembered for the window's length and up to 60 s more, never less.

func minuteOf(at time.Time) int64 { return floorDiv(at.Unix(), 60) }

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

// firstMinute is the oldest that counts in the window that ends at now.
func firstMinute(now time.Time, length time.Duration) int64 { return minuteOf(now.Add(-length)) }

// addMinute adds ms at an instant.
func addMinute(t table, s series, at time.Time, ms int64) error {
	if ms == 0 {
		return nil
	}
	minute := minuteOf(at)
	h := floorDiv(minute, 60)
	return addHour(t, s, h, func(m *minutes) { m[minute-h*60] = plus(m[minute-h*60], ms) })
}

// addHour changes the minutes of an hour.
func addHour(t table, s series, h int64, add func(*minutes)) error {
	k := s.hour(h)
	old := t.get(k)
	m, err := decodeMinutes(old)
	if err != nil {
		return err
	}
	add(&m)
	if old == nil {
		if err := expireAt(t, k, hourEnd(h)); err != nil {
			return err
		}
	}
	return t.put(k, m.encode())
}

// hourEnd is when an hour's minutes are in no window any more.
func hourEnd(h int64) time.Time { return time.Unix((h+1)*3600, 0).Add(keepUsage + bucket) }

// sumMinutes adds up from the minute first on, later hours than now's included:
// after the clock jumped back they are the only trace of what was spent. oldest
// is the first minute that holds something.
func sumMinutes(v view, s series, first int64) (sum, oldest int64, found bool, err error) {
	to := append(append([]byte{}, s...), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	err = v.scan(s.hour(floorDiv(first, 60)), to, func(k, b []byte) error {
		if len(k) != len(s)+8 {
			return errRecord
		}
		m, err := decodeMinutes(b)
		if err != nil {
			return err
		}
		h := orderedAt(k, len(s))
		for i, n := range m {
			minute := h*60 + int64(i)
			if n == 0 || minute < first {
				continue
			}
			sum = plus(sum, n)
			if !found || minute < oldest {
				oldest, found = minute, true
			}
		}
		return nil
	})
	return sum, oldest, found, err
}

// sweep deletes at most n records whose time is over. It
// runs with the writes, so that a store grows with what is in use and with
// nothing else, and never has to stop for cleaning.
func sweep(t table, now time.Time, n int) error {
	var due [][]byte
	enough := errors.New("enough")
	err := t.scan([]byte{keyExpiry}, appendOrdered([]byte{keyExpiry}, now.Unix()), func(k, _ []byte) error {
		if due = append(due, append([]byte{}, k...)); len(due) >= n {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return err
	}
	for _, k := range due {
		if err := t.delete(k[9:]); err != nil {
			return err
		}
		if err := t.delete(k); err != nil {
			return err
		}
	}
	return nil
}
