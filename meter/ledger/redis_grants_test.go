package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// What is granted through one gateway a stream on another spends with its next lease.
func TestAGrantThroughOneGatewayReachesAStreamOnAnother(t *testing.T) {
	one := serveRedis(t)
	other := openRedis(t, one.URL(), "f:", nil, ledger.RedisOptions{})
	defer closeStore(t, other)
	a, g, err := ledger.Open(t.Context(), other, ledger.Opening{
		User: "u", Stream: "s", Slice: 5000, Timeout: time.Minute, Plan: func(ledger.State, time.Time) []ledger.Scope { return []ledger.Scope{daily(1000)} },
	})
	if err != nil || g.Ceiling != 1000 {
		t.Fatalf("%+v, %v", g, err)
	}
	spend := func(ms int64) error {
		err := a.Spend(ms)
		for errors.Is(err, ledger.ErrPending) {
			if err := a.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			err = a.Spend(ms)
		}
		return err
	}
	if err := spend(1000); err != nil {
		t.Fatal(err)
	}
	if err := spend(1); !errors.Is(err, ledger.ErrExhausted) {
		t.Fatal(err)
	}
	if _, err := one.Grant(t.Context(), ledger.Gift{ID: "x", Scope: daily(1000), MS: 600}); err != nil {
		t.Fatal(err)
	}
	a.Ask(20) // as a stream that drops does, every two seconds
	if err := a.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := spend(600); err != nil {
		t.Fatalf("after the grant: %v", err)
	}
	if err := spend(1); !errors.Is(err, ledger.ErrExhausted) {
		t.Fatal(err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
