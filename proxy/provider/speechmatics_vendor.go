package provider

import (
	"encoding/json"
	"net/http"
	"time"
)

// FromVendor renumbers acks, and reads the vendor's count and the times of words.
// It does not fail: what cannot be read passes as it is.
func (s *speechmaticsSession) FromVendor(text []byte) (Action, error) {
	m := readSpeechmatics(text)
	switch string(m.kind) {
	case `"AudioAdded"`, `"ChannelAudioAdded"`:
		return s.added(text, m), nil
	case `"AddTranscript"`:
		s.heard(m)
	case `"RecognitionStarted"`:
		s.begun(m)
	case `"EndOfTranscript"`:
		return s.endOfTranscript(text), nil
	case `"Error"`:
		s.complains(m.typ)
		return Action{Last: true}, nil // a Close comes behind it, and nothing else
	}
	return Action{}, nil
}

// speechmaticsMessage are the members that are read of any message, as they were written.
type speechmaticsMessage struct {
	kind, typ, seq, channel, metadata, results, id, channels []byte

	seqAt, seqEnd int // where seq stands
}

func readSpeechmatics(text []byte) (m speechmaticsMessage) {
	for o := members(text); o.next(); {
		switch string(o.key) {
		case "message":
			m.kind = o.val
		case "type":
			m.typ = o.val
		case "seq_no":
			m.seq, m.seqAt, m.seqEnd = o.val, o.at, o.i
		case "channel":
			m.channel = o.val
		case "metadata":
			m.metadata = o.val
		case "results":
			m.results = o.val
		case "id":
			m.id = o.val
		case "channel_ids":
			m.channels = o.val
		}
	}
	return m
}

// added is an ack of the vendor's, with those that are owed around it.
func (s *speechmaticsSession) added(text []byte, m speechmaticsMessage) Action {
	j, ok := seconds(m.seq) // a plain number; the unit does not matter
	if !ok {
		return Action{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.find(m.channel)
	if l == nil {
		return Action{}
	}
	seq := int64(j / time.Second)
	owed, n := l.ack(nil, seq)
	var a Action
	if n != seq {
		a.Replace = splice(text, m.seqAt, m.seqEnd, appendInt(n))
	}
	if owed == nil {
		a.Also = l.release(nil)
		return a
	}
	own := a.Replace
	if own == nil {
		own = append([]byte(nil), text...)
	}
	owed = append(owed, Message{To: ToClient, Op: Text, Payload: own})
	return Action{Hold: true, Also: l.release(owed)}
}

// endOfTranscript is the vendor's last word. Behind an end of ours it is held: the
// client has to read why, and some take this word for success. Acks that are still
// owed go in front of it, or a client would count for ever.
func (s *speechmaticsSession) endOfTranscript(text []byte) Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := Action{Last: true, Hold: s.denied}
	for _, l := range s.lanes {
		a.Also = l.drain(a.Also)
	}
	if a.Also != nil && !a.Hold {
		a.Hold = true
		a.Also = append(a.Also, Message{To: ToClient, Op: Text, Payload: append([]byte(nil), text...)})
	}
	return a
}

// begun notes the vendor's name of the session, and how many channels it has.
func (s *speechmaticsSession) begun(m speechmaticsMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := jsonText(m.id); ok && segment(id) {
		s.id = id
	}
	s.channels = 0
	for e := elements(m.channels); e.next(); {
		s.channels++
	}
}

// heard takes how far a final result reaches, and its words.
func (s *speechmaticsSession) heard(m speechmaticsMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.find(m.channel)
	if l == nil {
		return
	}
	for o := members(m.metadata); o.next(); {
		if string(o.key) == "end_time" {
			if end, ok := seconds(o.val); ok {
				l.reported, s.told = max(l.reported, end), true
			}
		}
	}
	if !s.words {
		return
	}
	for e := elements(m.results); e.next(); {
		if from, to, ok := timed(e.val, "start_time", "end_time"); ok { // punctuation has no length
			l.speech.add(from, to)
		}
	}
}

// find is lane for a channel as the vendor writes it; the lock is held.
func (s *speechmaticsSession) find(channel []byte) *lane {
	if channel == nil {
		return s.lane("")
	}
	for i, l := range s.lanes {
		if string(l.name) == string(channel) { // the usual spelling, without a copy
			return s.lanes[i]
		}
	}
	name, ok := jsonText(channel)
	if !ok {
		return nil
	}
	return s.lane(name)
}

// Reported is the furthest end of a final result, summed over the channels: a lower
// bound, for silence at the end has no result.
func (s *speechmaticsSession) Reported() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum time.Duration
	for _, l := range s.lanes {
		sum += l.reported
	}
	return sum, s.told
}

// Speech is the union of the words' times of each channel, summed as their audio is.
func (s *speechmaticsSession) Speech() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum time.Duration
	for _, l := range s.lanes {
		sum += l.speech.total()
	}
	return sum
}

// VendorID is RecognitionStarted's id: the vendor's usage has no place for the user's name.
func (s *speechmaticsSession) VendorID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// complains notes the first Error of the vendor's; one behind an end of ours is its answer to that.
func (s *speechmaticsSession) complains(typ []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong != 0 || s.denied {
		return
	}
	switch string(typ) {
	case `"timelimit_exceeded"`, `"insufficient_funds"`:
		s.wrong = http.StatusPaymentRequired
	case `"quota_exceeded"`: // of what runs at once
		s.wrong = http.StatusTooManyRequests
	case `"not_authorised"`:
		s.wrong = http.StatusUnauthorized
	case `"not_allowed"`:
		s.wrong = http.StatusForbidden
	case `"job_error"`, `"unknown_error"`:
		s.wrong = http.StatusInternalServerError
	default:
		s.wrong = http.StatusBadRequest
	}
}

// Complaint is the vendor's Error as a status.
func (s *speechmaticsSession) Complaint() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong
}

var (
	_ Identified  = (*speechmaticsSession)(nil)
	_ Complaining = (*speechmaticsSession)(nil)
)

func jsonString(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // a string: cannot happen
		return []byte(`""`)
	}
	return b
}
