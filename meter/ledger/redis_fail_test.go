package ledger_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// server is a Redis, a store on it, and an operator at its console.
type server struct {
	*ledgertest.RedisServer
	*ledger.Redis
	t      *testing.T
	resets atomic.Int64
}

func serveRedis(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{t: t, RedisServer: ledgertest.StartRedis(t, args...)}
	s.Redis = openRedis(t, s.URL(), "f:", nil, ledger.RedisOptions{Reset: func() { s.resets.Add(1) }})
	t.Cleanup(func() { closeStore(t, s.Redis) })
	return s
}

func (s *server) lease(stream string, ceiling, spent, want int64, scopes ...ledger.Scope) {
	s.t.Helper()
	g, err := s.Lease(s.t.Context(), ledger.Request{User: "u", Stream: stream, Scopes: scopes, Ceiling: ceiling, Spent: spent})
	if err != nil || g.Ceiling != want {
		s.t.Fatalf("lease of %s: %d, %v; want %d", stream, g.Ceiling, err, want)
	}
}

func (s *server) settle(stream string, spent int64, scopes ...ledger.Scope) {
	s.t.Helper()
	if _, err := s.Settle(s.t.Context(), ledger.Request{User: "u", Stream: stream, Scopes: scopes, Spent: spent}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) used(want int64, sc ledger.Scope) {
	s.t.Helper()
	if n := used(s.t, s.Redis, sc); n != want {
		s.t.Fatalf("%s: %d used, want %d", sc.Budget, n, want)
	}
}

func everyone(limit int64) ledger.Scope {
	return ledger.Scope{Budget: "breaker", Owner: "all", Window: ledger.Window{Unit: ledger.Day}, Limit: limit}
}

func TestRunningStreamsAreChargedAgainAfterDataLoss(t *testing.T) {
	s := serveRedis(t)
	s.lease("before", 3000, 0, 3000, daily(60_000))
	s.lease("before", 6000, 2000, 6000) // the budget no longer applies
	s.lease("a", 5000, 0, 5000, daily(60_000), everyone(1<<40))
	s.lease("a", 9000, 4000, 9000, daily(60_000), everyone(1<<40))
	s.lease("late", 5000, 0, 5000)
	s.lease("late", 9000, 3000, 9000, daily(60_000)) // counts from 3000
	s.lease("unasked", 1000, 0, 1000, daily(60_000))
	s.Do("FLUSHALL")
	s.lease("a", 12_000, 8000, 12_000, daily(60_000), everyone(1<<40))
	s.used(12_000, daily(60_000))
	s.used(12_000, everyone(1<<40))
	s.lease("a", 12_000, 8000, 12_000, daily(60_000), everyone(1<<40))
	s.settle("late", 7000, daily(60_000)) // a settle may be the first to come
	s.used(12_000+4000, daily(60_000))
	s.lease("before", 9000, 5000, 9000)
	s.settle("before", 5000)
	s.settle("unasked", 900, daily(60_000))
	s.settle("a", 10_000, daily(60_000), everyone(1<<40))
	s.used(10_000+4000+900, daily(60_000))
	s.used(10_000, everyone(1<<40))
	if n := s.resets.Load(); n != 4 {
		t.Errorf("%d streams were found lost, two by their leases and two by their ends; want 4", n)
	}
}

func TestAKilledServerWithALogForgetsNothing(t *testing.T) {
	s := serveRedis(t)
	s.lease("a", 5000, 0, 5000, daily(60_000))
	s.settle("b", 3000, daily(60_000))
	s.Kill()
	if err := s.Ping(t.Context()); err == nil || ledger.Class(err) != "network" {
		t.Errorf("%v is of class %s", err, ledger.Class(err))
	}
	s.Start()
	s.used(8000, daily(60_000))
	s.lease("a", 9000, 4000, 9000, daily(60_000))
	s.settle("a", 6000)
	s.used(9000, daily(60_000))
	if s.resets.Load() != 0 {
		t.Error("data loss is reported")
	}
}

func TestAHangingServerIsLeftAfterTheTimeout(t *testing.T) {
	s := ledgertest.StartRedis(t)
	r, err := ledger.OpenRedis(ledger.RedisConfig{URL: secret.New(s.URL()), Timeout: 50 * time.Millisecond}, nil, ledger.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, r)
	for r.Ping(t.Context()) != nil && t.Context().Err() == nil { // until there is a connection
	}
	s.Signal(syscall.SIGSTOP)
	defer s.Signal(syscall.SIGCONT)
	began := time.Now()
	_, err = r.Lease(t.Context(), ledger.Request{User: "u", Stream: "a", Ceiling: 5000})
	if ledger.Class(err) != "timeout" {
		t.Errorf("%v is of class %s", err, ledger.Class(err))
	}
	if took := time.Since(began); took > 3*time.Second { // the library's own patience is 5 s
		t.Errorf("the call took %v", took)
	}
}

func TestWhatAServerRefusesIsClassedAndNotDenied(t *testing.T) {
	fails := func(t *testing.T, s *server, class string) {
		t.Helper()
		_, err := s.Lease(t.Context(), ledger.Request{User: "u", Stream: "a", Scopes: []ledger.Scope{daily(60_000)}, Ceiling: 5000})
		if err == nil || ledger.Class(err) != class {
			t.Errorf("%v is of class %q, want %q", err, ledger.Class(err), class)
		}
	}
	t.Run("full memory", func(t *testing.T) {
		s := serveRedis(t)
		s.Do("CONFIG", "SET", "maxmemory", "1")
		fails(t, s, "oom")
		s.Do("CONFIG", "SET", "maxmemory", "0")
		s.used(0, daily(60_000)) // nothing is half done
		s.lease("a", 5000, 0, 5000, daily(60_000))
	})
	t.Run("a replica", func(t *testing.T) {
		s := serveRedis(t)
		primary := ledgertest.StartRedis(t)
		host, port, _ := strings.Cut(primary.Addr(), ":")
		s.Do("REPLICAOF", host, port)
		fails(t, s, "readonly")
	})
	t.Run("forgotten scripts are sent again", func(t *testing.T) {
		s := serveRedis(t)
		s.lease("a", 5000, 0, 5000, daily(60_000))
		s.Do("SCRIPT", "FLUSH")
		s.lease("a", 9000, 3000, 9000, daily(60_000))
	})
	t.Run("a wrong password", func(t *testing.T) {
		s := ledgertest.StartRedis(t, "--requirepass", "right")
		u := url.URL{Scheme: "redis", Host: s.Addr(), User: url.UserPassword("", "wr0ng-s3cret")}
		r := openRedis(t, u.String(), "f:", nil, ledger.RedisOptions{})
		defer closeStore(t, r)
		err := r.Ping(t.Context())
		if ledger.Class(err) != "auth" || strings.Contains(fmt.Sprint(err), "wr0ng-s3cret") {
			t.Errorf("%v is of class %s", err, ledger.Class(err))
		}
	})
}

func TestClassesOfWhatAServerSays(t *testing.T) {
	for said, want := range map[string]string{
		"LOADING Redis is loading the dataset in memory": "loading", "MASTERDOWN Link with MASTER is down": "loading",
		"CLUSTERDOWN The cluster is down": "moved", "MOVED 3999 127.0.0.1:6381": "moved", "TRYAGAIN Multiple keys request": "moved",
		"ERR Script attempted to access a non local key in a cluster node script: x": "moved",
		"OOM command not allowed when used memory > 'maxmemory'. script: x":          "oom",
		"READONLY You can't write against a read only replica.":                      "readonly",
		"NOSCRIPT No matching script.":                                               "noscript", "NOPERM this user has no permissions": "auth",
		"BUSY Redis is busy running a script.": "busy", "ERR syntax error": "other",
	} {
		if got := ledger.Class(serverSaid(said)); got != want {
			t.Errorf("%s: %s, want %s", said, got, want)
		}
	}
}

// serverSaid is an error as the library makes it of an answer.
type serverSaid string

func (e serverSaid) Error() string { return string(e) }
func (e serverSaid) RedisError()   {}

func TestServersThatWouldLoseMoneyAreNamed(t *testing.T) {
	for _, c := range []struct {
		args []string
		want ledger.Risks
	}{
		{nil, ledger.Risks{}},
		{[]string{"--appendonly", "no"}, ledger.Risks{NoLog: true}},
		{[]string{"--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"}, ledger.Risks{Evicts: true}},
		{[]string{"--maxmemory", "0", "--maxmemory-policy", "allkeys-lru"}, ledger.Risks{}},
	} {
		s := serveRedis(t, c.args...)
		if got, err := s.Risks(t.Context()); err != nil || got != c.want {
			t.Errorf("%v: %+v, %v; want %+v", c.args, got, err, c.want)
		}
	}
}
