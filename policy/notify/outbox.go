package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// outboxFile is the database inside the ledger's directory.
const outboxFile = "outbox.db"

// What becomes of a message, as Options.Count is told.
const (
	ResultDelivered = "delivered" // the sink has it
	ResultRetried   = "retried"   // an attempt failed; the message waits
	ResultRefused   = "refused"   // the sink does not want it: dropped
	ResultDropped   = "dropped"   // the outbox was full: dropped
)

// Results returns all of them.
func Results() []string {
	return []string{ResultDelivered, ResultRetried, ResultRefused, ResultDropped}
}

// Options are an Outbox's. Each may be empty.
type Options struct {
	MaxBytes int64 // kept per sink; 0: the default of events.max_bytes
	// Count is told what became of messages; see the Result constants. It must not block.
	Count func(sink, result string, n int)
	Log   *slog.Logger
}

// Outbox keeps messages on the disk until their sink has taken them: at least once, each sink in the order of Append, one sink
// never waiting for another. It is safe for concurrent use.
type Outbox struct {
	Options
	db     *bolt.DB
	queues map[string]*queue

	ctx    context.Context //nolint:containedctx // of the goroutines that Close ends
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.RWMutex // held for reading while something is appended
	closed bool
}

// ErrClosed says that an outbox takes nothing any more.
var ErrClosed = errors.New("the outbox is closed")

// OpenOutbox opens or makes outbox.db in dir and goes on with what a process before has left. It is an error when another
// process has the file.
func OpenOutbox(dir string, sinks []Sink, o Options) (*Outbox, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = EventsConfig{}.WithDefaults().MaxBytes
	}
	if o.Count == nil {
		o.Count = func(string, string, int) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of the outbox: %w", err)
	}
	path := filepath.Join(dir, outboxFile)
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 1500 * time.Millisecond, NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("outbox %s is in use by another process: gateways on one machine need a ledger.path each", path)
	}
	if err != nil {
		return nil, fmt.Errorf("outbox %s: %w", path, err)
	}
	box := &Outbox{Options: o, db: db, queues: make(map[string]*queue, len(sinks))}
	box.ctx, box.cancel = context.WithCancel(context.Background())
	for _, s := range sinks {
		box.queues[s.Name()] = &queue{sink: s, shelf: shelf{db, s.Name()}, wake: make(chan struct{}, 1), retry: make(chan struct{}, 1)}
	}
	if err := box.ready(); err != nil {
		box.cancel()
		return nil, errors.Join(fmt.Errorf("outbox %s: %w", path, err), db.Close())
	}
	for _, q := range box.queues {
		box.work.Go(func() { box.pump(q) })
	}
	return box, nil
}

// ready makes the shelves. What lies there for a sink that is not configured any more stays, and is told of: it may be back
// with the next file.
func (o *Outbox) ready() error {
	err := o.db.Update(func(tx *bolt.Tx) error {
		for _, q := range o.queues {
			if err := q.shelf.make(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if string(name) == weights || o.queues[string(name)] != nil {
				return nil
			}
			if k, _ := b.Cursor().First(); k != nil {
				o.Log.Warn("messages wait for a sink that is not configured any more", slog.String("sink", string(name)))
			}
			return nil
		})
	})
}

// Append keeps messages for their sinks. When it returns without an error all of them are on the disk, and each will be
// delivered, unless the outbox is so full that the oldest of its sink are dropped and counted.
func (o *Outbox) Append(ms ...Message) error {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.closed {
		return ErrClosed
	}
	for _, m := range ms {
		if o.queues[m.To] == nil {
			return fmt.Errorf("message %s: there is no sink %q", m.ID, m.To)
		}
	}
	var dropped map[string]int
	// Those who append at the same time share one write. The function may run twice: it keeps nothing of the first time.
	err := o.db.Batch(func(tx *bolt.Tx) error {
		dropped = map[string]int{}
		for _, m := range ms {
			n, err := o.queues[m.To].shelf.put(tx, m, o.MaxBytes)
			if err != nil {
				return fmt.Errorf("message %s: %w", m.ID, err)
			}
			dropped[m.To] += n
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	for to, n := range dropped {
		o.queues[to].overflow(o, n)
		o.queues[to].nudge()
	}
	return nil
}

// Close waits for the message that each sink is taking, leaves the rest to the next process, and closes the sinks and the file.
func (o *Outbox) Close() error {
	o.mu.Lock()
	again := o.closed
	o.closed = true
	o.mu.Unlock()
	if again {
		return nil
	}
	o.cancel()
	o.work.Wait()
	var errs []error
	for _, q := range o.queues {
		if c, ok := q.sink.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	if err := errors.Join(append(errs, o.db.Close())...); err != nil {
		return fmt.Errorf("close the outbox: %w", err)
	}
	return nil
}
