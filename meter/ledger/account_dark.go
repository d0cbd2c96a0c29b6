package ledger

import (
	"log/slog"
	"time"
)

// An account whose store fails spends what it has in hand and then, on a Patient store, what that
// lends. A stream whose budgets had nothing left as far as is known gets no grace.

// mayBorrow is asked with the lock held.
func (a *Account) mayBorrow() bool {
	return a.patient != nil && a.patient.Lends() && a.failed != nil && !a.broke && a.dryAt < 0 && !a.over
}

// borrow takes a loan: with what is in hand it is a slice, or need if that is more, as a lease would be, so
// that a crash charges no more than that too much. It waits for the disk, so that it runs where a
// refill does.
func (a *Account) borrow(need int64) {
	a.mu.Lock()
	if !a.mayBorrow() {
		a.mu.Unlock()
		return
	}
	d := a.due(max(a.ceiling, a.spent))
	ms := max(a.o.Slice, need) - (d.Spent - a.spent)
	a.mu.Unlock()
	if ms <= 0 {
		return
	}
	n := a.patient.lend(d, ms)
	a.mu.Lock()
	defer a.mu.Unlock()
	if n == 0 {
		a.broke = true
		a.o.Log.Warn("the outage's grace is used up", slog.String(logStream, a.o.Stream))
		return
	}
	a.ceiling, a.low = d.Spent+n, a.o.Slice/3
	if a.got.IsZero() { // nothing better is known
		a.grant.Ceiling, a.grant.At = a.ceiling, time.Now()
	}
}

// due is what the stream costs at spent, under what applies as far as is known. It is called
// with the lock held.
func (a *Account) due(spent int64) due {
	d := due{User: a.o.User, Stream: a.o.Stream, Provider: a.o.Provider, Spent: spent, Speech: a.heard}
	if a.got.IsZero() {
		d.Scopes = a.o.Plan(State{}, time.Now())
	} else {
		d.Scopes, d.Leased, d.At = a.scopes, true, a.grant.At.Add(time.Since(a.got))
	}
	return d
}

// owe leaves the settle to the store's journal.
func (a *Account) owe(cause error) error {
	if a.patient == nil || !retryable(cause) {
		return cause
	}
	a.mu.Lock()
	d, plan := a.due(a.charge()), a.o.Plan
	if !a.got.IsZero() {
		plan = nil
	}
	a.mu.Unlock()
	if err := a.patient.owe(d, plan); err != nil {
		return err
	}
	a.o.Log.Warn("ledger does not answer: the stream is settled later", slog.String(logStream, a.o.Stream), slog.Int64("ms", d.Spent), slog.Any(logError, cause))
	return nil
}
