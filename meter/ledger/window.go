package ledger

import "time"

// windowID names the calendar window in which at lies: the civil date of its
// first day, as yyyymmdd. A date and not an instant, so that days of 23 and 25
// hours, and a restart with another zone, find the balance of the same day.
func windowID(u Unit, at time.Time, loc *time.Location) int64 {
	if u == Rolling {
		return 0
	}
	y, m, d := at.In(loc).Date()
	switch u {
	case Week:
		day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		sinceMonday := int(day.Weekday()+6) % 7
		y, m, d = day.AddDate(0, 0, -sinceMonday).Date()
	case Month:
		d = 1
	case Day, Rolling:
	}
	return int64(y)*10_000 + int64(m)*100 + int64(d)
}

// windowEnd is the first instant after the calendar window.
func windowEnd(u Unit, id int64, loc *time.Location) time.Time {
	y, m, d := int(id/10_000), time.Month(id/100%100), int(id%100)
	switch u {
	case Week:
		d += 7
	case Month:
		m++
	case Day, Rolling:
		d++
	}
	return midnight(y, m, d, loc)
}

// midnight is the first instant of a civil date. time.Date alone may answer with
// the day before where clocks jump over midnight (Beirut), and with the second
// of two midnights where they repeat it (Havana).
func midnight(y int, m time.Month, d int, loc *time.Location) time.Time {
	utc := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	first := time.Time{}
	for _, near := range []time.Duration{-36 * time.Hour, 36 * time.Hour} {
		_, offset := utc.Add(near).In(loc).Zone()
		t := utc.Add(-time.Duration(offset) * time.Second).In(loc)
		if civil(t).Before(utc) {
			// In the gap: the day begins when the zone's next offset does.
			if _, t = t.ZoneBounds(); t.IsZero() {
				continue
			}
		}
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	return first
}

// civil is t's date, as midnight UTC.
func civil(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
