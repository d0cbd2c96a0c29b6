package provider

import (
	"cmp"
	"slices"
	"time"
)

// spans is a union of times in a stream, such as the words of its final results.
// Results come nearly in order, so that nearly all of it is one sum: what lies
// safely behind the newest time is folded into closed. What comes later than that, and
// begins before the fold, counts from there on: it cannot be told from what was counted.
type spans struct {
	closed time.Duration // length of everything before open
	open   []span        // ordered, apart from each other
	folded time.Duration // end of what was folded; later additions before it are cut
}

type span struct{ from, to time.Duration }

// maxSpans bounds what is kept apart, to 2 KiB: words of several channels or speakers may
// overlap within a few results, each of some ten words, not further back.
const maxSpans = 128

// add unites a span with what is there. A span that ends before it begins is nothing.
func (s *spans) add(from, to time.Duration) {
	from = max(from, s.folded)
	if to <= from {
		return
	}
	first, _ := slices.BinarySearchFunc(s.open, from, func(o span, t time.Duration) int { return cmp.Compare(o.to, t) })
	last := first
	for last < len(s.open) && s.open[last].from <= to {
		from, to = min(from, s.open[last].from), max(to, s.open[last].to)
		last++
	}
	s.open = slices.Replace(s.open, first, last, span{from, to})
	if len(s.open) > maxSpans {
		s.fold(len(s.open) / 2)
	}
}

// fold sums the oldest n spans.
func (s *spans) fold(n int) {
	for _, o := range s.open[:n] {
		s.closed += o.to - o.from
		s.folded = o.to
	}
	s.open = slices.Delete(s.open, 0, n)
}

// total is the length of the union.
func (s *spans) total() time.Duration {
	sum := s.closed
	for _, o := range s.open {
		sum += o.to - o.from
	}
	return sum
}

// union is the length of spans in any order: a whole answer's, channel by channel.
func union(all []span) (sum time.Duration) {
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	end := time.Duration(0)
	for _, o := range all {
		if from := max(o.from, end); o.to > from {
			sum += o.to - from
			end = o.to
		}
	}
	return sum
}
