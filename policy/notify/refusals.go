package notify

import (
	"crypto/rand"
	"sync"
	"time"
)

const (
	// refusalWindow is how long equal refusals are gathered behind the first, which is told at once. A client that tries again ten times
	// a second makes an event a minute: what was paid for must not be pushed out of the outbox by what was refused.
	refusalWindow = time.Minute
	// mostRefusals bounds how many kinds are gathered at a time.
	mostRefusals = 10_000
)

// kind is what equal refusals have in common.
type kind struct {
	user, provider, mode, where, reason string
	status                              int
}

// refusals gathers equal ones. It is safe for concurrent use.
type refusals struct {
	mu   sync.Mutex
	open map[kind]*gathered
}

type gathered struct {
	until time.Time
	more  Refused // those behind the one that was told; Count 0: none
}

func newRefusals() *refusals { return &refusals{open: map[kind]*gathered{}} }

// add takes a refusal. now is what is to be told at once, nil if it was one more of a kind; ok is false if there is no room to know.
func (r *refusals) add(e Refused) (now *Refused, ok bool) {
	e.Count, e.To, e.id = 1, e.From, rand.Text()
	k := kind{e.User, e.Provider, e.Mode, e.Where, e.Reason, e.Status}
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.open[k]
	switch {
	case g == nil && len(r.open) >= mostRefusals:
		return nil, false
	case g == nil:
		r.open[k] = &gathered{until: e.From.Add(refusalWindow)}
		return &e, true
	case g.more.Count == 0:
		g.more = e
	default:
		g.more.Count++
		g.more.To = e.From
	}
	return nil, true
}

// due is what is to be told of the minutes that are over.
func (r *refusals) due(now time.Time) (out []tale) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, g := range r.open {
		switch {
		case g.until.After(now):
		case g.more.Count == 0:
			delete(r.open, k)
		default:
			out = append(out, g.more)
			g.more, g.until = Refused{}, now.Add(refusalWindow)
		}
	}
	return out
}

// all is what was gathered and not told.
func (r *refusals) all() (out []tale) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.open {
		if g.more.Count > 0 {
			out = append(out, g.more)
		}
	}
	clear(r.open)
	return out
}
