package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	loansBucket = "loans"
	settleEvery = time.Second     // while the store does not answer
	settleWaits = 2 * time.Second // of a round, for settles that fail: a store that hangs is not asked for each stream
)

// write puts a loan on the disk; calls at the same time share a write.
func (p *Patient) write(d due) error {
	raw, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return p.db.Batch(func(tx *bolt.Tx) error { return tx.Bucket([]byte(loansBucket)).Put([]byte(d.Stream), raw) })
}

func (p *Patient) erase(stream string) error {
	return p.db.Batch(func(tx *bolt.Tx) error { return tx.Bucket([]byte(loansBucket)).Delete([]byte(stream)) })
}

// recall reads what the last process left. Its streams are over.
func (p *Patient) recall() error {
	return p.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(loansBucket))
		if err != nil {
			return err
		}
		return b.ForEach(func(k, raw []byte) error {
			l := &loan{over: true}
			if err := json.Unmarshal(raw, &l.due); err != nil || l.Stream != string(k) {
				return fmt.Errorf("loan of stream %q: %w", k, errRecord)
			}
			p.loans[l.Stream] = l
			p.users[l.User] += l.Lent
			p.owed++
			return nil
		})
	})
}

// loop settles what is owed, again and again until it is answered.
func (p *Patient) loop() {
	defer close(p.gone)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-p.wake:
		case <-pause.C:
		case <-p.quit:
			p.settleOwed()
			return
		}
		if p.settleOwed() > 0 {
			pause.Reset(settleEvery)
		}
	}
}

// settleOwed settles what it can, and says how many are left. One that fails holds up no other: its record
// may be damaged, or its node of a Cluster down. Where all fail it stops after a while; the order is another one each time.
func (p *Patient) settleOwed() int {
	var all []*loan
	p.mu.Lock()
	for _, l := range p.loans {
		if l.over {
			all = append(all, l)
		}
	}
	p.mu.Unlock()
	left, waited := 0, time.Duration(0)
	for i, l := range all {
		began := time.Now()
		if began.Before(l.no.again) {
			left++
			continue
		}
		err := p.settleLoan(l)
		switch {
		case err == nil:
			p.log.Info("settled after an outage", slog.String(logStream, l.Stream), slog.Int64("ms", l.Spent))
		case errors.Is(err, ErrInvalid):
			p.log.Error("a stream of an outage cannot be settled and is given up", slog.String(logStream, l.Stream), slog.Int64("ms", l.Spent), slog.Any(logError, err))
			p.refused()
			p.forget(l.Stream)
		default:
			left++
			p.failed(l, err)
			if waited += time.Since(began); waited >= settleWaits {
				return left + len(all) - i - 1
			}
		}
	}
	return left
}

// settleLoan settles one, so that it may be told again at any time: the store has a record of the stream before, or has
// charged it, and how long ago that may have been is on the disk.
func (p *Patient) settleLoan(l *loan) error {
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	r := Request{User: l.User, Stream: l.Stream, Provider: l.Provider, Scopes: l.Scopes, Spent: l.Spent, Speech: l.Speech}
	if !l.Leased {
		err := p.open(ctx, l, &r)
		if errors.Is(err, ErrSettled) {
			p.forget(l.Stream)
			return nil
		}
		if err != nil {
			return err
		}
	}
	r.Ended = l.At
	u, err := p.settle(ctx, r)
	if errors.Is(err, errReplicas) { // it was there a moment ago: a server that does not know it has lost it
		p.mu.Lock()
		l.At = u.At
		p.mu.Unlock()
	}
	return err
}

// open leases what no lease has answered, and notes that.
func (p *Patient) open(ctx context.Context, l *loan, r *Request) error {
	if l.plan != nil {
		u, err := p.Usage(ctx, Query{User: l.User})
		if err != nil {
			return err
		}
		r.Scopes = l.plan(u.State, u.At)
	}
	g, err := p.Store.Lease(ctx, r.opening())
	if err != nil {
		return err
	}
	d := l.due
	d.Leased, d.At, d.Scopes = true, g.At, r.Scopes
	if err := p.write(d); err != nil {
		return fmt.Errorf("outage journal: %w", err)
	}
	p.mu.Lock()
	l.due, l.plan = d, nil
	p.mu.Unlock()
	return nil
}
