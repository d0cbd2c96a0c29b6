package ledger

import (
	"context"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Risks are the ways in which a server that works may lose what was charged. Each hands out
// budgets a second time.
type Risks struct {
	// NoLog: it keeps no append-only file. A restart goes back to the last snapshot, or to nothing.
	NoLog bool
	// Evicts: when its memory is full it throws keys away, and a balance is a key.
	Evicts bool
}

// Risks asks the server, or every node of a Cluster that takes writes. INFO is asked and not CONFIG,
// which hosted servers keep to themselves.
func (r *Redis) Risks(ctx context.Context) (out Risks, err error) {
	err = r.do(ctx, "info", func(ctx context.Context) error {
		cluster, ok := r.db.(*redis.ClusterClient)
		if !ok {
			out, err = risksOf(ctx, r.db)
			return err
		}
		var mu sync.Mutex // the nodes are asked side by side
		return cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
			one, err := risksOf(ctx, c)
			mu.Lock()
			defer mu.Unlock()
			out.NoLog, out.Evicts = out.NoLog || one.NoLog, out.Evicts || one.Evicts
			return err
		})
	})
	if err != nil {
		return Risks{}, err
	}
	return out, nil
}

func risksOf(ctx context.Context, c redis.Cmdable) (Risks, error) {
	said := map[string]string{}
	for _, section := range []string{"persistence", "memory"} {
		info, err := c.Info(ctx, section).Result()
		if err != nil {
			return Risks{}, err
		}
		for line := range strings.Lines(info) {
			if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				said[k] = v
			}
		}
	}
	policy := said["maxmemory_policy"]
	return Risks{
		NoLog:  said["aof_enabled"] == "0",
		Evicts: policy != "" && policy != "noeviction" && said["maxmemory"] != "0",
	}, nil
}
