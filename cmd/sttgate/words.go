package main

import (
	"fmt"
	"strconv"
	"time"
)

// spanWords, countWords and microWords write a figure as the dashboard does: 4.0 s, 7 min 01 s, 1 h 02 min; 12,345; 2.5 ms.
func spanWords(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	h, m, s := int64(d/time.Hour), int64(d/time.Minute)%60, int64(d/time.Second)%60
	switch {
	case ms < 0:
		return "−" + spanWords(-ms)
	case d < time.Minute:
		return fmt.Sprintf("%d.%d s", s, ms/100%10)
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", m, s)
	case d < 100*time.Hour:
		return fmt.Sprintf("%d h %02d min", h, m)
	}
	return fmt.Sprintf("%s d %d h", countWords(h/24), h%24)
}

func countWords(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func microWords(us int64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%d µs", us)
	case us < 10_000:
		return fmt.Sprintf("%.1f ms", float64(us)/1000)
	case us < 1_000_000:
		return fmt.Sprintf("%d ms", (us+500)/1000)
	}
	return fmt.Sprintf("%.1f s", float64(us)/1e6)
}
