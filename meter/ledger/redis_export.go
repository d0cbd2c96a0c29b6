package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

var _ Mover = (*Redis)(nil)

// errLayout: a backend's amounts are in its own keys, which are counted by others too.
var errLayout = errors.New("ledger.redis.layout is fair_use: the day of that layout is the backend's and cannot be moved")

// movers is how many calls an export or an import has under way.
const movers = 16

// Export is Mover.Export. No gateway may run meanwhile, and none that began is overlooked; no server may
// fail over or restart, and no Cluster move slots. It remembers 16 bytes of each record: a server may name one twice.
func (r *Redis) Export(ctx context.Context, fn func(Entry) error) error {
	if r.fair != nil {
		return errLayout
	}
	starts, servers, err := r.quiet(ctx)
	if err != nil {
		return err
	}
	nodes, err := r.primaries(ctx)
	if err != nil {
		return err
	}
	seen := map[[16]byte]bool{}
	for _, node := range nodes {
		err := r.scan(ctx, node, "*", func(keys []string) error {
			keys = slices.DeleteFunc(keys, func(k string) bool {
				sum := sha256.Sum256([]byte(k))
				id := [16]byte(sum[:16])
				again := seen[id]
				seen[id] = true
				return again
			})
			return r.tellAll(ctx, keys, fn)
		})
		if err != nil {
			return err
		}
	}
	after, others, err := r.quiet(ctx)
	switch {
	case err != nil:
		return err
	case after != starts:
		return fmt.Errorf("export: the ledger on Redis is %w: one that began meanwhile", ErrInUse)
	case others != servers:
		return fmt.Errorf("export: the ledger's server %w", ErrMoving)
	}
	return nil
}

// quiet fails while somebody changes the store, and tells what shows whether somebody has.
func (r *Redis) quiet(ctx context.Context) (starts int64, servers string, err error) {
	if starts, err = r.alone(ctx); err != nil {
		return 0, "", err
	}
	servers, err = r.servers(ctx)
	return starts, servers, err
}

// tellAll hands out the entries of some records, which are read side by side.
func (r *Redis) tellAll(ctx context.Context, keys []string, fn func(Entry) error) error {
	found := make([][]Entry, len(keys))
	err := together(len(keys), func(i int) error {
		return r.do(ctx, "export", func(ctx context.Context) error {
			var err error
			if found[i], err = r.tell(ctx, keys[i]); err != nil {
				return fmt.Errorf("record %q: %w", keys[i], err)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, entries := range found {
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return during("export", err)
			}
			if err := fn(e); err != nil {
				return during("export", err)
			}
		}
	}
	return nil
}

// together calls fn for 0 to n-1, some at a time. The first error ends it.
func together(n int, fn func(i int) error) error {
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		next  int
		first error
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= n && first == nil
	}
	for range min(movers, n) {
		all.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if err := fn(i); err != nil {
					mu.Lock()
					first = errors.Join(first, err)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return first
}

// primaries are the servers that take writes: one, or those of a Cluster.
func (r *Redis) primaries(ctx context.Context) (out []redis.Cmdable, err error) {
	cluster, ok := r.db.(*redis.ClusterClient)
	if !ok {
		return []redis.Cmdable{r.db}, nil
	}
	err = r.do(ctx, "nodes", func(ctx context.Context) error {
		var mu sync.Mutex // the nodes are asked side by side
		return cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			out = append(out, c)
			return nil
		})
	})
	return out, err
}

// scan goes through one server's keys of this store, in pieces.
func (r *Redis) scan(ctx context.Context, node redis.Cmdable, rest string, fn func(keys []string) error) error {
	match := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(r.names.prefix) + rest
	for cursor := uint64(0); ; {
		var keys []string
		err := r.do(ctx, "scan", func(ctx context.Context) (err error) {
			keys, cursor, err = node.Scan(ctx, cursor, match, 1000).Result()
			return err
		})
		if err != nil {
			return err
		}
		if err := fn(keys); err != nil {
			return err
		}
		if cursor == 0 {
			return nil
		}
	}
}

// servers is which processes have the store, and which slots of a Cluster each has. A walk through the
// keys is whole on one process only; and while a slot moves its records are on two nodes.
func (r *Redis) servers(ctx context.Context) (string, error) {
	nodes, err := r.primaries(ctx)
	if err != nil {
		return "", err
	}
	_, cluster := r.db.(*redis.ClusterClient)
	var all []string
	for _, node := range nodes {
		err := r.do(ctx, "export", func(ctx context.Context) error {
			said, err := node.Info(ctx, "server").Result()
			if err == nil && cluster {
				var slots string
				slots, err = node.ClusterNodes(ctx).Result()
				said += "\n" + slots
			}
			all = append(all, itself(said)...)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	slices.Sort(all)
	out := strings.Join(all, "\n")
	if strings.Contains(out, "->-") || strings.Contains(out, "-<-") {
		return "", fmt.Errorf("export: the ledger's Cluster %w", ErrMoving)
	}
	return out, nil
}

// itself is what a server says of its own process, and of its own slots.
func itself(said string) (out []string) {
	for line := range strings.Lines(said) {
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "run_id:"):
			out = append(out, strings.TrimSpace(line))
		case len(f) > 8 && strings.Contains(f[2], "myself"):
			out = append(out, f[0]+" "+strings.Join(f[8:], " "))
		}
	}
	return out
}
