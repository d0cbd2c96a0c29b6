package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

func bobs(limit int) []ledger.Slot { return []ledger.Slot{{Owner: "user:bob", Limit: limit}} }

// place wants a place, or that there is none.
func place(t *testing.T, r *ledger.Redis, want bool, s []ledger.Slot) *ledger.Place {
	t.Helper()
	p, err := r.Take(t.Context(), s)
	if full := errors.As(err, &ledger.FullError{}); full == want || err != nil && !full {
		t.Fatalf("place with %v: %v; wanted %v", s, err, want)
	}
	if want && p.Dark != nil {
		t.Fatalf("place with %v: %v", s, p.Dark)
	}
	return p
}

// until waits for something to become true.
func until(t *testing.T, what string, yes func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(time.Minute); !yes(); <-look.C {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func runs(t *testing.T, r *ledger.Redis, owner string, want int) {
	t.Helper()
	if n, err := r.Running(t.Context(), owner); err != nil || n != want {
		t.Fatalf("%s runs %d, %v; want %d", owner, n, err, want)
	}
}

// gateways are two on one server, at a clock that stands.
func gateways(t *testing.T) (a, b *ledger.Redis, clock *ledgertest.Clock, server *redis.Client) {
	t.Helper()
	s := ledgertest.StartRedis(t)
	clock = ledgertest.NewClock(time.Now())
	a, b = openRedis(t, s.URL(), "s:", nil, ledger.RedisOptions{}), openRedis(t, s.URL(), "s:", nil, ledger.RedisOptions{})
	a.HoldClock(clock.Now)
	b.HoldClock(clock.Now)
	server = redis.NewClient(&redis.Options{Addr: s.Addr()})
	t.Cleanup(func() { _ = server.Close() })
	return a, b, clock, server
}

func TestPlacesAreSharedBetweenGateways(t *testing.T) {
	a, b, _, server := gateways(t)
	defer closeStore(t, a)
	defer closeStore(t, b)
	first := place(t, a, true, bobs(2))
	second := place(t, b, true, bobs(2))
	place(t, a, false, bobs(2))
	place(t, b, false, bobs(2))
	runs(t, a, "user:bob", 2)
	runs(t, b, "user:bob", 2)
	first.Release()
	until(t, "a's place comes back", a.Told)
	third := place(t, b, true, bobs(2))
	place(t, a, false, bobs(2))
	second.Release()
	third.Release()
	until(t, "b's places come back", b.Told)
	runs(t, a, "user:bob", 0)
	if n := server.Exists(t.Context(), "s:{user:bob}:slots").Val(); n != 0 {
		t.Error("an owner without streams keeps its key")
	}
}

func TestAPlaceOfADeadGatewayComesBackWithItsLastHeartbeat(t *testing.T) {
	a, b, clock, _ := gateways(t)
	defer closeStore(t, b)
	place(t, a, true, bobs(2))
	place(t, a, true, bobs(2))
	a.Abandon()
	place(t, b, false, bobs(2))
	clock.Add(29 * time.Second)
	place(t, b, false, bobs(2))
	runs(t, b, "user:bob", 2)
	clock.Add(2 * time.Second)
	runs(t, b, "user:bob", 0)
	place(t, b, true, bobs(2))
	place(t, b, true, bobs(2))
	place(t, b, false, bobs(2))
	runs(t, b, "user:bob", 2)
}

func TestAGatewayThatWasCutOffTellsWhatItHolds(t *testing.T) {
	s := ledgertest.StartRedis(t)
	way := ledgertest.StartProxy(t, s.Addr(), 1)
	clock := ledgertest.NewClock(time.Now())
	a, b := openRedis(t, way.URL(), "s:", nil, ledger.RedisOptions{}), openRedis(t, s.URL(), "s:", nil, ledger.RedisOptions{})
	defer closeStore(t, a)
	defer closeStore(t, b)
	a.HoldClock(clock.Now)
	b.HoldClock(clock.Now)
	mine := place(t, a, true, bobs(1))
	way.Set(ledgertest.Faults{Hang: true})
	clock.Add(time.Minute)
	theirs := place(t, b, true, bobs(1)) // a counts no more
	way.Set(ledgertest.Faults{})
	if err := a.Beat(); err != nil {
		t.Fatal(err)
	}
	until(t, "a tells its places", a.Told)
	runs(t, b, "user:bob", 2) // nobody is cut off for that
	theirs.Release()
	until(t, "b's place comes back", b.Told)
	place(t, b, false, bobs(1))
	mine.Release()
	until(t, "a's place comes back", a.Told)
	place(t, b, true, bobs(1))
}

func TestLostDataIsToldAgain(t *testing.T) {
	a, b, _, server := gateways(t)
	defer closeStore(t, a)
	defer closeStore(t, b)
	place(t, a, true, bobs(2))
	place(t, b, true, append(bobs(ledger.Uncapped), ledger.Slot{Owner: "all", Limit: ledger.Uncapped}))
	until(t, "b tells its places", b.Told)
	server.FlushAll(t.Context())
	for _, r := range []*ledger.Redis{a, b} {
		if err := r.Beat(); err != nil {
			t.Fatal(err)
		}
		until(t, "all is told again", r.Told)
	}
	runs(t, a, "user:bob", 2)
	runs(t, a, "all", 1)
	place(t, a, false, bobs(2))
}

func TestAGatewayThatGoesTakesItsPlacesWithIt(t *testing.T) {
	a, b, _, _ := gateways(t)
	defer closeStore(t, b)
	place(t, a, true, bobs(1))
	closeStore(t, a)
	place(t, b, true, bobs(1))
	if _, err := a.Take(t.Context(), bobs(1)); !errors.Is(err, ledger.ErrClosed) {
		t.Error(err)
	}
}

func TestWithoutLimitsNothingIsAsked(t *testing.T) {
	a, b, _, server := gateways(t)
	defer closeStore(t, a)
	defer closeStore(t, b)
	for range 10 {
		place(t, a, true, bobs(0))
	}
	runs(t, a, "user:bob", 10)
	if keys := server.Keys(t.Context(), "*").Val(); len(keys) != 0 {
		t.Errorf("%v", keys)
	}
}

func TestALimitThatComesLaterMeetsWhatRunsEverywhere(t *testing.T) {
	a, b, _, _ := gateways(t)
	defer closeStore(t, a)
	defer closeStore(t, b)
	for range 3 {
		place(t, a, true, bobs(ledger.Uncapped))
	}
	until(t, "a tells its places", a.Told)
	place(t, b, false, bobs(1))
	place(t, b, false, bobs(3))
	place(t, b, true, bobs(4))
	runs(t, a, "user:bob", 4)
}

// TestWithoutItsServerAGatewayGoesByItsOwnCount also wants that the server is told afterwards.
func TestWithoutItsServerAGatewayGoesByItsOwnCount(t *testing.T) {
	s := ledgertest.StartRedis(t)
	way := ledgertest.StartProxy(t, s.Addr(), 1)
	open := func(url string, timeout time.Duration) *ledger.Redis {
		c := redisConfig(url, "s:")
		c.Timeout = timeout
		r, err := ledger.OpenRedis(c, nil, ledger.RedisOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a, b := open(way.URL(), 300*time.Millisecond), open(s.URL(), 10*time.Second)
	defer closeStore(t, a)
	defer closeStore(t, b)
	place(t, b, true, bobs(2))
	way.Set(ledgertest.Faults{Hang: true})
	var held []*ledger.Place
	for range 2 {
		p, err := a.Take(t.Context(), bobs(2))
		if err != nil || ledger.Class(p.Dark) != "timeout" {
			t.Fatalf("%v, %v", p, err)
		}
		held = append(held, p)
	}
	if _, err := a.Take(t.Context(), bobs(2)); !errors.As(err, &ledger.FullError{}) {
		t.Fatalf("%v: its own count is a limit, too", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Take(gone, []ledger.Slot{{Owner: "user:eve", Limit: 1}}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	held[0].Release()
	way.Set(ledgertest.Faults{})
	until(t, "the server knows", func() bool { n, err := b.Running(t.Context(), "user:bob"); return err == nil && n == 2 })
	place(t, b, false, bobs(2))
	held[1].Release()
	until(t, "the server knows", func() bool { n, err := b.Running(t.Context(), "user:bob"); return err == nil && n == 1 })
	place(t, b, true, bobs(2)).Release()
}

// TestGatewaysNeverRunMoreThanTheLimit lets streams come and go on three gateways whose way to the server
// loses replies, or lets them overtake each other. A place that was taken without the server's word
// is outside of the promise, and must be counted afterwards all the same.
func TestGatewaysNeverRunMoreThanTheLimit(t *testing.T) {
	s := ledgertest.StartRedis(t)
	for name, faults := range map[string]ledgertest.Faults{
		"undisturbed": {}, "a tenth of the replies is lost": {Lose: 0.1}, "late and lost": {Lose: 0.05, Delay: 3 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			way := ledgertest.StartProxy(t, s.Addr(), 5)
			prefix := fmt.Sprintf("n%d:", len(name))
			var all []*ledger.Redis
			for range 3 {
				all = append(all, openRedis(t, way.URL(), prefix, nil, ledger.RedisOptions{}))
			}
			way.Set(faults)
			neverMore(t, all, 4)
			way.Set(ledgertest.Faults{})
			t.Logf("%d replies lost", way.Lost())
			if faults.Lose > 0 && way.Lost() == 0 {
				t.Error("no reply was lost")
			}
			nothingLeft(t, all)
			for _, r := range all {
				closeStore(t, r)
			}
		})
	}
}

// neverMore takes and gives back places on all gateways at once.
func neverMore(t *testing.T, all []*ledger.Redis, limit int) {
	t.Helper()
	var now, most, taken, dark atomic.Int64
	var wg sync.WaitGroup
	for i := range 12 {
		rng := rand.New(rand.NewPCG(11, uint64(i))) //nolint:gosec // chance, not a secret
		wg.Go(func() {
			for range 30 {
				p, err := all[i%len(all)].Take(context.Background(), append(bobs(limit), ledger.Slot{Owner: "all", Limit: 100}))
				if errors.As(err, &ledger.FullError{}) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				taken.Add(1)
				if p.Dark != nil {
					dark.Add(1)
					p.Release()
					continue
				}
				for n := now.Add(1); ; {
					if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
						break
					}
				}
				if _, err := all[rng.IntN(len(all))].Running(context.Background(), "all"); err != nil && ledger.Class(err) != "network" && ledger.Class(err) != "moved" {
					t.Error(err)
				}
				now.Add(-1)
				p.Release()
			}
		})
	}
	wg.Wait()
	t.Logf("%d places taken, %d in the dark, %d at most at once", taken.Load(), dark.Load(), most.Load())
	if most.Load() > int64(limit) || taken.Load() == 0 {
		t.Errorf("%d ran at once, the limit is %d; %d were taken", most.Load(), limit, taken.Load())
	}
}

// nothingLeft wants that no place is left taken when all is told.
func nothingLeft(t *testing.T, all []*ledger.Redis) {
	t.Helper()
	for _, r := range all {
		until(t, "everything is told", func() bool { return r.Beat() == nil && r.Told() })
	}
	runs(t, all[0], "user:bob", 0)
	runs(t, all[0], "all", 0)
}

func TestPlacesOfManyStreamsCostOneHeartbeat(t *testing.T) {
	a, b, _, server := gateways(t)
	defer closeStore(t, a)
	defer closeStore(t, b)
	began := time.Now()
	for i := range 200 {
		place(t, a, true, []ledger.Slot{{Owner: fmt.Sprint("user:", i), Limit: 1}})
	}
	var beats int
	for line := range strings.Lines(server.Info(t.Context(), "commandstats").Val()) {
		if rest, ok := strings.CutPrefix(line, "cmdstat_zadd:calls="); ok {
			if _, err := fmt.Sscanf(rest, "%d", &beats); err != nil {
				t.Fatal(err)
			}
		}
	}
	if most := 2 + int(time.Since(began)/(10*time.Second)); beats < 1 || beats > most {
		t.Errorf("%d heartbeats for 200 streams", beats)
	}
	if n := server.ZCard(t.Context(), "s:{gateways}:beats").Val(); n != 1 {
		t.Errorf("%d gateways live, one holds something", n)
	}
}
