package provider

import "time"

// maxDepth bounds the recursion into a message; real ones nest six deep.
const maxDepth = 16

// shiftTimes appends the message with its times mapped to the client's clock.
// Everything else stays as it is: unknown members, their order, white space.
//
//	Results        start, duration, words[].start/end
//	UtteranceEnd   last_word_end
//	SpeechStarted  timestamp
//	TurnInfo       audio_window_start/end, words[].start/end
func shiftTimes(dst, msg []byte, g *gaps) []byte { return shiftObject(dst, msg, g, 0) }

func shiftObject(dst, b []byte, g *gaps, depth int) []byte {
	t := readTimes(b, depth == 0)
	done := 0
	for o := members(b); o.next(); {
		end := o.at + len(o.val)
		var now time.Duration
		switch role := timeRole(o.key, depth == 0); {
		case role == begins && t.hasFrom:
			now = g.from(t.from)
		case role == ends && t.hasTo:
			now = t.end(g)
		case role == lasts && t.hasFrom && t.hasDur:
			now = g.to(t.from+t.dur, t.from) - g.from(t.from)
		case role == none && depth < maxDepth:
			dst = append(dst, b[done:o.at]...)
			dst = shiftValue(dst, o.val, g, depth+1)
			done = end
			continue
		default:
			continue
		}
		if old, ok := seconds(o.val); !ok || old == now {
			continue
		}
		dst = append(dst, b[done:o.at]...)
		dst = appendSeconds(dst, now, o.val)
		done = end
	}
	return append(dst, b[done:]...)
}

func shiftValue(dst, v []byte, g *gaps, depth int) []byte {
	switch v[0] {
	case '{':
		return shiftObject(dst, v, g, depth)
	case '[':
		if depth >= maxDepth {
			break
		}
		done := 0
		for a := elements(v); a.next(); {
			dst = append(dst, v[done:a.at]...)
			dst = shiftValue(dst, a.val, g, depth+1)
			done = a.at + len(a.val)
		}
		return append(dst, v[done:]...)
	}
	return append(dst, v...)
}

// role is what a member's number means.
type role byte

const (
	none role = iota
	begins
	ends
	lasts
	foreign // not ours to look into
)

func timeRole(key []byte, top bool) role {
	switch string(key) {
	case "start", "audio_window_start", "timestamp":
		return begins
	case "end", "audio_window_end", "last_word_end":
		return ends
	case "duration":
		if top {
			return lasts
		}
	case "metadata":
		if top {
			return foreign // holds the caller's own extra members
		}
	}
	return none
}

// times are those of one object; an end is mapped by its beginning.
type times struct {
	from, to, dur          time.Duration
	hasFrom, hasTo, hasDur bool
}

// end maps the end. One that stands alone (last_word_end) is not pushed behind a
// gap by a beginning it does not have.
func (t times) end(g *gaps) time.Duration {
	if t.hasFrom && t.from <= t.to {
		return g.to(t.to, t.from)
	}
	return t.to + g.shift(t.to-rounding)
}

func readTimes(b []byte, top bool) (t times) {
	for o := members(b); o.next(); {
		switch timeRole(o.key, top) {
		case begins:
			t.from, t.hasFrom = seconds(o.val)
		case ends:
			t.to, t.hasTo = seconds(o.val)
		case lasts:
			t.dur, t.hasDur = seconds(o.val)
		case none, foreign:
		}
	}
	return t
}
