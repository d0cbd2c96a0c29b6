package fake

import (
	"context"
	"maps"
	"net/http"
)

// Record is what a stream was and is, as a value: it does not change.
type Record struct {
	RequestID  string
	Path       string
	Query      string      // raw
	Header     http.Header // of the handshake, with credentials: for tests only
	Credential string

	AudioBytes int64
	AudioMS    int64  // whole milliseconds; 0 for audio that could not be read
	amount     int64  // see timing
	SHA256     string // of the audio, hex
	Messages   int    // audio messages, empty ones included

	Events     []Event // the first MaxEvents
	KeepAlives int
	Pings      int
	Texts      int
	LastSeqNo  map[string]int64 // Speechmatics: of each channel's end, "" for the stream's

	Ended     bool
	CloseCode int    // what the peer sent; 1005 without a code, 1006 when it vanished, 0 while open
	Reason    string // the peer's
	SentCode  int    // what the fake closed with; 0 when it did not
}

// Event is one message of the peer.
type Event struct {
	Kind  string // "audio", "text", "ping", "close"
	Bytes int    // of the payload
	Text  string // the first MaxText bytes of a text
}

// Bounds of what a Record keeps.
const (
	MaxEvents = 256
	MaxText   = 1024
)

// note keeps an event while there is room; the lock is held.
func (s *Stream) note(kind string, payload []byte) {
	if len(s.rec.Events) >= MaxEvents {
		return
	}
	e := Event{Kind: kind, Bytes: len(payload)}
	if kind == "text" {
		e.Text = string(payload[:min(len(payload), MaxText)])
	}
	s.rec.Events = append(s.rec.Events, e)
}

// Record takes stock of the stream.
func (s *Stream) Record() Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot()
}

func (s *Stream) snapshot() Record {
	r := s.rec
	r.Header = s.rec.Header.Clone()
	r.Events = append([]Event(nil), s.rec.Events...)
	r.LastSeqNo = maps.Clone(s.rec.LastSeqNo)
	r.AudioMS = s.timing.ms(r.amount)
	r.SHA256 = s.sum()
	return r
}

// Done is closed when the stream has ended and its Record is final.
func (s *Stream) Done() <-chan struct{} { return s.done }

// over reports whether Done is closed.
func (s *Stream) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Until waits until the record meets a condition and returns it. It fails when
// ctx ends, or when the stream has ended without meeting it.
func (s *Stream) Until(ctx context.Context, ok func(Record) bool) (Record, error) {
	for {
		s.mu.Lock()
		r, changed := s.snapshot(), s.watch()
		s.mu.Unlock()
		if ok(r) {
			return r, nil
		}
		if r.Ended {
			return r, errEnded
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}

// watch returns a channel that is closed with the next change; the lock is held.
// Nobody pays for it while nobody waits.
func (s *Stream) watch() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// change tells the waiters; the lock is held.
func (s *Stream) change() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
