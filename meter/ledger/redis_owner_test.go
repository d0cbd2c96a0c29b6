package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

func TestWhatOneOwnerGrantsAndAnotherDoesNotIsGivenBack(t *testing.T) {
	s := serveRedis(t)
	vendor := everyone(2000)
	vendor.Owner = "provider:deepgram"
	s.lease("a", 9000, 0, 2000, daily(60_000), everyone(4000), vendor)
	s.used(2000, daily(60_000))
	s.used(2000, everyone(4000))
	s.used(2000, vendor)
	s.lease("b", 9000, 0, 0, daily(60_000), everyone(4000), vendor)
	s.used(2000, daily(60_000))
	s.used(2000, everyone(4000))
	s.settle("b", 0)
	// A breaker that no longer applies is given its rest back.
	s.lease("a", 3000, 1500, 3000, daily(60_000))
	s.used(1500, vendor)
	s.used(3000, daily(60_000))
	s.settle("a", 2500)
	s.used(2500, daily(60_000))
	s.used(1500, everyone(4000))
}

func TestASettleThatStoppedBetweenOwnersGoesOn(t *testing.T) {
	s := serveRedis(t)
	way := ledgertest.StartProxy(t, s.Addr(), 1)
	r := openRedis(t, way.URL(), "f:", nil, ledger.RedisOptions{})
	defer closeStore(t, r)
	q := ledger.Request{User: "u", Stream: "a", Scopes: []ledger.Scope{daily(60_000), everyone(60_000)}, Ceiling: 5000}
	if _, err := r.Lease(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Settle(t.Context(), ledger.Request{User: "u", Stream: "b"}); err != nil {
		t.Fatal(err) // from now on the server knows the script
	}
	way.Set(ledgertest.Faults{Lose: 1})
	q.Spent = 3000
	if _, err := r.Settle(t.Context(), q); err == nil {
		t.Fatal("the answer was to be lost")
	}
	s.used(3000, daily(60_000))
	s.used(5000, everyone(60_000))
	way.Set(ledgertest.Faults{})
	// Another gateway, which knows of one budget only.
	s.settle("a", 3000, daily(60_000))
	s.used(3000, daily(60_000))
	s.used(3000, everyone(60_000))
}

func TestAGatewayThatDiedIsChargedWhatItWasGranted(t *testing.T) {
	s := serveRedis(t)
	clock := ledgertest.NewClock(time.Now())
	s.HoldClock(clock.Now)
	lately := ledger.Scope{Budget: "lately", Owner: "user:u", Window: ledger.Window{Unit: ledger.Rolling, Length: time.Hour}, Limit: 60_000}
	s.lease("dead", 5000, 0, 5000, lately, everyone(1<<40))
	s.lease("dead", 7000, 3000, 7000, lately, everyone(1<<40))
	s.lease("cut off", 4000, 0, 4000, lately)
	s.used(11_000, lately)
	clock.Add(24 * time.Hour)
	s.lease("x", 0, 0, 0, lately)
	s.used(8000, lately) // in hand: it might still come; the 3000 spent have left the window
	clock.Add(2 * time.Hour)
	s.lease("x", 0, 0, 0, lately)
	s.used(0, lately) // charged when it was last seen, and out of the window
	u, err := s.Usage(t.Context(), ledger.Query{User: "u", Windows: []time.Duration{48 * time.Hour}})
	if err != nil || u.Audio[0] != 11_000 {
		t.Fatalf("%+v, %v", u, err)
	}
	// One that was only cut off goes on from what it was charged.
	s.lease("cut off", 5000, 2000, 4000, lately)
	s.lease("cut off", 9000, 4000, 9000, lately)
	s.used(5000, lately)
	s.settle("cut off", 8000)
	s.used(4000, lately)
	// What one forwarded beyond, without asking, is charged at its end; never less than was.
	s.settle("dead", 6000)
	s.settle("dead", 6000)
	if u, err = s.Usage(t.Context(), ledger.Query{User: "u", Windows: []time.Duration{48 * time.Hour}}); err != nil || u.Audio[0] != 15_000 {
		t.Fatalf("%+v, %v", u, err)
	}
}

func TestEveryRecordEndsButUsersStates(t *testing.T) {
	s := serveRedis(t)
	rolling := ledger.Scope{Budget: "r", Owner: "user:u", Window: ledger.Window{Unit: ledger.Rolling, Length: time.Hour}, Limit: 60_000}
	for i, sc := range []ledger.Scope{daily(60_000), rolling} { // before there is a balance, too
		if _, err := s.Grant(t.Context(), ledger.Gift{ID: fmt.Sprint(i), Scope: sc, MS: 1000}); err != nil {
			t.Fatal(err)
		}
	}
	if ttl, ok := s.Do("TTL", "f:{user:u}:grant:0").(int64); !ok || ttl > int64((9*24+2)*time.Hour/time.Second) {
		t.Errorf("the mark of a day's grant lives %d s", ttl)
	}
	s.lease("a", 5000, 0, 5000, daily(60_000), rolling, everyone(60_000))
	s.lease("a", 9000, 4000, 9000, daily(60_000), rolling, everyone(60_000))
	s.settle("b", 1000, daily(60_000), rolling)
	if err := s.Note(t.Context(), "n", nil, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetState(t.Context(), "u", ledger.State{Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddSession(t.Context(), "u", "1", nil); err != nil {
		t.Fatal(err)
	}
	keys, ok := s.Do("KEYS", "*").([]any)
	if !ok || len(keys) < 13 {
		t.Fatalf("%v", keys)
	}
	for _, k := range keys {
		ttl, ok := s.Do("TTL", k).(int64)
		if forever := strings.HasSuffix(fmt.Sprint(k), ":state") || k == "f:users"; !ok || forever != (ttl == -1) {
			t.Errorf("%v ends in %d s", k, ttl)
		}
		if !strings.HasPrefix(fmt.Sprint(k), "f:") {
			t.Errorf("%v is not under the prefix", k)
		}
	}
}

func TestNoIdReadsAsAnothersKey(t *testing.T) {
	s := serveRedis(t)
	ids := []string{"u", "u}", "{u", "u:state", "u}:state", "a\nb", "a%0Ab", "ü", "\xff", "*"}
	for i, id := range ids {
		sc := daily(60_000)
		sc.Owner = "user:" + id
		q := ledger.Request{User: id, Stream: "s}:" + id, Scopes: []ledger.Scope{sc}, Ceiling: int64(100 + i), Spent: 0}
		if g, err := s.Lease(t.Context(), q); err != nil || g.Balances[0].Used != int64(100+i) {
			t.Errorf("%q: %+v, %v", id, g, err)
		}
		if _, err := s.SetState(t.Context(), id, ledger.State{Data: []byte(id)}); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range ids {
		if st, err := s.State(t.Context(), id); err != nil || string(st.Data) != id {
			t.Errorf("%q: %q, %v", id, st.Data, err)
		}
	}
}

func TestGatewaysSeeEachOthersRecords(t *testing.T) {
	s := serveRedis(t)
	one, err := s.SetState(t.Context(), "u", ledger.State{Data: []byte("one")})
	if err != nil {
		t.Fatal(err)
	}
	way := ledgertest.StartProxy(t, s.Addr(), 1)
	other := openRedis(t, way.URL(), "f:", nil, ledger.RedisOptions{})
	defer closeStore(t, other)
	if got, err := other.State(t.Context(), "u"); err != nil || got.Version != one.Version {
		t.Fatal(got, err) // what one gateway writes the next read of any other sees
	}
	if _, err := other.SetState(t.Context(), "u", ledger.State{}); !errors.Is(err, ledger.ErrConflict) {
		t.Fatal(err)
	}
}
