package ledger

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// A replica that takes over has not heard of the newest writes. With RedisConfig.Replicas what a stream bought and
// what it cost count when so many replicas have them; until then the gateway's own disk has them: a lease that is
// only where it was answered is in the outage journal before it is spent (Grant.Lone), and an end that is only there stays
// in it and is told again.

// mostReplicas bounds what a config may wait for.
const mostReplicas = 8

// mostWait bounds the wait for them: what is not there by then is written down here.
const mostWait = 500 * time.Millisecond

// loneFor is how often replicas that do not answer are waited for: every call would hold a connection for so long.
const loneFor = time.Second

// errReplicas says that an end is on the primary and not yet where it would outlive it.
var errReplicas = errors.New("too few replicas have it")

// replicas is who has to have what was written.
type replicas struct {
	want  int           // 0: nobody is waited for
	wait  time.Duration // at most
	until atomic.Int64  // unix nanoseconds up to which they are only asked; 0 while they answer
}

// patience is how long the server is to wait for them, in its milliseconds. Of replicas that did not answer one call a
// while finds out whether they do.
func (r *replicas) patience() int64 {
	now, until := time.Now(), r.until.Load()
	if until != 0 && (now.UnixNano() < until || !r.until.CompareAndSwap(until, now.Add(loneFor).UnixNano())) {
		return 1
	}
	return max(r.wait.Milliseconds(), 1)
}

// waited notes how many have it, and says whether these are too few.
func (r *replicas) waited(n int64) (lone bool) {
	if n >= int64(r.want) {
		r.until.Store(0)
		return false
	}
	r.until.CompareAndSwap(0, time.Now().Add(loneFor).UnixNano())
	return true
}

// written runs a script and waits until replicas have what it has written: on one connection, so that it is the server
// which has it that waits for its replicas, also in the middle of a failover.
func (r *Redis) written(ctx context.Context, s *redis.Script, keys []string, args ...any) (v []any, lone bool, err error) {
	for _, run := range []func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd{s.EvalSha, s.Eval} {
		var said, have *redis.Cmd
		_, err = r.db.Pipelined(ctx, func(p redis.Pipeliner) error {
			said = run(ctx, p, keys, args...)
			have = p.Do(ctx, "WAIT", r.replicas.want, r.replicas.patience())
			return nil
		})
		n, failed := have.Int64()
		if failed == nil {
			lone = r.replicas.waited(n)
		}
		if redis.HasErrorPrefix(err, "NOSCRIPT") {
			continue
		}
		if err = cmp.Or(err, failed); err != nil {
			return nil, false, err
		}
		v, err = said.Slice()
		return v, lone, err
	}
	return nil, false, err
}
