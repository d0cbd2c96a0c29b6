package provider

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// deepgramSession follows one stream of either generation.
//
//	v1  KeepAlive and CloseStream as JSON, an Error may come at any time,
//	    Metadata at the end tells the vendor's duration
//	v2  pings only (a KeepAlive kills the socket), messages are numbered, so an
//	    Error of ours can only be the last; TurnInfo tells the vendor's cursor
type deepgramSession struct {
	v2        bool
	words     bool // their times are asked for
	format    meter.Format
	closing   atomic.Bool  // the client has sent CloseStream
	forwarded atomic.Int64 // audio time that the vendor was sent, ns
	shifting  atomic.Bool  // gaps is not empty

	mu       sync.Mutex // guards what follows
	gaps     gaps
	dropped  bool          // something was dropped
	dropAt   time.Duration // forwarded at the last drop
	reported time.Duration
	told     bool // the vendor told a time
	final    bool // it was the last word: Metadata
	speech   spans
	lastSeq  int64 // v2: number of the vendor's last message; -1 before the first
}

// maxControl bounds a control message other than Configure, whose list of key
// terms may be long. Audio in text would be unmetered.
const maxControl = 4 << 10

// FromClient notes the end of stream. Messages pass as they are; the vendor is
// the judge of those that are not understood, unless they are big enough to
// carry audio.
func (s *deepgramSession) FromClient(text []byte) (Action, error) {
	configure := false
	for o := members(text); o.next(); {
		if string(o.key) != "type" {
			continue
		}
		switch string(o.val) {
		case `"CloseStream"`:
			s.closing.Store(true)
		case `"Configure"`:
			configure = true
		}
	}
	if len(text) > maxControl && !configure {
		return Action{}, bad("a text message of more than 4 KiB is not a control message that is known here; audio goes in binary messages")
	}
	return Action{}, nil
}

// FromVendor reads the vendor's count and, once audio was dropped, maps the times
// of the message to the client's clock. It does not fail: a message that cannot
// be read passes as it is.
func (s *deepgramSession) FromVendor(text []byte) (Action, error) {
	var timed bool
	if s.v2 {
		timed = s.readV2(text)
	} else {
		timed = s.readV1(text)
	}
	if !timed || !s.shifting.Load() {
		return Action{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	shifted := shiftTimes(make([]byte, 0, len(text)+64), text, &s.gaps)
	if bytes.Equal(shifted, text) { // heard before the first gap
		return Action{}, nil
	}
	return Action{Replace: shifted}, nil
}

// readV1 takes start+duration of Results, and Metadata's duration, which is the
// vendor's last word. It reports whether the message holds times to be mapped.
func (s *deepgramSession) readV1(text []byte) (timed bool) {
	var typ, start, dur, final, channel []byte
	for o := members(text); o.next(); {
		switch string(o.key) {
		case "type":
			typ = o.val
		case "start":
			start = o.val
		case "duration":
			dur = o.val
		case "is_final":
			final = o.val
		case "channel":
			channel = o.val
		default:
			continue
		}
		if typ != nil && start != nil && dur != nil && (!s.words || channel != nil || string(final) == "false") {
			break // the rest of Results is long
		}
	}
	switch string(typ) {
	case `"Results"`:
		from, ok1 := seconds(start)
		d, ok2 := seconds(dur)
		if ok1 && ok2 {
			s.report(from+d, false)
		}
		if s.words && string(final) == "true" {
			s.heard(channel)
		}
		return true
	case `"Metadata"`:
		if d, ok := seconds(dur); ok {
			s.report(d, true)
		}
	case `"UtteranceEnd"`, `"SpeechStarted"`:
		return true
	}
	return false
}

// readV2 takes the message's number and TurnInfo's cursor.
func (s *deepgramSession) readV2(text []byte) (timed bool) {
	var typ, seq, event, start, end, words []byte
	for o := members(text); o.next(); {
		switch string(o.key) {
		case "type":
			typ = o.val
		case "sequence_id":
			seq = o.val
		case "event":
			event = o.val
		case "audio_window_start":
			start = o.val
		case "audio_window_end":
			end = o.val
		case "words":
			words = o.val
		}
	}
	if n, ok := seconds(seq); ok { // a plain number; the unit does not matter
		s.mu.Lock()
		s.lastSeq = max(s.lastSeq, int64(n/time.Second))
		s.mu.Unlock()
	}
	if string(typ) != `"TurnInfo"` {
		return false
	}
	if d, ok := seconds(end); ok {
		s.report(d, false)
	}
	if s.words && string(event) == `"EndOfTurn"` {
		s.turned(start, end, words)
	}
	return true
}

func (s *deepgramSession) report(d time.Duration, final bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case final:
		s.reported, s.final = d, true
	case !s.final:
		s.reported = max(s.reported, d)
	}
	s.told = true
}

// noticeAgain is how much audio must have passed before a further drop counts as
// a new period and is told again. A stream on the edge of its budget would
// otherwise be told with every message.
const noticeAgain = time.Second

// Drop notes the gap and, in v1, tells the client once per period. Flux numbers
// its messages, so a notice would collide with the vendor's next one.
func (s *deepgramSession) Drop(a Audio, d Denial) []Message {
	at := time.Duration(s.forwarded.Load())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps.drop(at, a.Time)
	s.shifting.Store(true)
	begun := !s.dropped || at-s.dropAt >= noticeAgain
	s.dropped, s.dropAt = true, at
	if s.v2 || !begun {
		return nil
	}
	return []Message{messageV1(d)}
}

// Keepalive keeps an audioless stream alive: v1 counts JSON only, v2 pings only.
// After the end of stream there is nothing to keep.
func (s *deepgramSession) Keepalive() []Message {
	if s.closing.Load() {
		return nil
	}
	if s.v2 {
		return []Message{{To: ToVendor, Op: Ping}}
	}
	return []Message{{To: ToVendor, Op: Text, Payload: []byte(`{"type":"KeepAlive"}`)}}
}

// Forwarded moves the vendor's clock.
func (s *deepgramSession) Forwarded(_ Audio, total time.Duration) { s.forwarded.Store(int64(total)) }

// Format is what the query declares.
func (s *deepgramSession) Format() (meter.Format, bool) { return s.format, true }

// Finish asks for the last results. Both generations know CloseStream.
func (s *deepgramSession) Finish(*Denial) []Message {
	if s.closing.Swap(true) {
		return nil
	}
	return []Message{{To: ToVendor, Op: Text, Payload: []byte(`{"type":"CloseStream"}`)}}
}

// Farewell is an Error message, then a close whose reason is the machine's word:
// 123 bytes are too few for a sentence, and the sentence is in the message.
func (s *deepgramSession) Farewell(d Denial) ([]Message, int, string) {
	if !s.v2 {
		return []Message{messageV1(d)}, d.Code, string(d.Reason)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return []Message{messageV2(d, s.lastSeq+1)}, d.Code, string(d.Reason)
}

// Reported is Metadata's duration once it came, before that the furthest end of
// a result. It is the vendor's time, without what was dropped.
func (s *deepgramSession) Reported() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reported, s.told
}

// Speech is the union of the words' times in final results.
func (s *deepgramSession) Speech() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.speech.total()
}
