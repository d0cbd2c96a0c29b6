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

func TestRedis(t *testing.T) { ledgertest.Run(t, onRedis(ledgertest.StartRedis(t).URL())) }

func TestValkey(t *testing.T) {
	s := ledgertest.StartValkey(t)
	open := onRedis(s.URL())
	ledgertest.Run(t, open)
	t.Run("Mover", func(t *testing.T) { ledgertest.RunMover(t, open, open) })
	t.Run("Rights", func(t *testing.T) {
		permit(s.Do, rights(t)[0])
		if err := everything(t, asGate(s.URL())); err != nil {
			t.Error(err)
		}
	})
}

// onRedis opens empty stores on a server: each has a prefix of its own.
func onRedis(url string) ledgertest.Open {
	var n atomic.Int64
	return func(t *testing.T, now func() time.Time, loc *time.Location) ledger.Store {
		r := openRedis(t, url, fmt.Sprintf("t%d:", n.Add(1)), loc, ledger.RedisOptions{})
		r.HoldClock(now)
		return r
	}
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
