package proxy

import (
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sttgate/sttgate/proxy/provider"
)

// Sessions is told of every stream and upload that is over, and may be empty. What nobody wants to know costs nothing.
type Sessions struct {
	// Ended must not block: streams end on the relay's own goroutines.
	Ended func(Ended)
	// Excerpt is how many characters of what was said are kept of each stream, in memory, until its end; 0: none.
	Excerpt int
}

// Ended is a stream or an upload that is over.
type Ended struct {
	ID, User, Plan  string
	Provider, Model string // Model is what was asked for; "" where that is not known
	Mode            provider.Mode
	Began           time.Time
	Lasted          time.Duration
	// Audio is what reached the vendor; of audio that nobody here sees, such as that behind a URL, what was charged.
	Audio time.Duration
	// Speech is the union of the words' times in the vendor's final results; Heard says that somebody has looked.
	Speech time.Duration
	Heard  bool
	Pauses Pauses
	Result string // as in the closing line
	// Excerpt is the beginning of what was said.
	Excerpt string
}

// Pauses are the times in a stream in which no audio came.
type Pauses struct {
	Count          int
	Total, Longest time.Duration
}

const (
	// shortestPause is what counts as one: clients that are muted, or gated by what they hear, send nothing.
	shortestPause = 5 * time.Second
)

// pauses finds them by looking once a second, so that a frame costs nothing. A pause is a second too long or too short at most.
type pauses struct {
	mu    sync.Mutex // the ticker and the end both look
	bytes int64
	last  time.Time // when audio was last seen to have come
	found Pauses
}

// look is shown how many bytes of audio have come by now.
func (p *pauses) look(now time.Time, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if bytes == p.bytes {
		return
	}
	p.close(now)
	p.bytes = bytes
}

// end is the pauses of a stream that is over.
func (p *pauses) end(now time.Time, bytes int64) Pauses {
	p.look(now, bytes)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close(now)
	return p.found
}

// close ends the time without audio. It is called with the lock held.
func (p *pauses) close(now time.Time) {
	if d := now.Sub(p.last); d >= shortestPause {
		p.found.Count++
		p.found.Total += d
		p.found.Longest = max(p.found.Longest, d)
	}
	p.last = now
}

// excerpt gathers the beginning of what was said. It is guarded by tap.owed.
type excerpt struct {
	from provider.Quoter
	most int // characters
	text []byte
}

func newExcerpt(p provider.Provider, most int) *excerpt {
	if q, ok := p.(provider.Quoter); ok && most > 0 {
		return &excerpt{from: q, most: most}
	}
	return nil
}

// add takes what a message of the vendor's says, as long as there is room.
func (e *excerpt) add(msg []byte) {
	if e == nil || e.full() {
		return
	}
	said := e.from.Quote(msg)
	room := e.most*utf8.UTFMax - len(e.text)
	e.text = append(e.text, said[:min(len(said), room)]...)
}

func (e *excerpt) full() bool { return utf8.RuneCount(e.text) >= e.most }

// String is at most as many characters as there may be.
func (e *excerpt) String() string {
	if e == nil {
		return ""
	}
	n := 0
	for i := range string(e.text) {
		if n == e.most {
			return string(e.text[:i])
		}
		n++
	}
	return string(e.text)
}

// remember begins to notice what Sessions is told in the end.
func (t *tap) remember(s Sessions, p provider.Provider) {
	if s.Ended != nil {
		t.pauses = &pauses{last: t.now()}
		t.excerpt = newExcerpt(p, s.Excerpt)
	}
}

// tell tells of a stream that is over.
func (s *Stream) tell(result string) {
	t := s.tap
	if t.pauses == nil {
		return
	}
	now := t.now()
	t.owed.Lock()
	said := t.excerpt.String()
	t.owed.Unlock()
	e := Ended{
		ID: s.ID, User: s.User, Plan: t.sub.plan, Provider: s.Provider, Mode: s.Mode, Began: s.Started, Lasted: now.Sub(s.Started),
		Audio: s.Progress().Forwarded, Speech: time.Duration(t.speech()) * time.Millisecond, Heard: true, Result: result, Excerpt: said,
		Pauses: t.pauses.end(now, t.came()),
	}
	e.Model = t.swap().Asked
	t.gate.sessions.Ended(e)
}

// came is how many bytes of audio have come.
func (t *tap) came() int64 { return t.forwarded.Load() + t.dropped.Load() }

// tell tells of an upload that is over. Jobs are not told of: their audio came with a file, or their price comes later.
func (x *exchange) tell(result string, charged int64) {
	if x.gate.sessions.Ended == nil || x.rt.Mode == provider.ModeJob {
		return
	}
	e := Ended{
		ID: x.stream, User: x.caller.User, Plan: x.caller.Plan, Provider: x.v.Name(), Model: x.model.Asked, Mode: provider.ModeUpload,
		Began: x.began, Lasted: time.Since(x.began), Audio: x.live.Progress().Forwarded, Result: result,
	}
	if e.Audio == 0 {
		e.Audio = time.Duration(charged) * time.Millisecond
	}
	x.gate.sessions.Ended(e)
}
