package ledger_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

func TestRedis(t *testing.T) {
	s := ledgertest.StartRedis(t)
	var n atomic.Int64
	ledgertest.Run(t, func(t *testing.T, now func() time.Time, loc *time.Location) ledger.Store {
		// A prefix for each test: an empty store.
		r := openRedis(t, s.URL(), fmt.Sprintf("t%d:", n.Add(1)), loc, ledger.RedisOptions{})
		r.HoldClock(now)
		return r
	})
}

// redisConfig waits long for answers: a machine under load is no outage.
func redisConfig(url, prefix string) ledger.RedisConfig {
	return ledger.RedisConfig{URL: secret.New(url), Prefix: prefix, Timeout: 10 * time.Second}
}

func openRedis(t testing.TB, url, prefix string, loc *time.Location, o ledger.RedisOptions) *ledger.Redis {
	t.Helper()
	r, err := ledger.OpenRedis(redisConfig(url, prefix), loc, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
