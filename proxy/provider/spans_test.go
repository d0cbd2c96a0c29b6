package provider

import (
	"testing"
	"time"
)

// TestSpansOfADayStayBounded adds a day of words of two channels that lag behind each other, and now
// and then one that comes far too late, or lies far ahead.
func TestSpansOfADayStayBounded(t *testing.T) {
	var s spans
	const word = 400 * time.Millisecond
	for at := time.Duration(0); at < 24*time.Hour; at += 10 * time.Second {
		for channel := range 2 {
			from := at + time.Duration(channel)*100*time.Millisecond
			for i := range 10 {
				w := from + time.Duration(i)*time.Second
				s.add(w, w+word) // 500 ms in a second, of both
			}
		}
		s.add(0, word) // counted in the first second
		if len(s.open) > maxSpans || cap(s.open) > 4*maxSpans {
			t.Fatalf("%d spans of %d at %v", len(s.open), cap(s.open), at)
		}
	}
	if got, want := s.total(), 12*time.Hour; got != want {
		t.Fatalf("%v, want %v", got, want)
	}
	s.add(30*365*24*time.Hour, 30*365*24*time.Hour+word)
	s.add(24*time.Hour, 24*time.Hour+word)
	if got, want := s.total(), 12*time.Hour+2*word; got != want {
		t.Fatalf("%v, want %v", got, want)
	}
}

func TestAUnionTakesSpansInAnyOrder(t *testing.T) {
	for _, c := range []struct {
		all  []span
		want time.Duration
	}{
		{nil, 0},
		{[]span{{5, 7}, {0, 2}}, 4},
		{[]span{{5, 7}, {0, 6}, {6, 9}, {1, 2}}, 9},
		{[]span{{3, 3}, {9, 4}, {4, 5}}, 1},
	} {
		if got := union(c.all); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}
