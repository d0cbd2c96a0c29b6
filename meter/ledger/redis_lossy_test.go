package ledger_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// TestGatewaysShareABudgetToTheMillisecond lets sixteen streams of a user, half of them on another
// gateway, spend a budget to its end through a way on which replies get lost, or overtake each other.
func TestGatewaysShareABudgetToTheMillisecond(t *testing.T) {
	s := ledgertest.StartRedis(t)
	for name, faults := range map[string]ledgertest.Faults{
		"undisturbed":                        {},
		"a tenth of the replies is lost":     {Lose: 0.1},
		"replies come late and out of order": {Delay: 5 * time.Millisecond},
		"both":                               {Lose: 0.1, Delay: 2 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			way := ledgertest.StartProxy(t, s.Addr(), 1)
			prefix := fmt.Sprintf("lossy-%d:", len(name))
			var gateways []*ledger.Redis
			for range 2 {
				r := openRedis(t, way.URL(), prefix, nil, ledger.RedisOptions{})
				defer closeStore(t, r)
				gateways = append(gateways, r)
			}
			everyone := daily(1 << 40)
			everyone.Budget, everyone.Owner = "breaker", "all"
			way.Set(faults)
			const streams, limit = 16, 60_000
			forwarded := make([]int64, streams)
			var wg sync.WaitGroup
			for i := range streams {
				c := &client{t: t, store: gateways[i%2], id: fmt.Sprint("s", i), scopes: []ledger.Scope{daily(limit), everyone}, rng: rand.New(rand.NewPCG(7, uint64(i)))} //nolint:gosec // chance, not a secret
				wg.Go(func() { forwarded[i] = c.spendAll() })
			}
			wg.Wait()
			way.Set(ledgertest.Faults{})
			total, speech := int64(0), int64(0)
			for _, n := range forwarded {
				total, speech = total+n, speech+n/2
			}
			t.Logf("%d ms forwarded, %d replies lost", total, way.Lost())
			if total != limit {
				t.Errorf("%d ms forwarded, want %d", total, limit)
			}
			if faults.Lose > 0 && way.Lost() < 10 {
				t.Errorf("only %d replies were lost", way.Lost())
			}
			for _, r := range gateways {
				u, err := r.Usage(t.Context(), ledger.Query{User: "u", Scopes: []ledger.Scope{daily(limit), everyone}, Windows: []time.Duration{time.Hour}})
				if err != nil || u.Balances[0].Used != limit || u.Balances[1].Used != limit || u.Audio[0] != limit || u.Speech[0] != speech {
					t.Errorf("%+v, %v; want %d everywhere, and %d of speech", u, err, limit, speech)
				}
			}
		})
	}
}

func closeStore(t testing.TB, s ledger.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// client is a stream that keeps to its grants and asks until it is answered. Now and then it
// sends an old request again, as a network might.
type client struct {
	t      *testing.T
	store  ledger.Store
	id     string
	scopes []ledger.Scope
	rng    *rand.Rand
	sent   []ledger.Request
}

func (c *client) spendAll() (spent int64) {
	r := ledger.Request{User: "u", Stream: c.id, Scopes: c.scopes}
	for {
		r.Spent, r.Ceiling, r.Speech = spent, spent+100+c.rng.Int64N(900), spent/2
		g := insist(c.t, func(ctx context.Context) (ledger.Grant, error) { return c.store.Lease(ctx, r) })
		if c.sent = append(c.sent, r); c.rng.IntN(3) == 0 {
			old := c.sent[c.rng.IntN(len(c.sent))]
			insist(c.t, func(ctx context.Context) (ledger.Grant, error) { return c.store.Lease(ctx, old) })
		}
		if g.Ceiling == spent {
			break
		}
		spent = g.Ceiling
	}
	for range 2 {
		r.Spent, r.Speech = spent, spent/2
		insist(c.t, func(ctx context.Context) (ledger.Usage, error) { return c.store.Settle(ctx, r) })
	}
	return spent
}

// insist asks until there is an answer.
func insist[T any](t *testing.T, ask func(context.Context) (T, error)) T {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		v, err := ask(ctx)
		if err == nil {
			return v
		}
		if c := ledger.Class(err); c != "network" && c != "timeout" && c != "moved" || ctx.Err() != nil {
			t.Errorf("%s: %v", c, err)
			return v
		}
	}
}
