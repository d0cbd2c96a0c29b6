package provider

import (
	"testing"
	"time"
)

func TestGapsAreForgottenOldestFirst(t *testing.T) {
	var g gaps
	for i := range 10 * maxGaps { // a second heard, a second dropped, by turns
		g.drop(time.Duration(i+1)*time.Second, time.Second)
	}
	if len(g.points) != maxGaps || cap(g.points) > 2*maxGaps {
		t.Errorf("%d points, room for %d", len(g.points), cap(g.points))
	}
	last := time.Duration(10*maxGaps) * time.Second
	for _, back := range []time.Duration{0, 1, 10, maxGaps - 1} {
		at := last - back*time.Second + time.Second/2
		if got, want := g.shift(at), at.Truncate(time.Second); got != want {
			t.Errorf("shift(%v) = %v, want %v", at, got, want)
		}
	}
	if got, want := g.shift(0), last-maxGaps*time.Second; got != want {
		t.Errorf("what lies before all known gaps is shifted by %v, want %v", got, want)
	}
	if g.total() != last {
		t.Errorf("total %v", g.total())
	}
}

func TestMappedTimesKeepOrderAndLength(t *testing.T) {
	var g gaps
	for _, at := range []time.Duration{500, 510, 1000, 1015, 3000} {
		g.drop(at*time.Millisecond, 70*time.Millisecond)
	}
	for from := time.Duration(0); from < 4*time.Second; from += 3 * time.Millisecond {
		if g.from(from+3*time.Millisecond) < g.from(from) {
			t.Fatalf("from(%v) is later than what follows", from)
		}
		for _, length := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond, time.Second} {
			if got := g.to(from+length, from) - g.from(from); got < length || got > length+5*70*time.Millisecond {
				t.Fatalf("%v from %v became %v", length, from, got)
			}
		}
	}
}

func TestSecondsKeepTheirManner(t *testing.T) {
	for _, tc := range []struct {
		in   string
		add  time.Duration
		want string
	}{
		{"0", 0, "0"},
		{"1", time.Second, "2"},
		{"1", 1500 * time.Millisecond, "2.5"},
		{"1.0", time.Second, "2.0"},
		{"1.50", 20 * time.Millisecond, "1.52"},
		{"1.5", 10 * time.Microsecond, "1.50001"},
		{"25.933313", 10 * time.Second, "35.933313"},
		{"0.1234567891234", time.Second, "1.123456789"},
		{"9.999", time.Millisecond, "10.000"},
		{"1e1", 0, "10"},
		{"1.5E-1", time.Second, "1.15"},
		{"999999999.5", time.Second, "1000000000.5"},
	} {
		d, ok := seconds([]byte(tc.in))
		if got := string(appendSeconds(nil, d+tc.add, []byte(tc.in))); !ok || got != tc.want {
			t.Errorf("%s + %v = %s (%v), want %s", tc.in, tc.add, got, ok, tc.want)
		}
	}
	for _, in := range []string{"", "-1", "null", `"1"`, "1000000000", "99999999999999999999", "1e99", "NaN", "true", "1x", "."} {
		if d, ok := seconds([]byte(in)); ok {
			t.Errorf("%q was read as %v", in, d)
		}
	}
}
