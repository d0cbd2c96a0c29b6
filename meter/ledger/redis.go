package ledger

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

var _ Store = (*Redis)(nil)

// Redis is a Store on a server that any number of gateways share: single, with
// Sentinels, or a Cluster; Redis 7.0 and up, or Valkey. The algorithm is in lua/, runs in
// the server at one instant and by its clock. It is safe for concurrent use.
//
// The budgets of the stream's own user are bought in one call. Those of other owners
// (a provider's, everyone's) may lie on another server: each owner is another call, and what
// one granted beyond the others is given back. The smallest grant is the one that is told, so
// an error in between charges too much for a while and never too little.
type Redis struct {
	db      redis.UniversalClient
	scripts scripts
	names   names
	loc     *time.Location
	timeout time.Duration
	clock   func() time.Time // nil is the server's
	log     *slog.Logger
	reset   func()
	open    openStreams
	fair    *FairUse // nil: the native layout
	lines   *lines
	// replicas have what streams have bought and cost before it counts.
	replicas replicas

	id     string       // of this process, in the numbers of its calls
	calls  atomic.Int64 // numbers that were given
	ahead  atomic.Int64 // nanoseconds that the server's clock is ahead of ours
	closed atomic.Bool

	unknown atomic.Int64 // unix second in which it was told that a backend's amount is none

	presence
}

// RedisOptions are what OpenRedis needs beside the file's words.
type RedisOptions struct {
	// Log is told what the client library has to say, and of lost data. Nil: nobody.
	Log *slog.Logger
	// Reset is told once for each running stream that the server has forgotten: data was
	// lost. The stream's own totals are charged again; ended streams' are gone. It may be nil.
	Reset func()
	// FairUse is needed where RedisConfig.Layout is fair_use, and else not looked at.
	FairUse FairUse
	// Gateway says that a gateway runs on the store, in a few words for people: who wants to
	// export its day is told. "" is nobody.
	Gateway string
	// Clock is what scripts are told the time is: simulations pass years in minutes. Nil is the
	// server's, which is the only one that several gateways share.
	Clock func() time.Time
}

// OpenRedis prepares a store and connects to nothing: a gateway starts while its server is
// down. Who says that a gateway runs has a goroutine, until Close. A nil zone is UTC. The library's logger is the process's, so the newest store's
// log gets the lines of all.
func OpenRedis(c RedisConfig, loc *time.Location, o RedisOptions) (*Redis, error) {
	c = c.withDefaults()
	if loc == nil {
		loc = time.UTC
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	client, err := redisOptions(c)
	if err != nil {
		return nil, err
	}
	fair, err := fairUse(c, client, o.FairUse)
	if err != nil {
		return nil, err
	}
	redis.SetLogger(libraryLog{o.Log})
	r := &Redis{
		db: redis.NewUniversalClient(client), scripts: newScripts(), names: names{prefix: c.Prefix}, loc: loc, timeout: c.Timeout,
		presence: presence{gateway: o.Gateway},
		clock:    o.Clock, log: o.Log, reset: o.Reset, fair: fair, id: rand.Text(),
	}
	r.replicas.want, r.replicas.wait = c.Replicas, min(c.Timeout/2, mostWait)
	r.lines = newLines(r)
	return r, nil
}

// Ping is nil while the server takes writes: it writes.
func (r *Redis) Ping(ctx context.Context) error {
	return r.do(ctx, "ping", func(ctx context.Context) error {
		return r.db.Set(ctx, r.names.probe(), r.id, time.Hour).Err()
	})
}

// Close ends the connections. A second call does nothing.
func (r *Redis) Close() error {
	r.leave()
	if r.closed.Swap(true) {
		return nil
	}
	r.lines.close()
	return r.db.Close()
}

// do bounds a call, however many trips it takes.
func (r *Redis) do(ctx context.Context, op string, call func(context.Context) error) error {
	if r.closed.Load() {
		return fmt.Errorf("%s: %w", op, ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	err := r.come(ctx)
	if err == nil {
		err = call(ctx)
	}
	if errors.Is(err, redis.ErrClosed) {
		err = ErrClosed
	}
	return during(op, err)
}

// number names one call, over all gateways.
func (r *Redis) number() string { return r.id + "." + strconv.FormatInt(r.calls.Add(1), 36) }

// Note is Notes.Note.
func (r *Redis) Note(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := checkNote(key, value, ttl); err != nil {
		return err
	}
	return r.do(ctx, "note", func(ctx context.Context) error {
		err := r.scripts.note.Run(ctx, r.db, []string{r.names.note(key)}, r.at(), ttl.Microseconds(), value).Err()
		return unlessNil(err)
	})
}

// Noted is Notes.Noted.
func (r *Redis) Noted(ctx context.Context, key string) (value []byte, err error) {
	err = r.do(ctx, "read note", func(ctx context.Context) error {
		v, err := r.scripts.note.Run(ctx, r.db, []string{r.names.note(key)}, r.at()).Text()
		if err == nil {
			value = append([]byte{}, v...)
		}
		return unlessNil(err)
	})
	return value, err
}

// unlessNil takes the server's nil for an answer.
func unlessNil(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

// at is the clock that scripts are told: 0 for the server's own.
func (r *Redis) at() int64 {
	if r.clock == nil {
		return 0
	}
	return r.clock().UnixMicro()
}

// guess is what the server's clock must show.
func (r *Redis) guess() time.Time {
	if r.clock != nil {
		return r.clock()
	}
	return time.Now().Add(time.Duration(r.ahead.Load()))
}

// heard takes the server's clock from an answer.
func (r *Redis) heard(micros int64) time.Time {
	at := time.UnixMicro(micros)
	if r.clock == nil {
		r.ahead.Store(int64(time.Until(at)))
	}
	return at.In(cmp.Or(r.loc, time.UTC))
}

// libraryLog is where the client library writes.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.WarnContext(ctx, "redis client", slog.String("says", fmt.Sprintf(format, v...)))
}
