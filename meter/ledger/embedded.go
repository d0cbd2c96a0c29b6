package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var (
	_ Store    = (*Embedded)(nil)
	_ Deferrer = (*Embedded)(nil)
)

// fileName is the database inside the store's directory.
const fileName = "ledger.db"

// EmbeddedFile is the file of an embedded store in dir.
func EmbeddedFile(dir string) string { return filepath.Join(dir, fileName) }

// Embedded is a Store in one file, for one process. What may be spent is on the disk
// before it is; calls that wait for the disk at the same time share one write, and
// those that need not wait share one with whoever comes within 50 ms. It is safe for
// concurrent use.
type Embedded struct {
	book   book
	now    func() time.Time
	db     *bolt.DB
	j      *journal
	places places // its Slots
}

// OpenEmbedded opens or makes ledger.db in dir (made with mode 0700). Streams that
// a dead process left there are charged what they were granted. A nil zone is
// UTC, a nil clock time.Now. It is an error when another process has the file.
func OpenEmbedded(dir string, loc *time.Location, now func() time.Time) (*Embedded, error) {
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ledger directory: %w", err)
	}
	path := EmbeddedFile(dir)
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: 1500 * time.Millisecond,
		// The list of free pages is found again at opening: a commit writes less.
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		// A file that grows past its mapping waits for every reader.
		InitialMmapSize: 64 << 20,
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("ledger %s is %w", path, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	e := &Embedded{book: newBook(loc), now: now, db: db}
	if err := e.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("ledger %s: %w", path, err), db.Close())
	}
	e.j = newJournal(db, now)
	return e, nil
}

// recover closes the streams of the last process, a thousand at a time, so that
// no transaction grows with their number.
func (e *Embedded) recover() error {
	for n := -1; n != 0; {
		err := e.db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(root))
			if err != nil {
				return err
			}
			n, err = e.book.orphans(boltTable{b}, 1000, e.now())
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// write runs fn and waits until its changes are on the disk.
func (e *Embedded) write(ctx context.Context, op string, fn func(t table, now time.Time) error) error {
	g, err := e.j.do(ctx, fn)
	if err == nil {
		err = e.j.await(ctx, g)
	}
	return during(op, err)
}

// read runs fn on the newest state.
func (e *Embedded) read(ctx context.Context, op string, fn func(v view) error) error {
	err := ctx.Err()
	if err == nil {
		err = e.j.read(fn)
	}
	return during(op, err)
}

func during(op string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// Lease is Ledger.Lease: the grant is on the disk.
func (e *Embedded) Lease(ctx context.Context, r Request) (Grant, error) {
	g, receipt, err := e.LeaseSoon(ctx, r)
	if err != nil {
		return Grant{}, err
	}
	if err := receipt.Wait(ctx); err != nil {
		return Grant{}, err
	}
	return g, nil
}

// LeaseSoon is Deferrer.LeaseSoon. While the disk fails it fails, too.
func (e *Embedded) LeaseSoon(ctx context.Context, r Request) (Grant, *Receipt, error) {
	r, err := checkRequest(r)
	if err != nil {
		return Grant{}, nil, err
	}
	var g Grant
	w, err := e.j.do(ctx, func(t table, now time.Time) (err error) {
		g, err = e.book.lease(t, r, now)
		return err
	})
	if err != nil {
		return Grant{}, nil, during("lease", err)
	}
	return g, &Receipt{e.j, w}, nil
}

// Settle is Ledger.Settle. It waits for the disk only where a crash would otherwise
// charge too little: a stream that is not known to be settled is charged what it was
// granted, and that is on the disk since before it was spent.
func (e *Embedded) Settle(ctx context.Context, r Request) (Usage, error) {
	r, err := checkRequest(r)
	if err != nil {
		return Usage{}, err
	}
	var (
		u       Usage
		covered bool
	)
	w, err := e.j.do(ctx, func(t table, now time.Time) (err error) {
		u, covered, err = e.book.settle(t, r, now)
		return err
	})
	if err == nil && !covered {
		err = e.j.await(ctx, w)
	}
	if err != nil {
		return Usage{}, during("settle", err)
	}
	return u, nil
}

// Usage is Ledger.Usage.
func (e *Embedded) Usage(ctx context.Context, q Query) (u Usage, err error) {
	if err := checkQuery(q); err != nil {
		return Usage{}, err
	}
	err = e.read(ctx, "usage", func(v view) error {
		u, err = e.book.usage(v, q, nil, e.now())
		return err
	})
	return u, err
}

// State is States.State.
func (e *Embedded) State(ctx context.Context, user string) (s State, err error) {
	if err := checkUser(user); err != nil {
		return State{}, err
	}
	err = e.read(ctx, "state", func(v view) error {
		s, err = e.book.state(v, user)
		return err
	})
	return s, err
}

// SetState is States.SetState.
func (e *Embedded) SetState(ctx context.Context, user string, s State) (State, error) {
	if err := checkState(user, s); err != nil {
		return State{}, err
	}
	s.Data = append([]byte{}, s.Data...) // the caller may leave before the write
	var out State
	err := e.write(ctx, "set state", func(t table, _ time.Time) (err error) {
		out, err = e.book.setState(t, user, s)
		return err
	})
	if err != nil {
		return State{}, err
	}
	return out, nil
}

// Ping writes to the disk: a full or read-only one must not look ready.
func (e *Embedded) Ping(ctx context.Context) error {
	return e.write(ctx, "ping", func(t table, _ time.Time) error {
		return t.put([]byte{keyProbe}, []byte{recordVersion})
	})
}

// Close writes what is left and closes the file. Its error says that the newest
// settles may be lost: those streams stay charged with what they had been granted. A
// second call does nothing.
func (e *Embedded) Close() error {
	return errors.Join(during("last write", e.j.stop()), e.db.Close())
}

// Receipt tells when the disk has what a lease says.
type Receipt struct {
	j *journal
	g *group // nil: it has had it before
}

// Written reports whether it has, without waiting.
func (r *Receipt) Written() bool { return r.g == nil || r.g.over() && r.g.err == nil }

// Wait returns when it has; the disk is told to hurry. After an error it may have or not.
func (r *Receipt) Wait(ctx context.Context) error { return during("lease", r.j.await(ctx, r.g)) }
