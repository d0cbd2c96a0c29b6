package simulate

import (
	"fmt"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// series is a user's use by the minute, with a running sum for each rolling window.
type series struct {
	minutes []bucket
	windows []window
}

type bucket struct{ minute, ms int64 }

type window struct {
	minutes int64 // how long
	from    int   // the first bucket inside
	sum     int64
}

func newSeries(lengths []time.Duration) series {
	var s series
	for _, l := range lengths {
		s.windows = append(s.windows, window{minutes: int64(l / time.Minute)})
	}
	return s
}

// add books ms at a time that is not before the last one.
func (s *series) add(at time.Time, ms int64) {
	minute := at.Unix() / 60
	if n := len(s.minutes); n > 0 && s.minutes[n-1].minute == minute {
		s.minutes[n-1].ms += ms
	} else {
		s.minutes = append(s.minutes, bucket{minute, ms})
	}
	for i := range s.windows {
		s.windows[i].sum += ms
	}
}

// sum is the use within the i-th window that ends at a time. A minute counts until all of it has left the window, as in the ledger.
func (s *series) sum(i int, at time.Time) int64 {
	w, first := &s.windows[i], at.Unix()/60-s.windows[i].minutes
	for w.from < len(s.minutes) && s.minutes[w.from].minute < first {
		w.sum -= s.minutes[w.from].ms
		w.from++
	}
	return w.sum
}

// calendar tells windows of days, weeks and months apart. It is asked in time's order, so that a day is found once.
type calendar struct {
	loc        *time.Location
	until      time.Time // the day's end
	day, month string
	week       string
}

func (c *calendar) at(t time.Time) {
	if t.Before(c.until) {
		return
	}
	t = t.In(c.loc)
	y, m, d := t.Date()
	c.until = time.Date(y, m, d+1, 0, 0, 0, 0, c.loc)
	monday := time.Date(y, m, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, c.loc)
	c.day, c.month, c.week = fmt.Sprintf("%d-%d-%d", y, m, d), fmt.Sprintf("%d-%d", y, m), monday.Format(time.DateOnly)
}

// id names the window of a unit that now is in.
func (c *calendar) id(unit string) string {
	switch unit {
	case policy.UnitDay:
		return c.day
	case policy.UnitWeek:
		return c.week
	}
	return c.month
}

// purse is one balance.
type purse struct {
	window string // of the calendar; a new one begins at nothing
	used   int64
	last   series // of a rolling one
}

// left is what a budget has at a time.
func (p *purse) left(b *budget, c *calendar, at time.Time) int64 {
	if b.unit == policy.UnitRolling {
		return max(b.limit-p.last.sum(0, at), 0)
	}
	if id := c.id(b.unit); p.window != id {
		p.window, p.used = id, 0
	}
	return max(b.limit-p.used, 0)
}

func (p *purse) spend(b *budget, at time.Time, ms int64) {
	if b.unit == policy.UnitRolling {
		p.last.add(at, ms)
		return
	}
	p.used += ms
}

// budget is one of the rules', made ready.
type budget struct {
	policy.Budget
	unit   string
	length time.Duration
	limit  int64
}
