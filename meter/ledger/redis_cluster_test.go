package ledger_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// startCluster joins six servers: three primaries and a replica of each.
func startCluster(t *testing.T) []*ledgertest.RedisServer {
	t.Helper()
	var all []*ledgertest.RedisServer
	args := []string{"--cluster", "create"}
	for range 6 {
		s := ledgertest.StartRedis(t, "--cluster-enabled", "yes", "--cluster-port", ledgertest.FreePort(t), "--cluster-node-timeout", "15000")
		all, args = append(all, s), append(args, s.Addr())
	}
	operate(t, append(args, "--cluster-replicas", "1", "--cluster-yes")...)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(time.Minute); ; <-look.C {
		ready := 0
		for _, s := range all {
			c := redis.NewClient(&redis.Options{Addr: s.Addr()})
			if info, err := c.ClusterInfo(t.Context()).Result(); err == nil && strings.Contains(info, "cluster_state:ok") {
				ready++
			}
			_ = c.Close() // it was only asked
		}
		if ready == len(all) {
			return all
		}
		if time.Now().After(end) {
			t.Fatalf("%d of six nodes agree", ready)
		}
	}
}

// operate runs redis-cli.
func operate(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "redis-cli", args...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli %v: %v\n%s", args, err, out)
	}
}

// TestAClusterSharesABudgetToTheMillisecond spends a user's budget under one of everybody's, which lie on
// different nodes, while slots move between them.
func TestAClusterSharesABudgetToTheMillisecond(t *testing.T) {
	nodes := startCluster(t)
	url := strings.Replace(nodes[0].URL(), "redis://", "redis+cluster://", 1) + "?addr=" + nodes[1].Addr()
	for _, reshard := range []bool{false, true} {
		t.Run(fmt.Sprintf("resharding %v", reshard), func(t *testing.T) {
			prefix := fmt.Sprint("c", reshard, ":")
			var gateways []*ledger.Redis
			for range 2 {
				r := openRedis(t, url, prefix, nil, ledger.RedisOptions{})
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
						from, to := moveSlot(t, nodes, "user:u")
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
}

// moveSlot takes an owner's slot to another primary, key by key, as an operator's tool would.
func moveSlot(t *testing.T, nodes []*ledgertest.RedisServer, owner string) (from, to string) {
	ctx := context.Background()
	clients := map[string]*redis.Client{}
	for _, n := range nodes {
		c := redis.NewClient(&redis.Options{Addr: n.Addr()})
		defer func() { _ = c.Close() }()
		clients[n.Addr()] = c
	}
	one := clients[nodes[0].Addr()]
	slot := one.ClusterKeySlot(ctx, "{"+owner+"}").Val()
	ids := map[string]string{}
	for _, s := range one.ClusterShards(ctx).Val() {
		i := slices.IndexFunc(s.Nodes, func(n redis.Node) bool { return n.Role == "master" })
		if i < 0 || len(s.Slots) == 0 {
			continue // a replica that the node does not know as one yet
		}
		addr := net.JoinHostPort(s.Nodes[i].IP, strconv.FormatInt(s.Nodes[i].Port, 10))
		ids[addr] = s.Nodes[i].ID
		if slices.ContainsFunc(s.Slots, func(r redis.SlotRange) bool { return r.Start <= slot && slot <= r.End }) {
			from = addr
		}
	}
	for addr := range ids {
		if addr != from {
			to = addr
		}
	}
	check := func(err error) {
		if err != nil {
			t.Errorf("moving a slot: %v", err)
		}
	}
	check(clients[to].Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from]).Err())
	check(clients[from].Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]).Err())
	host, port, _ := strings.Cut(to, ":")
	for {
		keys := clients[from].ClusterGetKeysInSlot(ctx, int(slot), 10).Val()
		if len(keys) == 0 {
			break
		}
		for _, k := range keys {
			err := clients[from].Do(ctx, "MIGRATE", host, port, k, 0, 5000).Err()
			check(err)
			if err != nil {
				return from, to
			}
		}
	}
	check(clients[to].Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", ids[to]).Err())
	for primary := range ids { // the others would hear of it in time
		check(clients[primary].Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", ids[to]).Err())
	}
	return from, to
}
