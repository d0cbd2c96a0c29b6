package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// TestAClusterSharesABudgetToTheMillisecond spends a user's budget under one of everybody's, which lie on
// different nodes, while slots move between them.
func TestAClusterSharesABudgetToTheMillisecond(t *testing.T) {
	cluster := ledgertest.StartCluster(t)
	t.Run("its day moves", func(t *testing.T) {
		open := onRedis(cluster.URL())
		ledgertest.RunMover(t, open, open)
		r := openRedis(t, cluster.URL(), "moving:", nil, ledger.RedisOptions{})
		defer closeStore(t, r)
		nothing := func(ledger.Entry) error { return nil }
		stop := cluster.BeginMove("user:u")
		if err := r.Export(t.Context(), nothing); !errors.Is(err, ledger.ErrMoving) {
			t.Errorf("while a slot moves: %v", err)
		}
		stop()
		if err := r.Export(t.Context(), nothing); err != nil {
			t.Error(err)
		}
	})
	t.Run("as a user with the page's rights", func(t *testing.T) {
		all := rights(t)
		permit(cluster.Do, slices.Concat(all[0], all[1]))
		if err := everything(t, asGate(cluster.URL())); err != nil {
			t.Error(err)
		}
		for i, word := range all[1] {
			permit(cluster.Do, slices.Concat(all[0], all[1][:i], all[1][i+1:]))
			if err := everything(t, asGate(cluster.URL())); err == nil {
				t.Errorf("nothing is missed without %s", word)
			}
		}
	})
	for _, reshard := range []bool{false, true} {
		t.Run(fmt.Sprintf("resharding %v", reshard), func(t *testing.T) {
			prefix := fmt.Sprint("c", reshard, ":")
			var gateways []*ledger.Redis
			for range 2 {
				r := openRedis(t, cluster.URL(), prefix, nil, ledger.RedisOptions{})
				defer closeStore(t, r)
				gateways = append(gateways, r)
			}
			const streams, limit = 16, 60_000
			scopes := []ledger.Scope{daily(limit), everyone(1 << 40)}
			forwarded := make([]int64, streams)
			moved := make(chan struct{})
			if reshard {
				go func() {
					defer close(moved)
					for range 5 {
						from, to := cluster.MoveSlot("user:u")
						t.Logf("the user's slot went from %s to %s", from, to)
					}
				}()
			} else {
				close(moved)
			}
			var wg sync.WaitGroup
			for i := range streams {
				c := &client{t: t, store: gateways[i%2], id: fmt.Sprint("s", i), scopes: scopes, rng: rand.New(rand.NewPCG(9, uint64(i)))} //nolint:gosec // chance, not a secret
				wg.Go(func() { forwarded[i] = c.spendAll() })
			}
			wg.Wait()
			<-moved
			total := int64(0)
			for _, n := range forwarded {
				total += n
			}
			if total != limit {
				t.Errorf("%d ms forwarded, want %d", total, limit)
			}
			for _, r := range gateways {
				u := insist(t, func(ctx context.Context) (ledger.Usage, error) {
					return r.Usage(ctx, ledger.Query{User: "u", Scopes: scopes, Windows: []time.Duration{time.Hour}})
				})
				if u.Balances[0].Used != limit || u.Balances[1].Used != limit || u.Audio[0] != limit {
					t.Errorf("%+v; want %d everywhere", u, limit)
				}
				if _, err := r.Risks(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	t.Run("places", func(t *testing.T) {
		var gateways []*ledger.Redis
		for range 3 {
			r := openRedis(t, cluster.URL(), "places:", nil, ledger.RedisOptions{})
			defer closeStore(t, r)
			gateways = append(gateways, r)
		}
		var moving sync.WaitGroup
		moving.Go(func() {
			for range 3 {
				cluster.MoveSlot("user:bob")
			}
		})
		neverMore(t, gateways, 4)
		moving.Wait()
		nothingLeft(t, gateways)
	})
}
