package ledger

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A gateway tells the store that it runs, so that nobody takes an export for whole while it
// spends. The embedded store has its file's lock for that.

// stayEvery is how often a gateway says that it runs; gateways.lua forgets it after three times that.
const stayEvery = 10 * time.Second

// presence is what a gateway has told of itself.
type presence struct {
	gateway string      // for people; "" is no gateway
	known   atomic.Bool // the server has heard it

	mu      sync.Mutex
	left    chan struct{} // closed when it says so no more; nil before it did
	gone    bool
	staying sync.WaitGroup
}

// come tells before the first call, and again after a word was lost: nothing is spent by
// a gateway that the store has not heard of.
func (r *Redis) come(ctx context.Context) error {
	if r.gateway == "" || r.known.Load() {
		return nil
	}
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return nil
	}
	if r.left == nil {
		r.left = make(chan struct{})
		r.staying.Go(r.stay)
	}
	r.mu.Unlock()
	_, err := r.gateways(ctx, r.id, r.gateway)
	r.known.Store(err == nil)
	return err
}

// stay tells again until the gateway leaves.
func (r *Redis) stay() {
	tick := time.NewTicker(stayEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.left:
			return
		case <-tick.C:
			ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
			_, err := r.gateways(ctx, r.id, r.gateway)
			cancel()
			r.known.Store(err == nil)
		}
	}
}

// leave says that nobody spends any more. A server that does not answer forgets by itself.
func (r *Redis) leave() {
	r.mu.Lock()
	first := !r.gone && r.left != nil
	r.gone = true
	r.mu.Unlock()
	if !first {
		return
	}
	close(r.left)
	r.staying.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	_, _ = r.gateways(ctx, r.id)
}

// company is who runs on a store.
type company struct {
	starts int64 // gateways that ever began
	names  []string
}

func (r *Redis) gateways(ctx context.Context, args ...any) (c company, err error) {
	v, err := r.scripts.gateways.Run(ctx, r.db, []string{r.names.gateways()}, append([]any{r.at()}, args...)...).Slice()
	if err != nil {
		return company{}, err
	}
	a := &answer{v: v}
	r.heard(a.number())
	c = company{a.number(), a.texts()}
	return c, a.end()
}

// alone fails while a gateway runs, and says how many ever began.
func (r *Redis) alone(ctx context.Context) (starts int64, err error) {
	var c company
	err = r.do(ctx, "export", func(ctx context.Context) error {
		c, err = r.gateways(ctx)
		return err
	})
	if err == nil && len(c.names) > 0 {
		err = fmt.Errorf("the ledger on Redis is %w: %s", ErrInUse, strings.Join(c.names, ", "))
	}
	return c.starts, err
}
