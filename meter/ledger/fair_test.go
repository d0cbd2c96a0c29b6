package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// openFair opens a store on the keys of a backend.
func openFair(t testing.TB, url, prefix string, loc *time.Location, f ledger.FairUse) *ledger.Redis {
	t.Helper()
	c := redisConfig(url, prefix)
	c.Layout = ledger.LayoutFairUse
	r, err := ledger.OpenRedis(c, loc, ledger.RedisOptions{FairUse: f})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRedisFairUse runs the suite on a backend's keys. They have no prefix: each test has a server's database of its own.
func TestRedisFairUse(t *testing.T) {
	s := ledgertest.StartRedis(t, "--databases", "1000")
	var n atomic.Int64
	for _, words := range []bool{false, true} {
		t.Run(fmt.Sprint("words=", words), func(t *testing.T) {
			ledgertest.Run(t, func(t *testing.T, now func() time.Time, loc *time.Location) ledger.Store {
				r := openFair(t, fmt.Sprintf("%s/%d", s.URL(), n.Add(1)), "t:", loc, ledger.FairUse{Budget: "daily", Words: words})
				r.HoldClock(now)
				return r
			})
		})
	}
}

// mixed is a server that a backend and a gateway count on, with a clock that moves by hand.
type mixed struct {
	*ledgertest.RedisServer
	*ledger.Redis
	*ledgertest.Clock
	t       *testing.T
	backend ledgertest.Backend
}

func newMixed(t *testing.T, f ledger.FairUse) *mixed {
	t.Helper()
	m := &mixed{t: t, RedisServer: ledgertest.StartRedis(t), Clock: ledgertest.NewClock(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}
	f.Budget = "daily"
	m.Redis = openFair(t, m.URL(), "f:", nil, f)
	m.HoldClock(m.Now)
	t.Cleanup(func() { closeStore(t, m.Redis) })
	m.backend = ledgertest.Backend{T: t, S: m.RedisServer, UID: "u", Now: m.Now}
	return m
}

func (m *mixed) lease(stream string, ceiling, spent, want int64, limit int64) {
	m.t.Helper()
	g, err := m.Lease(m.t.Context(), ledger.Request{User: "u", Stream: stream, Scopes: []ledger.Scope{daily(limit)}, Ceiling: ceiling, Spent: spent})
	if err != nil || g.Ceiling != want {
		m.t.Fatalf("lease of %s: %d, %v; want %d", stream, g.Ceiling, err, want)
	}
}

func (m *mixed) end(stream string, spent, speech int64) {
	m.t.Helper()
	q := ledger.Request{User: "u", Stream: stream, Scopes: []ledger.Scope{daily(1 << 40)}, Spent: spent, Speech: speech}
	if _, err := m.Settle(m.t.Context(), q); err != nil {
		m.t.Fatal(err)
	}
}

// agree wants the gateway and the backend to show the same, and both what is wanted.
func (m *mixed) agree(day int64, sums [3]int64) {
	m.t.Helper()
	u, err := m.Usage(m.t.Context(), ledger.Query{
		User: "u", Scopes: []ledger.Scope{daily(1 << 40)}, Windows: []time.Duration{24 * time.Hour, 72 * time.Hour, 168 * time.Hour},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	if b := m.backend.Used(); u.Balances[0].Used != day || b != day {
		m.t.Errorf("the gateway shows %d ms of the day, the backend %d, want %d", u.Balances[0].Used, b, day)
	}
	if got, b := [3]int64(u.Audio), m.backend.Sums(); got != sums || b != sums {
		m.t.Errorf("the gateway sums up %v, the backend %v, want %v", got, b, sums)
	}
}

func TestABackendAndAGatewayShowTheSame(t *testing.T) {
	m := newMixed(t, ledger.FairUse{})
	m.backend.Charge(20_000)
	m.backend.Record(1000)
	m.agree(20_000, [3]int64{1000, 1000, 1000})
	m.lease("a", 5000, 0, 5000, 60_000)
	m.lease("a", 9000, 4000, 9000, 60_000)
	if n := m.backend.Used(); n != 24_000 {
		t.Errorf("the backend shows %d ms: what is in hand is the gateway's", n)
	}
	m.backend.Charge(6000)
	m.lease("b", 40_000, 0, 25_000, 60_000) // 20 000, 6000, 9000 are gone
	m.end("b", 100, 0)
	m.end("a", 5000, 0)
	m.end("a", 5000, 0)
	m.agree(31_100, [3]int64{6100, 6100, 6100})
	m.Add(36 * time.Hour)
	m.agree(0, [3]int64{0, 6100, 6100})
	m.backend.Record(30)
	m.end("c", 200, 0)
	m.agree(200, [3]int64{230, 6330, 6330})
	m.Add(100 * time.Hour)
	m.backend.Record(7)
	m.end("d", 3, 0)
	m.agree(3, [3]int64{10, 10, 6340})
	m.Add(7*24*time.Hour + time.Minute)
	m.agree(0, [3]int64{})
}

func TestABackendsKeysLiveAsLongAsItsOwn(t *testing.T) {
	m := newMixed(t, ledger.FairUse{})
	m.Set(time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC))
	for i := range 3 {
		m.end(fmt.Sprint("old", i), 100, 0)
		m.Add(time.Minute)
	}
	m.lease("a", 5000, 0, 5000, 60_000)
	m.lease("a", 9000, 4000, 9000, 60_000)
	for key, want := range map[string][2]int64{
		"fair_use:dg_budget:u:20261123": {57*60 + 3600, 57*60 + 3600}, "fair_use:bucket:u": {691_200, 691_200}, "fair_use:speech:u": {691_200, 691_200},
	} {
		if ttl, ok := m.Do("TTL", key).(int64); !ok || ttl > want[1] || ttl < want[0]-60 {
			t.Errorf("%s ends in %d s, want %v", key, ttl, want)
		}
	}
	// Over midnight: what was forwarded before is charged to the day before, as long as anybody reads that.
	m.Set(time.Date(2026, 11, 24, 0, 10, 0, 0, time.UTC))
	m.lease("a", 12_000, 6000, 12_000, 60_000)
	if v := m.Do("GET", "fair_use:dg_budget:u:20261123"); v != "6300" {
		t.Errorf("%v of yesterday, want 6300", v)
	}
	if ttl, ok := m.Do("TTL", "fair_use:dg_budget:u:20261123").(int64); !ok || ttl > 50*60 {
		t.Errorf("yesterday's ends in %d s", ttl)
	}
	m.end("a", 7000, 0)
	m.agree(1000, [3]int64{7300, 7300, 7300})
	// Eight days later they are gone, but for what the newest write has added.
	m.Add(8*24*time.Hour - 30*time.Minute)
	m.end("b", 50, 0)
	if n := m.Do("HLEN", "fair_use:bucket:u"); n != int64(2) || m.Do("ZCARD", "fair_use:speech:u") != n {
		t.Errorf("%v minutes are left: %v", n, m.Do("HGETALL", "fair_use:bucket:u"))
	}
}

func TestWordsAreWhatABackendSeesWhereTheyCount(t *testing.T) {
	m := newMixed(t, ledger.FairUse{Words: true})
	m.backend.Record(400)
	m.end("a", 5000, 3000)
	u, err := m.Usage(t.Context(), ledger.Query{User: "u", Windows: []time.Duration{24 * time.Hour}})
	if err != nil || u.Audio[0] != 5000 || u.Speech[0] != 3400 || m.backend.Sums() != [3]int64{3400, 3400, 3400} {
		t.Errorf("%+v, %v; the backend sums up %v", u, err, m.backend.Sums())
	}
}

// TestADayThatIsNoAmountGrantsNothing writes what no backend should have written.
func TestADayThatIsNoAmountGrantsNothing(t *testing.T) {
	const key = "fair_use:dg_budget:u:20261123"
	for name, spoil := range map[string][]any{
		"a word": {"SET", key, "much"}, "a part": {"SET", key, "1.5"}, "less than nothing": {"SET", key, "-5000"}, "nothing": {"SET", key, ""},
		"a blank": {"SET", key, " 7"}, "a zero in front": {"SET", key, "007"}, "too much": {"SET", key, "9007199254740993"},
		"far too much": {"SET", key, "99999999999999999999999"}, "another number": {"SET", key, "1e3"}, "a list": {"RPUSH", key, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMixed(t, ledger.FairUse{})
			m.lease("a", 5000, 0, 5000, 60_000)
			m.lease("a", 5000, 1000, 5000, 60_000)
			m.Do("DEL", key)
			m.Do(spoil...)
			before := fmt.Sprint(m.Do("DUMP", key))
			m.lease("a", 9000, 4000, 5000, 60_000)
			m.lease("b", 9000, 0, 0, 60_000)
			m.end("b", 0, 0)
			m.end("a", 5000, 0)
			if u, err := m.Usage(t.Context(), ledger.Query{User: "u", Scopes: []ledger.Scope{daily(60_000)}}); err != nil || u.Balances[0].Remaining != 0 {
				t.Errorf("%+v, %v", u, err)
			}
			if after := fmt.Sprint(m.Do("DUMP", key)); after != before {
				t.Error("the key was changed")
			}
			// Repaired, it counts again, and what was charged meanwhile is not forgotten.
			m.Do("SET", key, "10000")
			m.lease("c", 60_000, 0, 46_000, 60_000)
		})
	}
}

// TestMinutesThatAreNoneAreCountedElsewhere spoils what the sums are made of.
func TestMinutesThatAreNoneAreCountedElsewhere(t *testing.T) {
	minute := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).Unix() / 60
	for name, spoil := range map[string][]any{
		"a field":             {"HSET", "fair_use:bucket:u", minute, "x", "y", "5"},
		"the hash is a list":  {"RPUSH", "fair_use:bucket:u", 1},
		"the set is a string": {"SET", "fair_use:speech:u", 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMixed(t, ledger.FairUse{})
			m.Do(spoil...)
			m.lease("a", 5000, 0, 5000, 60_000)
			m.end("a", 4000, 0)
			if u, err := m.Usage(t.Context(), ledger.Query{User: "u", Windows: []time.Duration{time.Hour}}); err != nil || u.Audio[0] != 4000 {
				t.Errorf("%+v, %v", u, err)
			}
		})
	}
}

func TestADayThatBeganInTheNativeLayoutGoesOn(t *testing.T) {
	m := newMixed(t, ledger.FairUse{})
	native := openRedis(t, m.URL(), "f:", nil, ledger.RedisOptions{})
	defer closeStore(t, native)
	native.HoldClock(m.Now)
	q := ledger.Request{User: "u", Stream: "a", Scopes: []ledger.Scope{daily(60_000)}, Ceiling: 9000}
	for _, q.Spent = range []int64{0, 4000} {
		if _, err := native.Lease(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	m.lease("a", 9000, 5000, 9000, 60_000)
	m.end("a", 7000, 0)
	m.lease("b", 60_000, 0, 53_000, 60_000)
	if n := m.backend.Used(); n != 3000 {
		t.Errorf("the backend shows %d ms, want what was charged since", n)
	}
	u, err := m.Usage(t.Context(), ledger.Query{User: "u", Windows: []time.Duration{time.Hour}})
	if err != nil || u.Audio[0] != 7000 {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestABackendsStageIsWrittenAndReadAsItsCache(t *testing.T) {
	m := newMixed(t, ledger.FairUse{Stage: func(s ledger.State, _ time.Time) string { return string(s.Data) }})
	wants := func(want string, known bool) {
		t.Helper()
		if got, ok, err := m.BackendStage(t.Context(), "u"); err != nil || got != want || ok != known {
			t.Errorf("%q, %v, %v; want %q, %v", got, ok, err, want, known)
		}
	}
	wants("", false)
	m.Do("SETEX", "fair_use:stage:u", 60, "none")
	wants("none", true)
	s, err := m.SetState(t.Context(), "u", ledger.State{Data: []byte("restrict")})
	if err != nil {
		t.Fatal(err)
	}
	wants("restrict", true)
	if ttl, ok := m.Do("TTL", "fair_use:stage:u").(int64); !ok || ttl < 1 || ttl > 60 {
		t.Errorf("it ends in %d s", ttl)
	}
	m.Do("DEL", "fair_use:stage:u") // as the backend does with every change
	wants("", false)
	if _, err := m.SetState(t.Context(), "u", ledger.State{Data: []byte("none")}); err == nil {
		t.Error("a conflict was not one")
	}
	wants("", false)
	if _, err := m.SetState(t.Context(), "u", ledger.State{Version: s.Version, Data: []byte("throttle")}); err != nil {
		t.Fatal(err)
	}
	wants("throttle", true)
	d := newDark(t, ledger.OutageConfig{Mode: "deny"})
	if _, _, err := d.BackendStage(t.Context(), "u"); err == nil {
		t.Error("a store without a backend told a stage")
	}
}

func TestALayoutThatDoesNotFitIsRefused(t *testing.T) {
	for url, f := range map[string]ledger.FairUse{"redis+cluster://127.0.0.1": {Budget: "daily"}, "redis://127.0.0.1": {}} {
		c := redisConfig(url, "f:")
		c.Layout = ledger.LayoutFairUse
		if r, err := ledger.OpenRedis(c, nil, ledger.RedisOptions{FairUse: f}); err == nil || !strings.Contains(err.Error(), "redis.layout fair_use") {
			t.Errorf("%s: %v, %v", url, r, err)
		}
	}
}

// TestNothingIsChargedTwiceInABackendsKeys lets two gateways spend what a backend has left of a day, through a
// way on which replies get lost and requests are sent again, while the backend goes on counting.
func TestNothingIsChargedTwiceInABackendsKeys(t *testing.T) {
	m := newMixed(t, ledger.FairUse{})
	way := ledgertest.StartProxy(t, m.Addr(), 1)
	var gateways []*ledger.Redis
	for range 2 {
		r := openFair(t, way.URL(), "f:", nil, ledger.FairUse{Budget: "daily"})
		defer closeStore(t, r)
		r.HoldClock(m.Now)
		gateways = append(gateways, r)
	}
	const streams, limit, backends = 8, 60_000, 7000
	m.backend.Charge(backends)
	way.Set(ledgertest.Faults{Lose: 0.1, Delay: time.Millisecond})
	forwarded := make([]int64, streams)
	var wg sync.WaitGroup
	for i := range streams {
		c := &client{t: t, store: gateways[i%2], id: fmt.Sprint("s", i), scopes: []ledger.Scope{daily(limit)}, rng: rand.New(rand.NewPCG(7, uint64(i)))} //nolint:gosec // chance, not a secret
		wg.Go(func() { forwarded[i] = c.spendAll() })
	}
	for range 20 {
		m.backend.Record(10)
	}
	wg.Wait()
	way.Set(ledgertest.Faults{})
	total := int64(0)
	for _, n := range forwarded {
		total += n
	}
	t.Logf("%d ms forwarded, %d replies lost", total, way.Lost())
	if total != limit-backends || way.Lost() < 5 {
		t.Errorf("%d ms forwarded, want what the backend has left of %d; %d replies were lost", total, limit, way.Lost())
	}
	m.agree(limit, [3]int64{total + 200, total + 200, total + 200})
}

func TestRunningStreamsAreChargedToABackendAgainAfterDataLoss(t *testing.T) {
	m := newMixed(t, ledger.FairUse{})
	m.lease("a", 5000, 0, 5000, 60_000)
	m.lease("a", 9000, 4000, 9000, 60_000)
	m.Do("FLUSHALL")
	m.lease("a", 9000, 5000, 9000, 60_000)
	m.lease("a", 9000, 5000, 9000, 60_000)
	if n := m.backend.Used(); n != 5000 {
		t.Errorf("the backend shows %d ms, want what was forwarded so far", n)
	}
	m.end("a", 6000, 0)
	m.agree(6000, [3]int64{6000, 6000, 6000})
}

func TestEveryKeyOfABackendEnds(t *testing.T) {
	m := newMixed(t, ledger.FairUse{Stage: func(ledger.State, time.Time) string { return "none" }})
	m.lease("a", 5000, 0, 5000, 60_000)
	m.lease("a", 5000, 1000, 5000, 60_000)
	if _, err := m.SetState(t.Context(), "u", ledger.State{Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	keys, ok := m.Do("KEYS", "fair_use:*").([]any)
	if !ok || len(keys) != 4 {
		t.Fatalf("%v", keys)
	}
	for _, k := range keys {
		if ttl, ok := m.Do("TTL", k).(int64); !ok || ttl <= 0 {
			t.Errorf("%v ends in %d s", k, ttl)
		}
	}
}
