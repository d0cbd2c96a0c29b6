package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sttgate/sttgate/config/secret"
)

// RedisReader reads single keys of somebody else's server. It writes nothing there, and needs no right but GET.
// It is safe for concurrent use.
type RedisReader struct {
	db      redis.UniversalClient
	timeout time.Duration
}

// CheckRedisURL says what is wrong with a URL of the forms that ledger.redis.url has, without repeating it.
func CheckRedisURL(url secret.Value) error {
	_, err := parseRedisURL(url.Reveal())
	return err
}

// OpenRedisReader prepares a reader and connects to nothing.
func OpenRedisReader(url secret.Value, timeout time.Duration) (*RedisReader, error) {
	o, err := parseRedisURL(url.Reveal())
	if err != nil {
		return nil, err
	}
	o.PoolSize = readerPool
	restrain(o, timeout)
	return &RedisReader{redis.NewUniversalClient(o), timeout}, nil
}

// readerPool bounds the connections to a server that others live from.
const readerPool = 8

// Read returns the string at a key; ok is false where there is none. An error never holds the value.
func (r *RedisReader) Read(ctx context.Context, key string) (value string, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	switch value, err = r.db.Get(ctx, key).Result(); {
	case errors.Is(err, redis.Nil):
		return "", false, nil
	case errors.Is(err, redis.ErrClosed):
		err = ErrClosed
	case err == nil:
		return value, true, nil
	}
	return "", false, fmt.Errorf("read key: %w", err)
}

// Close ends the connections.
func (r *RedisReader) Close() error { return r.db.Close() }
