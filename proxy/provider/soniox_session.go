package provider

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// sonioxSession follows one stream.
//
//	client   {…} start ─► audio, {"type":"keepalive"}, {"type":"finalize"} ─► "" (text or binary)
//	vendor   {"tokens":[…],"total_audio_proc_ms":…} ─► the same with "finished":true, or an error ─► close
type sonioxSession struct {
	reference string
	models    *Models
	words     bool // their times are asked for

	mu       sync.Mutex // guards what follows
	format   meter.Format
	started  bool  // the start message has passed
	ended    bool  // the vendor has its end of audio
	gathered int64 // bytes of the audio message at hand
	asked    int   // finalize of the client without its answer
	denied   bool  // the gateway ends the stream, and has to have the last word

	reported time.Duration
	told     bool
	speech   spans
	wrong    int // the vendor's error_code
}

// Greeting reads a client's first messages. Keepalives may come before the start
// message: clients that connect ahead of time send them.
func (Soniox) Greeting(text []byte) (Greeting, error) {
	m, err := readSoniox(text)
	if err != nil {
		return Greeting{}, err
	}
	return Greeting{Start: m.typ == "", Credential: m.credential}, nil
}

// FromClient learns the format from the start message, and takes the credential out
// of it. Other messages pass; the vendor is the judge of those that are not known
// here, unless they are big enough to carry audio or begin a second stream.
func (s *sonioxSession) FromClient(text []byte) (Action, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(text) == 0 {
		s.ended = true
		return Action{}, nil
	}
	if len(text) > maxControl && s.started {
		return Action{}, bad("a text message of more than 4 KiB is not a control message; audio goes in binary messages")
	}
	m, err := readSoniox(text)
	switch {
	case err != nil:
		return Action{}, err
	case s.started && m.opens:
		return Action{}, bad("the stream has begun: a second start message is not passed on")
	case s.started || m.typ != "":
		return s.control(text, m.typ)
	}
	s.started, s.format = true, m.format
	out, swap := sonioxRemodel(text, m.model, s.models, sonioxRealtimeModel)
	a := Action{Model: &swap}
	if out = sonioxRewrite(out, s.reference); !bytes.Equal(out, text) {
		a.Replace = out
	}
	return a, nil
}

func (s *sonioxSession) control(text []byte, typ string) (Action, error) {
	if len(text) > maxControl {
		return Action{}, bad("a control message of more than 4 KiB is not known here")
	}
	if typ == "finalize" {
		s.asked++
	}
	return Action{}, nil
}

// Format is what the start message declared.
func (s *sonioxSession) Format() (meter.Format, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.format, s.started
}

// FromVendor reads the vendor's count and the times of final words. It never fails:
// a message that cannot be read passes as it is. Once the gateway ends the stream,
// the words still pass, but neither a clean end nor an error of the vendor's: the
// client has to learn why from the gateway.
func (s *sonioxSession) FromVendor(text []byte) (Action, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	failed, last := false, false
	for o := members(text); o.next(); {
		switch string(o.key) {
		case "tokens":
			if s.words || s.asked > 0 && !s.denied {
				s.hear(o.val)
			}
		case "total_audio_proc_ms":
			if ms, ok := seconds(o.val); ok { // the number is one of ms
				s.reported, s.told = max(s.reported, ms/1000), true
			}
		case "finished":
			last = string(o.val) == "true"
		case "error_code":
			failed = true
			if s.wrong == 0 && !s.denied {
				s.wrong = complaint(o.val)
			}
		}
	}
	a := Action{Last: last || failed}
	switch {
	case !s.denied:
	case failed:
		a.Hold = true
	default:
		if out := s.unfinished(text); !bytes.Equal(out, text) {
			a.Replace = out
		}
	}
	return a, nil
}

// hear takes the answers to finalize, and the times of final tokens. Translations have none;
// <fin> and <end> last no time.
func (s *sonioxSession) hear(tokens []byte) {
	for a := elements(tokens); a.next(); {
		var from, to, final []byte
		for o := members(a.val); o.next(); {
			switch string(o.key) {
			case "start_ms":
				from = o.val
			case "end_ms":
				to = o.val
			case "is_final":
				final = o.val
			}
		}
		if s.asked > 0 && !s.denied && isFin(a.val) {
			s.asked--
		}
		start, ok1 := seconds(from)
		end, ok2 := seconds(to)
		if s.words && ok1 && ok2 && string(final) == "true" {
			s.speech.add(start/1000, end/1000)
		}
	}
}

// unfinished is a result without its "finished", and without the answer to a
// finalize that the client has not sent: as many as it is owed come first.
func (s *sonioxSession) unfinished(text []byte) []byte {
	var cuts [][2]int
	for o := members(text); o.next(); {
		switch string(o.key) {
		case "finished":
			cuts = append(cuts, [2]int{o.from, o.i})
		case "tokens":
			for a := elements(o.val); a.next(); {
				switch {
				case !isFin(a.val):
				case s.asked > 0:
					s.asked--
				default:
					cuts = append(cuts, [2]int{o.at + a.at, o.at + a.i})
				}
			}
		}
	}
	out := append([]byte(nil), text...)
	for _, c := range slices.Backward(cuts) {
		out = cutElement(out, c[0], c[1])
	}
	return out
}

// isFin reports the token that answers a finalize; some encoders escape its brackets.
func isFin(token []byte) bool {
	for o := members(token); o.next(); {
		if string(o.key) == "text" {
			return string(o.val) == `"<fin>"` || string(o.val) == `"\u003cfin\u003e"`
		}
	}
	return false
}

// Drop does nothing: a route of this vendor is not droppable.
func (s *sonioxSession) Drop(Audio, Denial) []Message { return nil }

// Keepalive does nothing, for the same reason.
func (s *sonioxSession) Keepalive() []Message { return nil }

// Forwarded notes an empty message: the end of audio. A message in fragments is
// empty when all of them are.
func (s *sonioxSession) Forwarded(a Audio, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.First {
		s.gathered = 0
	}
	s.gathered += a.Bytes
	if a.Last && s.gathered == 0 {
		s.ended = true
	}
}

// Finish ends the audio. When the gateway ends the stream, what was heard is made
// final first, so that the client gets its last words at once.
func (s *sonioxSession) Finish(d *Denial) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = s.denied || d != nil
	if s.ended {
		return nil
	}
	s.ended = true
	end := Message{To: ToVendor, Op: Text, Payload: []byte{}}
	if d == nil || !s.started {
		return []Message{end}
	}
	return []Message{{To: ToVendor, Op: Text, Payload: []byte(`{"type":"finalize"}`)}, end}
}

// Farewell is the vendor's error message, then a close whose reason is the machine's
// word. A close without the message would send some SDKs into a loop of
// reconnects, and leave others waiting for ever.
func (s *sonioxSession) Farewell(d Denial) ([]Message, int, string) {
	return []Message{sonioxFarewell(d)}, d.Code, string(d.Reason)
}

// Reported is the furthest total_audio_proc_ms: final and not yet final words.
func (s *sonioxSession) Reported() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reported, s.told
}

// Speech is the union of the times of final words.
func (s *sonioxSession) Speech() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.speech.total()
}

// Complaint is the first error_code of the vendor's.
func (s *sonioxSession) Complaint() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong
}

// complaint reads a status; what is none counts as the vendor's own fault.
func complaint(val []byte) int {
	if n, err := strconv.Atoi(string(val)); err == nil && n >= 400 && n <= 599 {
		return n
	}
	return http.StatusInternalServerError
}

var _ Complaining = (*sonioxSession)(nil)
