package ledgertest

import (
	"context"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Cluster is six real servers: three primaries and a replica of each.
type Cluster struct {
	t     testing.TB
	nodes []*RedisServer
}

// StartCluster starts one and waits until its nodes agree. It ends with the test.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	args := []string{"--cluster", "create"}
	for range 6 {
		s := StartRedis(t, "--cluster-enabled", "yes", "--cluster-port", FreePort(t), "--cluster-node-timeout", "15000")
		c.nodes, args = append(c.nodes, s), append(args, s.Addr())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*redisHang)
	defer cancel()
	args = append(args, "--cluster-replicas", "1", "--cluster-yes")
	if out, err := exec.CommandContext(ctx, "redis-cli", args...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli %v: %v\n%s", args, err, out)
	}
	for _, s := range c.nodes {
		s.until("a Cluster", func(said string) bool { return strings.Contains(said, "cluster_state:ok") }, "CLUSTER", "INFO")
	}
	return c
}

// URL is what a store's config says.
func (c *Cluster) URL() string {
	return "redis+cluster://" + c.nodes[0].Addr() + "?addr=" + c.nodes[1].Addr()
}

// Do runs a command on every node, as the operator.
func (c *Cluster) Do(args ...any) any {
	c.t.Helper()
	for _, s := range c.nodes {
		s.Do(args...)
	}
	return nil
}

// Home is the primary that has an owner's keys.
func (c *Cluster) Home(owner string) string {
	c.t.Helper()
	home, _ := c.shards(owner)
	return home
}

// shards are the primaries with their ids, and the one that has an owner's slot.
func (c *Cluster) shards(owner string) (home string, ids map[string]string) {
	c.t.Helper()
	one := redis.NewClient(&redis.Options{Addr: c.nodes[0].Addr()})
	defer func() { _ = one.Close() }() // it was only asked
	ctx := context.Background()
	slot := one.ClusterKeySlot(ctx, "{"+owner+"}").Val()
	ids = map[string]string{}
	for _, s := range one.ClusterShards(ctx).Val() {
		i := slices.IndexFunc(s.Nodes, func(n redis.Node) bool { return n.Role == "master" })
		if i < 0 || len(s.Slots) == 0 {
			continue // a replica that the node does not know as one yet
		}
		addr := net.JoinHostPort(s.Nodes[i].IP, strconv.FormatInt(s.Nodes[i].Port, 10))
		ids[addr] = s.Nodes[i].ID
		if slices.ContainsFunc(s.Slots, func(r redis.SlotRange) bool { return r.Start <= slot && slot <= r.End }) {
			home = addr
		}
	}
	if home == "" {
		c.t.Errorf("nobody has slot %d of %s", slot, owner)
	}
	return home, ids
}

// BeginMove says on two primaries that an owner's slot goes from one to the other; stop takes it back.
func (c *Cluster) BeginMove(owner string) (stop func()) {
	c.t.Helper()
	from, ids := c.shards(owner)
	one := c.node(from)
	slot := one.Do("CLUSTER", "KEYSLOT", "{"+owner+"}")
	for to, id := range ids {
		if to == from {
			continue
		}
		c.node(to).Do("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from])
		one.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", id)
		return func() {
			one.Do("CLUSTER", "SETSLOT", slot, "STABLE")
			c.node(to).Do("CLUSTER", "SETSLOT", slot, "STABLE")
		}
	}
	c.t.Fatal("a Cluster with one primary")
	return nil
}

func (c *Cluster) node(addr string) *RedisServer {
	return c.nodes[slices.IndexFunc(c.nodes, func(s *RedisServer) bool { return s.Addr() == addr })]
}

// MoveSlot takes an owner's slot to another primary, key by key, as an operator's tool would. The
// tests that do it while there is traffic call it from another goroutine.
func (c *Cluster) MoveSlot(owner string) (from, to string) {
	from, ids := c.shards(owner)
	for addr := range ids {
		if addr != from {
			to = addr
		}
	}
	ctx := context.Background()
	clients := map[string]*redis.Client{}
	for addr := range ids {
		one := redis.NewClient(&redis.Options{Addr: addr})
		defer func() { _ = one.Close() }() // its last command was answered
		clients[addr] = one
	}
	ok := true
	check := func(err error) {
		if err != nil {
			ok = false
			c.t.Errorf("moving a slot: %v", err)
		}
	}
	slot := clients[from].ClusterKeySlot(ctx, "{"+owner+"}").Val()
	check(clients[to].Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from]).Err())
	check(clients[from].Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]).Err())
	host, port, _ := strings.Cut(to, ":")
	for ok {
		keys := clients[from].ClusterGetKeysInSlot(ctx, int(slot), 10).Val()
		if len(keys) == 0 {
			break
		}
		for _, k := range keys {
			check(clients[from].Do(ctx, "MIGRATE", host, port, k, 0, 5000).Err())
		}
	}
	check(clients[to].Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", ids[to]).Err())
	for primary := range ids { // the others would hear of it in time
		check(clients[primary].Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", ids[to]).Err())
	}
	return from, to
}
