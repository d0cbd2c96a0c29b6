package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Lease is Ledger.Lease: an answer renews the grace, and what is reported or granted by it
// need not be remembered here; unless only one server has it, and may be replaced by one that has not.
func (p *Patient) Lease(ctx context.Context, r Request) (Grant, error) {
	g, err := p.Store.Lease(ctx, r)
	if err != nil {
		return g, err
	}
	lone, total := g.Lone && r.Keep == 0, max(g.Ceiling, r.Spent)
	p.mu.Lock()
	p.heard++
	l := p.loans[r.Stream]
	if l == nil && !lone || l != nil && l.over {
		p.mu.Unlock()
		return g, nil
	}
	if l == nil {
		l = &loan{due: due{User: r.User, Stream: r.Stream, Provider: r.Provider}}
	}
	// The first lease of a stream that began on a loan says nothing of it.
	told := r.Spent > 0 || l.Lent == 0
	if told {
		p.repaid(l.User, l.Lent)
		l.Lent = 0
	}
	d := l.due
	if lone {
		d.Spent = max(d.Spent, total)
	}
	d.Leased, d.At, d.Scopes, d.Speech = true, g.At, r.Scopes, max(d.Speech, r.Speech)
	covered := r.Keep > 0 || !lone && told && total >= d.Spent
	news := !l.Leased || d.Spent > l.Spent
	full := len(p.loans) >= maxLoans && p.loans[r.Stream] == nil
	p.mu.Unlock()
	switch {
	case covered:
		p.forget(r.Stream)
	case lone && full:
		return Grant{}, errors.New("only one server has the lease, and too many streams are in the outage journal")
	case news:
		err := p.write(d)
		if err != nil && lone {
			return Grant{}, fmt.Errorf("only one server has the lease; outage journal: %w", err)
		}
		if err != nil { // it changes nothing while this process lives
			p.log.Warn(journalFails, slog.Any(logError, err))
		}
		p.remember(&loan{due: d})
	}
	return g, nil
}

// remember keeps a running stream's loan, unless the stream has ended meanwhile.
func (p *Patient) remember(l *loan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.loans[l.Stream]; old == nil || !old.over {
		p.loans[l.Stream] = l
	}
}
