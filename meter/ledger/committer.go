package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	maxBatch  = 1024 // calls in one transaction
	sweepStep = 32   // records swept at least with each writing transaction
	linger    = time.Millisecond
)

// root is the name of the database's only bucket.
const root = "ledger"

var errNothing = errors.New("nothing to write")

// committer runs calls in shared transactions: whoever asks while the disk is
// busy goes into the next one together. It owns its goroutine; stop waits for it.
type committer struct {
	db   *bolt.DB
	now  func() time.Time
	ops  chan call // unbuffered: a call is either refused or answered
	quit chan struct{}
	gone chan struct{}
	once sync.Once
}

// call is one caller's part of a transaction.
type call struct {
	run  func(t table, now time.Time) error
	done chan error // buffered: the caller may have left
}

func newCommitter(db *bolt.DB, now func() time.Time) *committer {
	c := &committer{db: db, now: now, ops: make(chan call), quit: make(chan struct{}), gone: make(chan struct{})}
	go c.loop()
	return c
}

// do returns when run's writes are on disk. When ctx ends first they may still
// get there: the caller does not know, and asks again with absolute numbers.
func (c *committer) do(ctx context.Context, run func(t table, now time.Time) error) error {
	o := call{run: run, done: make(chan error, 1)}
	select {
	case <-c.quit:
		return ErrClosed
	default:
	}
	select {
	case c.ops <- o:
	case <-c.quit:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *committer) stop() {
	c.once.Do(func() { close(c.quit) })
	<-c.gone
}

func (c *committer) loop() {
	defer close(c.gone)
	var batch []call
	busy := false // the last transaction was shared: a lone caller never waits
	pause := time.NewTimer(linger)
	defer pause.Stop()
	for {
		batch = batch[:0]
		select {
		case o := <-c.ops:
			if busy { // whoever comes within a moment shares the wait for the disk
				pause.Reset(linger)
				batch = c.gather(append(batch, o), pause.C)
			} else {
				batch = c.collect(append(batch, o))
			}
			busy = len(batch) > 1
		case <-c.quit:
			return
		}
		errs, err := c.commit(batch)
		for i, o := range batch {
			if err != nil {
				o.done <- err
			} else {
				o.done <- errs[i]
			}
		}
		clear(batch)
	}
}

// gather takes whoever comes until the time is up.
func (c *committer) gather(batch []call, up <-chan time.Time) []call {
	for len(batch) < maxBatch {
		select {
		case o := <-c.ops:
			batch = append(batch, o)
		case <-up:
			return batch
		}
	}
	return batch
}

// collect takes whoever is waiting. The callers that the last transaction
// answered get a chance to run first: they are about to ask again.
func (c *committer) collect(batch []call) []call {
	for yielded := false; len(batch) < maxBatch; {
		select {
		case o := <-c.ops:
			batch = append(batch, o)
			yielded = false
		default:
			if yielded {
				return batch
			}
			yielded = true
			runtime.Gosched()
		}
	}
	return batch
}

// commit runs the calls in one transaction. An error of one call leaves nothing
// of it behind and does not concern the others; an error of the transaction
// undoes and concerns them all.
func (c *committer) commit(batch []call) ([]error, error) {
	errs := make([]error, len(batch))
	err := c.db.Update(func(tx *bolt.Tx) error {
		t, wrote := boltTable{tx.Bucket([]byte(root))}, false
		for i, o := range batch {
			part := newOverlay(t)
			if errs[i] = o.run(part, c.now()); errs[i] != nil || len(part.changed) == 0 {
				continue
			}
			wrote = true
			if err := part.apply(); err != nil {
				return err
			}
		}
		if !wrote {
			return errNothing
		}
		return sweep(t, c.now(), sweepStep+8*len(batch))
	})
	if err != nil && !errors.Is(err, errNothing) {
		return nil, fmt.Errorf("write: %w", err)
	}
	return errs, nil
}

// boltTable is one bucket of one transaction.
type boltTable struct{ b *bolt.Bucket }

var _ table = boltTable{}

func (t boltTable) get(k []byte) []byte   { return t.b.Get(k) }
func (t boltTable) put(k, v []byte) error { return t.b.Put(k, v) }
func (t boltTable) delete(k []byte) error { return t.b.Delete(k) }
func (t boltTable) scan(from, to []byte, fn func(k, v []byte) error) error {
	c := t.b.Cursor()
	for k, v := c.Seek(from); k != nil && bytes.Compare(k, to) < 0; k, v = c.Next() {
		if err := fn(k, v); err != nil {
			return err
		}
	}
	return nil
}
