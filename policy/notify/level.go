package notify

import (
	"strconv"
	"time"
)

// Level is how much of a budget is spent, as far as users are told: 0, 80, 95 or 100 percent.
type Level int

// Spent is the last level.
const Spent Level = 100

// levelOf is the highest level that is reached. One that is spent has nothing left, however much it was.
func levelOf(s Standing) Level {
	switch percent := percentOf(s); {
	case s.Remaining <= 0:
		return Spent
	case percent >= 95:
		return 95
	case percent >= 80:
		return 80
	}
	return 0
}

// percentOf is rounded down, so that 100 means all of it. Amounts are milliseconds, bounded by the ledger: a hundred times one fits.
func percentOf(s Standing) int {
	return int(max(0, min(s.Used*100/max(s.Limit+s.Granted, 1), 100)))
}

// reached compares what was seen last with a standing. A level is only left for a higher one: what was used is given back
// with every lease's end, and whoever is told of 80 percent is not told again. fresh says that this is another window, that other
// than what was seen is granted in it, or that the budget has ceased to hold.
func reached(last mark, s Standing) (was, is mark, fresh bool) {
	if s.Gone {
		return last, mark{gone: true}, !last.gone
	}
	end := s.Resets
	if s.Rolling > 0 {
		end = last.resets
		if !s.At.Before(end) || levelOf(s) > last.level {
			end = s.At.Add(s.Rolling)
		}
	}
	if end.Before(last.resets) {
		return last, last, false // an answer that was overtaken
	}
	fresh = !end.Equal(last.resets) || s.Granted != last.granted
	if fresh {
		last = mark{}
	}
	return last, mark{end, s.Granted, max(last.level, levelOf(s)), false}, fresh
}

// levelKey is the text of a level.
func levelKey(l Level) string {
	if l == Spent {
		return "budget_spent"
	}
	return "budget_" + strconv.Itoa(int(l))
}

// Span is a time as people say it: "1 h 30 min", "6 min", "less than a minute".
type Span time.Duration

// String is rounded down: nobody is promised what is not there.
func (s Span) String() string {
	minutes := int64(time.Duration(s) / time.Minute)
	h, m := strconv.FormatInt(minutes/60, 10)+" h", strconv.FormatInt(minutes%60, 10)+" min"
	switch {
	case minutes < 1:
		return "less than a minute"
	case minutes < 60:
		return m
	case minutes%60 == 0:
		return h
	}
	return h + " " + m
}
