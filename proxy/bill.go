package proxy

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// bill is what one HTTP request may cost. It grows while audio flows, is settled once and
// with any figure, or is kept for a price that comes later. All amounts are milliseconds.
//
//	open (something must be left) ──► cover … cover ──┬──► settle
//	                                      │           └──► keep ··· (a read settles it)
//	                                      └─ does not fit: settled with nothing, denied
//
// The body's goroutine covers, the handler's settles: a mutex joins them.
type bill struct {
	gate *gate
	sub  subject

	effects policy.Effects // as of the first answer
	tempo   tempo          // as of the newest

	mu       sync.Mutex
	res      *ledger.Reservation
	held     int64 // granted
	over     bool
	charged  int64
	balances ledger.Grant // as of the newest answer
	lost     error        // of the settle
}

// open asks the budgets for ms, or for anything at all where that is not known yet. The
// bill is never nil and must be settled; after an error it is.
func (g *gate) open(s subject, stream string, ms int64) (*bill, error) {
	b := &bill{gate: g, sub: s}
	g.watch.fresh(context.Background(), s.user)
	res, grant, err := ledger.Reserve(context.Background(), g.ledger, ledger.Opening{
		User: s.user, Stream: stream, Provider: s.provider, Plan: g.plan(s, &b.tempo), Timeout: g.patience, Observe: g.metrics.lease,
	}, ms)
	b.res = res
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.granted(grant, err); err != nil {
		return b, err
	}
	b.effects = g.effects(g.rules.Load(), s, grant.State, grant.At)
	if b.held < ms {
		return b, b.refuse(ms)
	}
	dec := decide(grant, 1)
	dec.Allowed, dec.Violated = true, nil // what was reserved just now counts as used already
	g.decided(dec, grant.Balances)
	return b, nil
}

// granted takes an answer of the ledger. It is called with the lock held.
func (b *bill) granted(g ledger.Grant, err error) error {
	if err != nil {
		b.gate.fails(context.Background(), "no reservation", b.sub, err)
		b.close(0, 0) // it may have been granted and only the answer lost
		return errors.Join(ledger.ErrOutage, err)
	}
	b.held, b.balances = g.Ceiling, g
	return nil
}

// refuse gives everything back and says which budgets have no room for ms. It is called
// with the lock held.
func (b *bill) refuse(ms int64) error {
	before := b.balances
	b.close(0, 0)
	dec := decide(b.balances, ms)
	if dec.Allowed { // somebody has given back meanwhile: what was said before stands
		dec = decide(before, ms)
		dec.Allowed = false
	}
	b.gate.decided(dec, nil)
	d := b.gate.exhausted(dec, b.sub, b.balances)
	for _, bal := range b.balances.Balances {
		if !bal.Shadow && !b.gate.rules.Load().shared(bal.Budget) && bal.Remaining > 0 && bal.Remaining < ms {
			d.Detail += "; " + (time.Duration(bal.Remaining) * time.Millisecond).String() + " are left in " + bal.Budget +
				", and this needs " + (time.Duration(ms) * time.Millisecond).String()
		}
	}
	said := b.balances
	return denied{d: d, grant: &said}
}

// limited reports whether a budget applies that can say no.
func (b *bill) limited() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bal := range b.balances.Balances {
		if !bal.Shadow {
			return true
		}
	}
	return false
}

// cover makes sure that ms in all are bought, and buys up to ahead more with it. An
// error ends the request: it is settled with nothing.
func (b *bill) cover(ms, ahead int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.over:
		return denied{d: deny(provider.StoreUnavailable, "this request is settled already")}
	case ms <= b.held:
		return nil
	}
	g, err := b.res.Grow(context.Background(), ms+ahead)
	if err := b.granted(g, err); err != nil {
		return err
	}
	if b.held < ms {
		return b.refuse(ms)
	}
	return nil
}

// settle charges ms, of which some may be told as speech; only the first call counts.
func (b *bill) settle(ms, speech int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close(ms, speech)
}

// close is settle with the lock held. The client's context has no say in it: accounting
// does not stop because somebody hung up.
func (b *bill) close(ms, speech int64) {
	if b.over {
		return
	}
	b.over = true
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	u, err := b.res.Settle(ctx, ms, speech)
	if err != nil {
		b.lost = err
		b.gate.log.Error("not settled; what was reserved stays charged", slog.String("user", b.sub.user), slog.Any("error", err))
		return
	}
	b.charged = ms
	b.gate.charged(b.sub, u, ms)
	b.balances.Balances, b.balances.At = u.Balances, u.At
}

// keep holds on to ms until somebody comes with the price, for jobKept.
func (b *bill) keep(ms int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	if err := b.res.Keep(ctx, ms, jobKept); err != nil {
		return err
	}
	b.over = true // by this request
	b.balances = b.res.Last()
	return nil
}

// said is what the ledger says about the budgets by now.
func (b *bill) said() ledger.Grant {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.balances
}

// cost is what was charged.
func (b *bill) cost() (ms int64, lost error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.charged, b.lost
}
