package ledgertest

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// Backend is a backend that counts on a server by itself, in keys of its own: what the layout
// fair_use has to agree with. It is written from the description of those keys and shares no code with the store.
type Backend struct {
	T   testing.TB
	S   *RedisServer
	UID string
	Now func() time.Time
}

// backendKeeps is its retention.
const backendKeeps = 8 * 24 * time.Hour

func (b *Backend) day() string {
	return "fair_use:dg_budget:" + b.UID + ":" + b.Now().UTC().Format("20060102")
}

// Charge is its budget's record: what was sent to a vendor today.
func (b *Backend) Charge(ms int64) {
	b.T.Helper()
	now := b.Now().UTC()
	midnight := now.Truncate(24 * time.Hour).Add(24 * time.Hour)
	b.S.Do("INCRBY", b.day(), ms)
	b.S.Do("EXPIRE", b.day(), int64(midnight.Sub(now)/time.Second)+3600)
}

// Used is its budget's status.
func (b *Backend) Used() int64 {
	b.T.Helper()
	return b.number(b.S.Do("GET", b.day()))
}

// Record is its recording of speech.
func (b *Backend) Record(ms int64) {
	b.T.Helper()
	now := b.Now().Unix()
	index := strconv.FormatInt(now/60, 10)
	b.S.Do("HINCRBY", "fair_use:bucket:"+b.UID, index, ms)
	b.S.Do("EXPIRE", "fair_use:bucket:"+b.UID, int64(backendKeeps/time.Second))
	b.S.Do("ZADD", "fair_use:speech:"+b.UID, now/60*60, index)
	b.S.Do("EXPIRE", "fair_use:speech:"+b.UID, int64(backendKeeps/time.Second))
	last := now - int64(backendKeeps/time.Second)
	old := b.list(b.S.Do("ZRANGEBYSCORE", "fair_use:speech:"+b.UID, 0, last))
	b.S.Do("ZREMRANGEBYSCORE", "fair_use:speech:"+b.UID, 0, last)
	if len(old) > 0 {
		b.S.Do(slices.Concat([]any{"HDEL", "fair_use:bucket:" + b.UID}, old)...)
	}
}

// Sums are its rolling sums: of a day, three days and a week.
func (b *Backend) Sums() (sums [3]int64) {
	b.T.Helper()
	now := b.Now().Unix()
	const day = 24 * 3600
	members := b.list(b.S.Do("ZRANGEBYSCORE", "fair_use:speech:"+b.UID, now-7*day, "+inf"))
	if len(members) == 0 {
		return sums
	}
	values := b.list(b.S.Do(slices.Concat([]any{"HMGET", "fair_use:bucket:" + b.UID}, members)...))
	for i, m := range members {
		if values[i] == nil {
			continue
		}
		begins := b.number(m) * 60
		for w, span := range []int64{day, 3 * day, 7 * day} {
			if begins >= now-span {
				sums[w] += b.number(values[i])
			}
		}
	}
	return sums
}

func (b *Backend) list(v any) []any {
	b.T.Helper()
	all, ok := v.([]any)
	if !ok && v != nil {
		b.T.Fatalf("%v is no list", v)
	}
	return all
}

// number is Python's int(); nothing is 0.
func (b *Backend) number(v any) int64 {
	b.T.Helper()
	if v == nil {
		return 0
	}
	n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	if err != nil {
		b.T.Fatalf("%v is no amount", v)
	}
	return n
}
