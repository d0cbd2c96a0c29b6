package proxy

import (
	"cmp"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// The states of a running stream, for people.
const (
	StateForwarding = "forwarding" // audio passes
	StateDropping   = "dropping"   // audio is swallowed
	StatePaced      = "paced"      // audio passes at its stage's pace at most
	StateEnding     = "ending"     // the gateway has ended it; last words are on the way
)

// Look is a running stream as it stands, as of its newest lease: no store is asked.
type Look struct {
	Plan, Variant string
	Model         string // that the handshake asked for, or was given instead; "" where only the stream's own messages say so
	Charged       int64  // ms
	Stage         policy.Stage
	// Budget is the tightest that holds for it, "" for none, and Left what the stream can still buy of it, with what it has
	// bought already, in ms.
	Budget string
	Left   int64
}

// State says what happens to a stream's audio right now. Safe from any goroutine, and cheap.
func (s *Stream) State() string {
	switch {
	case s.transfer != nil && s.transfer.stopped.Load(), s.tap != nil && s.tap.ended.Load() != nil:
		return StateEnding
	case s.tap == nil:
		return StateForwarding
	case s.tap.dropping.Load():
		return StateDropping
	case s.tap.tempo != nil && !s.tap.tempo.free():
		return StatePaced
	}
	return StateForwarding
}

// Look is safe from any goroutine.
func (s *Stream) Look() Look {
	if s.transfer != nil {
		return s.transfer.look()
	}
	t := s.tap
	l := Look{Plan: t.sub.plan, Variant: t.route.Variant, Model: cmp.Or(t.route.Model.Used, t.route.Model.Asked), Charged: t.purse.account.Charged()}
	last := t.purse.account.Last()
	l.stands(t.gate, t.sub, last, max(last.Ceiling-t.purse.account.Spent(), 0))
	return l
}

func (t *transfer) look() Look {
	l := Look{Variant: t.variant, Model: t.model, Stage: policy.None}
	b := t.bill
	if b == nil {
		return l
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l.Plan, l.Charged = b.sub.plan, max(b.charged, b.held)
	l.stands(b.gate, b.sub, b.balances, 0)
	return l
}

// stands reads the newest answer of the ledger; hand is what is bought and not used.
func (l *Look) stands(g *gate, sub subject, last ledger.Grant, hand int64) {
	l.Stage = g.effects(g.rules.Load(), sub, last.State, last.At).Stage
	for _, b := range last.Balances {
		if b.Shadow || isStage(b.Budget) {
			continue
		}
		if left := b.Remaining + hand; l.Budget == "" || left < l.Left {
			l.Budget, l.Left = b.Budget, left
		}
	}
}

// Find returns a running stream, or nil.
func (s *Streams) Find(id string) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[id]
}
