package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

func TestADayMovesBetweenAnyTwoStores(t *testing.T) {
	url := ledgertest.StartRedis(t).URL()
	stores := []struct {
		name string
		open ledgertest.Open
	}{{"memory", memory}, {"embedded", embedded}, {"redis", onRedis(url)}}
	for _, from := range stores {
		for _, to := range stores {
			t.Run(from.name+" to "+to.name, func(t *testing.T) { ledgertest.RunMover(t, from.open, to.open) })
		}
	}
}

// aDayOf lets users of a store spend their number of milliseconds of their own and everybody's.
func aDayOf(t *testing.T, s ledger.Store, users int) {
	t.Helper()
	for i := range users {
		q := ledger.Request{User: fmt.Sprint("user", i), Stream: fmt.Sprint("of ", i), Scopes: scopesOf(i), Spent: int64(i)}
		insist(t, func(ctx context.Context) (ledger.Usage, error) { return s.Settle(ctx, q) })
	}
}

func scopesOf(i int) []ledger.Scope {
	own := daily(60_000)
	own.Owner = fmt.Sprint("user:user", i)
	return []ledger.Scope{own, everyone(1 << 40)}
}

// wantsDayOf looks at all of them.
func wantsDayOf(t *testing.T, s ledger.Store, users int) {
	t.Helper()
	for i := range users {
		q := ledger.Query{User: fmt.Sprint("user", i), Scopes: scopesOf(i), Windows: []time.Duration{time.Hour}}
		u := insist(t, func(ctx context.Context) (ledger.Usage, error) { return s.Usage(ctx, q) })
		if u.Balances[0].Used != int64(i) || u.Audio[0] != int64(i) || u.Balances[1].Used != int64(users*(users-1)/2) {
			t.Fatalf("user %d: %+v", i, u)
		}
	}
}

func exported(t *testing.T, s ledger.Mover) (all []ledger.Entry) {
	t.Helper()
	err := s.Export(t.Context(), func(e ledger.Entry) error {
		all = append(all, e)
		return e.Validate()
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAnImportOverABadWayTakesEachEntryOnce(t *testing.T) {
	const users = 300
	from := ledger.NewMemory(nil, nil)
	aDayOf(t, from, users)
	all := exported(t, from)
	server := ledgertest.StartRedis(t)
	way := ledgertest.StartProxy(t, server.Addr(), 5)
	to := openRedis(t, way.URL(), "f:", nil, ledger.RedisOptions{})
	defer closeStore(t, to)
	way.Set(ledgertest.Faults{Lose: 0.01})
	entries := func(yield func(ledger.Entry, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
	tries := 1
	for ; ; tries++ {
		_, err := to.Import(t.Context(), "x", false, entries)
		if err == nil {
			break
		}
		if ledger.Class(err) != "network" {
			t.Fatal(err)
		}
		if tries == 20 {
			way.Set(ledgertest.Faults{}) // it would come to its end some time
		}
	}
	t.Logf("%d tries, %d answers lost", tries, way.Lost())
	way.Set(ledgertest.Faults{})
	if tries < 2 {
		t.Error("nothing was lost")
	}
	wantsDayOf(t, to, users)
	got, err := to.Import(t.Context(), "x", false, entries)
	if err != nil || got.Taken != 0 || got.Before != int64(len(all)) {
		t.Errorf("%+v, %v", got, err)
	}
	wantsDayOf(t, to, users)
}

func TestADayIsNotExportedFromRedisUnderARunningGateway(t *testing.T) {
	s := serveRedis(t)
	aDayOf(t, s.Redis, 3)
	gateway := openRedis(t, s.URL(), "f:", nil, ledger.RedisOptions{Gateway: "the one on host h"})
	nothing := func(ledger.Entry) error { return nil }
	if err := s.Export(t.Context(), nothing); err != nil {
		t.Fatalf("a gateway that has not begun: %v", err)
	}
	if err := gateway.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := s.Export(t.Context(), func(ledger.Entry) error { return errors.New("it is handed out") })
	if !errors.Is(err, ledger.ErrInUse) || !strings.Contains(err.Error(), "the one on host h") {
		t.Errorf("%v", err)
	}
	closeStore(t, gateway)
	if len(exported(t, s.Redis)) == 0 {
		t.Error("nothing is exported when it has left")
	}

	began := false
	err = s.Export(t.Context(), func(ledger.Entry) error {
		if !began {
			short := openRedis(t, s.URL(), "f:", nil, ledger.RedisOptions{Gateway: "a short one"})
			began = short.Ping(t.Context()) == nil
			closeStore(t, short)
		}
		return nil
	})
	if !began || !errors.Is(err, ledger.ErrInUse) {
		t.Errorf("a gateway came and went meanwhile: %v", err)
	}

	// One that died is forgotten, and one that runs is no reason not to add.
	clock := ledgertest.NewClock(time.Now())
	s.HoldClock(clock.Now)
	dead := openRedis(t, s.URL(), "f:", nil, ledger.RedisOptions{Gateway: "dead"})
	if err := dead.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, dead)
	if err := s.Export(t.Context(), nothing); !errors.Is(err, ledger.ErrInUse) {
		t.Errorf("%v", err)
	}
	if _, err := s.Import(t.Context(), "x", true, func(func(ledger.Entry, error) bool) {}); err != nil {
		t.Errorf("an import beside a gateway: %v", err)
	}
	clock.Add(40 * time.Second)
	if err := s.Export(t.Context(), nothing); err != nil {
		t.Errorf("a dead gateway is remembered: %v", err)
	}
}

func TestARecordThatIsNotKnownEndsAnExport(t *testing.T) {
	s := serveRedis(t)
	s.Do("SET", "f:{user:u}:novelty", "1")
	if err := s.Export(t.Context(), func(ledger.Entry) error { return nil }); err == nil || !strings.Contains(err.Error(), `"novelty"`) {
		t.Errorf("%v", err)
	}
}

func TestADayIsNotExportedFromAServerThatChanges(t *testing.T) {
	s := serveRedis(t)
	aDayOf(t, s.Redis, 3)
	restarted := false
	err := s.Export(t.Context(), func(ledger.Entry) error {
		if !restarted {
			restarted = true
			s.Kill()
			s.Start()
		}
		return nil
	})
	if !errors.Is(err, ledger.ErrMoving) && ledger.Class(err) != "network" {
		t.Errorf("%v", err)
	}
}
