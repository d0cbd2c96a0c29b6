package ledgertest

import (
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func windows(t *testing.T, open Open) {
	t.Helper()
	t.Run("a day ends at local midnight", func(t *testing.T) { midnights(t, open) })
	t.Run("windows end when the calendar says", func(t *testing.T) { ends(t, open) })
	cases(t, open, map[string]func(d desk){
		"a day change inside a stream buys from the new day": func(d desk) {
			d.Set(time.Date(2026, 11, 23, 23, 59, 58, 0, time.UTC))
			d.lease("a", 5000, 0, 5000, day(6000))
			d.lease("b", 5000, 0, 1000, day(6000))
			d.Add(4 * time.Second)
			d.used(0, day(6000))
			d.lease("a", 8000, 3000, 8000, day(6000)) // 2000 of yesterday's lease were in hand
			d.used(5000, day(6000))
			d.Add(-4 * time.Second)
			d.Add(24 * time.Hour)
			d.settle("a", 8000)
			d.Add(24 * time.Hour)
			d.used(0, day(6000))
		},
		"yesterday keeps what was spent yesterday": func(d desk) {
			d.Set(time.Date(2026, 11, 23, 23, 59, 58, 0, time.UTC))
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.Add(4 * time.Second)
			d.lease("a", 8000, 3000, 8000, day(60_000))
			d.settle("a", 7000)
			d.used(4000, day(60_000))
			week := scope("daily", ledger.Week, 60_000)
			d.used(0, week)
			d.audio(7000, time.Hour)
			d.Add(-time.Hour) // a clock that is wrong by an hour stays in the day that was begun
			d.used(4000, day(60_000))
			d.Add(-24 * time.Hour) // one that was wrong by more goes back, and finds the old day as it was left
			d.used(3000, day(60_000))
		},
		"a settle after midnight is charged to the day that it was bought in": func(d desk) {
			d.Set(time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC))
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.Add(2 * time.Second)
			d.settle("a", 2000)
			d.used(0, day(60_000))
		},
		"an empty new day stops a stream at once": func(d desk) {
			d.Set(time.Date(2026, 11, 23, 23, 59, 58, 0, time.UTC))
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.Add(4 * time.Second)
			d.lease("x", 2000, 0, 2000, day(2000))
			d.lease("a", 8000, 3000, 3000, day(2000))
		},
		"a clock that goes back does not open the old day for a stream": func(d desk) {
			d.Set(time.Date(2026, 11, 24, 0, 0, 5, 0, time.UTC))
			d.lease("a", 5000, 0, 3000, day(3000))
			d.Add(-10 * time.Second)
			d.lease("a", 9000, 3000, 3000, day(3000))
			d.Add(-30 * 24 * time.Hour)
			d.lease("a", 9000, 3000, 3000, day(3000))
		},
		"a clock that goes back does not open the old day for anyone": func(d desk) {
			d.Set(time.Date(2026, 11, 24, 0, 0, 5, 0, time.UTC))
			d.lease("a", 5000, 0, 3000, day(3000))
			d.settle("a", 3000)
			d.Add(-10 * time.Second)
			d.lease("b", 5000, 0, 0, day(3000))
			d.used(3000, day(3000))
		},
		"a clock that was a month ahead does not hold the windows there": func(d desk) {
			d.Add(30 * 24 * time.Hour)
			d.lease("a", 5000, 0, 3000, day(3000))
			d.settle("a", 3000)
			d.Add(-30 * 24 * time.Hour)
			d.lease("b", 5000, 0, 3000, day(3000))
		},
		"a week and a month outlive the day": func(d desk) {
			week, month := scope("w", ledger.Week, 60_000), scope("m", ledger.Month, 60_000)
			d.lease("a", 5000, 0, 5000, day(60_000), week, month)
			d.settle("a", 5000)
			d.Add(24 * time.Hour) // Tuesday
			d.used(0, day(60_000))
			d.used(5000, week)
			d.used(5000, month)
			d.Add(6 * 24 * time.Hour) // Monday, the 30th
			d.used(0, week)
			d.used(5000, month)
			d.Add(24 * time.Hour) // the 1st
			d.used(0, month)
		},
		"a stream that lasts for days pays each day for itself": func(d desk) {
			spent := int64(0)
			for range 72 {
				d.lease("a", spent+1000, spent, spent+1000, day(24_000))
				spent += 1000
				d.Add(time.Hour)
			}
			d.lease("a", spent, spent, spent, day(24_000))
			d.settle("a", spent)
			d.audio(72_000, 4*24*time.Hour)
		},
	})
}

// midnights walks over days of odd length. The zone's own dates are the truth: a
// balance resets at the first instant of another date, and not before.
func midnights(t *testing.T, open Open) {
	t.Helper()
	for _, c := range []struct {
		zone  string
		date  string
		hours int // of that date
	}{
		{"UTC", "2026-11-23", 24},
		{"Asia/Kolkata", "2026-11-23", 24},
		{"Europe/Berlin", "2026-03-29", 23},
		{"Europe/Berlin", "2026-10-25", 25},
		{"America/New_York", "2026-11-01", 25},
		{"Asia/Beirut", "2022-03-27", 23},    // 00:00 does not exist
		{"America/Havana", "2025-11-02", 25}, // 00:00 exists twice
		{"Pacific/Apia", "2011-12-29", 24},   // the 30th does not exist
	} {
		t.Run(c.zone+" "+c.date, func(t *testing.T) {
			loc := zone(t, c.zone)
			at, err := time.ParseInLocation("2006-01-02 15:04", c.date+" 12:00", loc)
			if err != nil {
				t.Fatal(err)
			}
			begin, end := edge(at, -time.Minute), edge(at, time.Minute)
			if begin, end = begin.Add(time.Minute), end.Add(0); end.Sub(begin) != time.Duration(c.hours)*time.Hour {
				t.Fatalf("the zone's data has a day of %v", end.Sub(begin))
			}
			d := newDesk(t, open, begin.Add(-time.Second), loc)
			d.lease("a", 5000, 0, 5000, day(60_000))
			d.Set(begin)
			d.lease("a", 7000, 4000, 7000, day(60_000))
			for at := begin; at.Before(end); at = at.Add(29 * time.Minute) {
				d.Set(at)
				if b := d.used(3000, day(60_000)); !b.Resets.Equal(end) {
					t.Fatalf("at %v: resets %v, want %v", at, b.Resets, end.In(loc))
				}
			}
			d.Set(end.Add(-time.Nanosecond))
			d.used(3000, day(60_000))
			d.Set(end)
			d.used(0, day(60_000))
			d.lease("a", 9000, 5000, 9000, day(60_000))
			d.used(4000, day(60_000))
			d.Set(end.Add(-time.Second))
			d.settle("a", 6000)
			d.Set(end)
			d.used(1000, day(60_000))
		})
	}
}

// edge walks from at in steps, until the date is another one.
func edge(at time.Time, step time.Duration) time.Time {
	y, m, d := at.Date()
	for {
		at = at.Add(step)
		if y2, m2, d2 := at.Date(); y2 != y || m2 != m || d2 != d {
			return at
		}
	}
}

func ends(t *testing.T, open Open) {
	t.Helper()
	loc := zone(t, "Europe/Berlin")
	date := func(m time.Month, d int) time.Time { return time.Date(2026, m, d, 0, 0, 0, 0, loc) }
	for _, c := range []struct {
		name string
		at   time.Time
		unit ledger.Unit
		want time.Time
	}{
		{"a week that begins on this Monday", date(11, 23), ledger.Week, date(11, 30)},
		{"a week on its Sunday", date(11, 29).Add(23 * time.Hour), ledger.Week, date(11, 30)},
		{"a week with a short day", date(3, 28), ledger.Week, date(3, 30)},
		{"a week over the year's end", date(12, 31), ledger.Week, date(12, 35)},
		{"a month", date(2, 1), ledger.Month, date(3, 1)},
		{"a month on its last day", date(10, 31).Add(23 * time.Hour), ledger.Month, date(11, 1)},
		{"December", date(12, 31), ledger.Month, date(13, 1)},
		{"the year's last day", date(12, 31), ledger.Day, date(13, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, open, c.at, loc)
			s := scope("b", c.unit, 60_000)
			d.lease("a", 5000, 0, 5000, s)
			d.settle("a", 5000)
			if b := d.used(5000, s); !b.Resets.Equal(c.want) {
				t.Fatalf("resets %v, want %v", b.Resets, c.want)
			}
			d.Set(c.want.Add(-time.Nanosecond))
			d.used(5000, s)
			d.Set(c.want)
			d.used(0, s)
		})
	}
}
