package ledger

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	sweepStep = 32                    // records swept at least with each write
	lazily    = 50 * time.Millisecond // how long changes that nobody waits for wait for company
	linger    = time.Millisecond      // the same, where several wait and more are about to
	again     = time.Second           // after a write that failed, if nobody asks before
	maxUnsaid = 1 << 16               // calls that may be ahead of the disk
)

// root is the name of the database's only bucket.
const root = "ledger"

// journal runs calls one after the other on what the disk has and what it is about
// to get, and writes their changes in groups, in their order, each group whole or
// not at all.
//
//	call ──► pending ──(a group: at once if somebody waits, else in 50 ms)──► flying ──► bolt
//	            ▲ reads look here first, then here ────────────────────────────▲
//
// It owns the goroutine that writes; stop waits for it.
type journal struct {
	db    *bolt.DB
	now   func() time.Time
	save  func(layer) error // in one transaction; tests let it fail
	idle  time.Duration     // lazily; tests wait longer
	work  chan struct{}     // there is something to write
	hurry chan struct{}     // somebody waits for it
	quit  chan struct{}
	gone  chan struct{}
	once  sync.Once
	last  error // of the write at the end; stands when gone is closed

	mu      sync.Mutex
	pending layer
	flying  layer  // being written; nil while nothing is
	group   *group // that pending will be written with
	flight  *group // that flying is written with
	calls   int    // that changed pending
	waiting int    // callers for group
	failed  error  // of the last write; its changes are in pending again
	closed  bool
	tx      *bolt.Tx // that is read with between two writes; nil before the first call
	writing bool     // bolt may have to wait until nobody reads: no tx is kept
}

// group is what is written together.
type group struct {
	done chan struct{}
	err  error // stands when done is closed
}

func newGroup() *group { return &group{done: make(chan struct{})} }

func newJournal(db *bolt.DB, now func() time.Time) *journal {
	j := &journal{
		db: db, now: now, idle: lazily, pending: layer{}, group: newGroup(),
		work: make(chan struct{}, 1), hurry: make(chan struct{}, 1), quit: make(chan struct{}), gone: make(chan struct{}),
	}
	j.save = func(l layer) error {
		return db.Update(func(tx *bolt.Tx) error { return l.write(tx.Bucket([]byte(root))) })
	}
	go j.loop()
	return j
}

// do runs a call. What it changed is seen by every later one at once, and is on the disk,
// with everything that it was computed from, when the group is. An error leaves nothing of the
// call behind. While the disk fails nothing is run before it takes writes again.
func (j *journal) do(ctx context.Context, run func(t table, now time.Time) error) (*group, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for !j.closed && (j.failed != nil || j.calls >= maxUnsaid) {
		g := j.group
		j.mu.Unlock()
		err := j.await(ctx, g)
		j.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
	if j.closed {
		return nil, ErrClosed
	}
	var part *overlay
	err := j.open(func(t table) error {
		part = newOverlay(t)
		if err := run(part, j.now()); err != nil {
			return err
		}
		return part.apply()
	})
	switch {
	case err != nil:
		return nil, err
	case len(part.changed) > 0:
		if j.calls++; j.calls == 1 {
			signal(j.work)
		}
		return j.group, nil
	case j.calls > 0: // an answer may rest on what others have changed
		return j.group, nil
	}
	return j.flight, nil
}

// read runs fn on the newest state.
func (j *journal) read(fn func(v view) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	return j.open(func(t table) error { return fn(t) })
}

// open gives fn the newest state. It is called with the lock held: what is flying
// stays in sight until bolt has it.
func (j *journal) open(fn func(t table) error) error {
	tx := j.tx
	if tx == nil {
		var err error
		if tx, err = j.db.Begin(false); err != nil {
			return err
		}
		if j.writing {
			defer done(tx)
		} else {
			j.tx = tx
		}
	}
	s := stack{layers: []layer{j.pending, j.flying}, disk: boltTable{tx.Bucket([]byte(root))}}
	if j.flying == nil {
		s.layers = s.layers[:1]
	}
	return fn(&s)
}

// done ends a transaction that only reads. That fails only when it is over already.
func done(tx *bolt.Tx) {
	if tx != nil {
		_ = tx.Rollback()
	}
}

// await returns when a group is on the disk. When ctx ends first it may still get
// there: the caller does not know, and asks again with absolute numbers.
func (j *journal) await(ctx context.Context, g *group) error {
	if g == nil || g.over() {
		return g.result()
	}
	j.mu.Lock()
	if g == j.group {
		j.waiting++
	}
	j.mu.Unlock()
	signal(j.hurry)
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *group) over() bool {
	select {
	case <-g.done:
		return true
	default:
		return false
	}
}

// result is that of a group which is over, or of none.
func (g *group) result() error {
	if g == nil {
		return nil
	}
	return g.err
}

// signal wakes whoever receives, now or the next time.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// stop writes what is left and returns how that went.
func (j *journal) stop() error {
	j.once.Do(func() {
		j.mu.Lock()
		j.closed = true
		j.mu.Unlock()
		close(j.quit)
	})
	<-j.gone
	return j.last
}

func (j *journal) loop() {
	defer close(j.gone)
	pause := time.NewTimer(lazily)
	defer pause.Stop()
	for shared := false; ; {
		select {
		case <-j.work:
		case <-j.quit:
			_, j.last = j.write()
			j.mu.Lock()
			done(j.tx)
			j.tx = nil
			j.mu.Unlock()
			return
		}
		pause.Reset(j.idle)
		j.company(pause, shared)
		waiting, err := j.write()
		shared = waiting > 1
		for err != nil && !j.quitting() { // the changes are not lost, and neither is the will to write them
			pause.Reset(again)
			j.company(pause, false)
			_, err = j.write()
		}
	}
}

func (j *journal) quitting() bool {
	select {
	case <-j.quit:
		return true
	default:
		return false
	}
}

// company waits for others to share a write with: until the time is up or somebody
// waits. If the last write was shared, whoever comes within a moment shares this one too; a lone
// caller never waits for others. Those whom the last write answered get a chance to
// run first: they are about to ask again.
func (j *journal) company(pause *time.Timer, shared bool) {
	select {
	case <-pause.C:
		return
	case <-j.quit:
		return
	case <-j.hurry:
	}
	if !shared {
		runtime.Gosched()
		return
	}
	pause.Reset(linger)
	select {
	case <-pause.C:
	case <-j.quit:
	}
}

// write takes what is pending to the disk, and says how many waited for it.
func (j *journal) write() (waiting int, err error) {
	g, waiting, err := j.take()
	if g == nil {
		return 0, err
	}
	if err == nil {
		err = j.save(j.flying)
	}
	if err != nil {
		err = fmt.Errorf("write: %w", err)
	}
	j.mu.Lock()
	if err != nil {
		j.pending.under(j.flying)
		j.calls++
	}
	j.flying, j.flight, j.failed, j.writing = nil, nil, err, false
	j.mu.Unlock()
	g.err = err
	close(g.done)
	return waiting, err
}

// take makes what is pending fly. Old records go with it.
func (j *journal) take() (g *group, waiting int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.calls == 0 {
		return nil, 0, nil
	}
	err = j.open(func(t table) error { return sweep(t, j.now(), sweepStep+8*j.calls) })
	g, waiting = j.group, j.waiting
	j.flying, j.flight, j.pending = j.pending, j.group, layer{}
	j.group, j.calls, j.waiting = newGroup(), 0, 0
	done(j.tx)
	j.tx, j.writing = nil, true
	return g, waiting, err
}
