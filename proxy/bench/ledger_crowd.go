//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// crowd is many virtual streams: accounts of the real ledger on a real server, that spend audio in real
// time. There is no relay and no socket of a client; what the ledger sees is the same.
//
// One goroutine walks them, a hundredth every millisecond, so that each spends 100 ms of audio every
// 100 ms at its own phase. A stream ends after one to five minutes and another begins in its place.
type crowd struct {
	stores []*ledger.Redis // gateways
	slice  time.Duration
	kind   func(slot int) budgetKind
	user   func(slot int) string
	slots  []slot

	mu     sync.Mutex
	leases []time.Duration // what each took
	counts crowdCounts
	window int            // which one it is
	busy   sync.WaitGroup // opens and closes under way
	work   chan func()
}

// crowdCounts is what happened since the last reset.
type crowdCounts struct {
	failed            int64 // calls that were not answered
	streams, dry      int64 // streams that ran, and those that ever waited for a lease
	waited, forwarded int64 // ms of audio that came late for want of a lease, and that passed
}

// slot is the place of one stream after the other.
type slot struct {
	account atomic.Pointer[ledger.Account] // nil while the next one opens
	life    int
	left    int64 // ms that it will still speak
	behind  int64 // ms that wait for a lease
	dry     int   // the window in which it last waited
}

const (
	crowdFrame = 100 // ms
	crowdTick  = time.Millisecond
	crowdTurns = int(crowdFrame * time.Millisecond / crowdTick)
	openers    = 256 // opens and closes at a time
)

func newCrowd(stores []*ledger.Redis, n int, slice time.Duration) *crowd {
	return &crowd{
		stores: stores, slice: slice, slots: make([]slot, n), work: make(chan func(), n),
		kind: func(int) budgetKind { return budgetKinds()[0] }, user: userName,
	}
}

// scatter spreads numbers evenly over 0 to below n, the same in every run.
func scatter(i, n int) int { return int(uint64(i) * 0x9E3779B97F4A7C15 >> 11 % uint64(n)) }

// ageOf is how many milliseconds a stream speaks: one to five minutes.
func ageOf(slot, life int) int64 { return 60_000 + int64(scatter(slot*31+life, 240_000)) }

// run opens the streams over a warm-up, then measures: each of the moments is called when it has come,
// and the last one's end is the end of the run.
func (c *crowd) run(ctx context.Context, warmUp time.Duration, windows ...func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer close(c.work)
	for range openers {
		helpers.Go(func() {
			for job := range c.work {
				job()
			}
		})
	}
	walked := make(chan struct{})
	go func() {
		defer close(walked)
		c.walk(ctx, warmUp)
	}()
	err := wait(ctx, warmUp+2*time.Second) // the last ones' first slice is behind them
	for _, w := range windows {
		if err == nil {
			err = w(ctx)
		}
	}
	stop()
	<-walked
	c.busy.Wait()
	return errors.Join(err, c.end())
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// walk is the streams' audio. A turn that comes late is made up for: audio does not wait.
func (c *crowd) walk(ctx context.Context, warmUp time.Duration) {
	tick := time.NewTicker(crowdTick)
	defer tick.Stop()
	began, opened := time.Now(), 0
	for turn := 0; ; turn++ {
		for time.Since(began) < time.Duration(turn)*crowdTick {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		want := len(c.slots)
		if warmUp > 0 {
			want = min(want, int(float64(want)*float64(time.Since(began))/float64(warmUp)))
		}
		for ; opened < want; opened++ {
			c.slots[opened].left = int64(scatter(opened, 300_000)) // as if they had begun at any time
			c.open(opened)
		}
		for i := turn % crowdTurns; i < opened; i += crowdTurns {
			c.frame(i)
		}
	}
}

// frame is the next 100 ms of one stream.
func (c *crowd) frame(i int) {
	s := &c.slots[i]
	a := s.account.Load()
	if a == nil {
		return
	}
	s.behind += crowdFrame
	if err := a.Spend(s.behind); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.counts.waited += crowdFrame
		if s.dry != c.window {
			s.dry = c.window
			c.counts.dry++
		}
		return
	}
	s.left -= s.behind
	c.mu.Lock()
	c.counts.forwarded += s.behind
	c.mu.Unlock()
	s.behind = 0
	if s.left <= 0 {
		s.account.Store(nil)
		s.left = ageOf(i, s.life)
		c.next(i, a)
	}
}

func (c *crowd) open(i int) { c.next(i, nil) }

// next ends a stream, if there is one, and opens the one that follows.
func (c *crowd) next(i int, old *ledger.Account) {
	c.busy.Add(1)
	c.work <- func() {
		defer c.busy.Done()
		s := &c.slots[i]
		s.dry, s.behind = 0, 0
		ctx := context.Background() // an end of the run settles what it has
		if old != nil {
			c.settled(old.Close(ctx))
		}
		s.life++
		a, _, err := ledger.Open(ctx, c.stores[i%len(c.stores)], opening(c.kind(i), c.user(i), streamName(i, s.life), c.slice, c.observe))
		c.mu.Lock()
		c.counts.streams++
		if err != nil {
			c.counts.failed++
		}
		c.mu.Unlock()
		s.account.Store(a) // also after an error: it asks again
	}
}

func (c *crowd) settled(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.counts.failed++
	}
}

func (c *crowd) observe(op, result, _ string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if result == "error" {
		c.counts.failed++
	}
	if op == "lease" {
		c.leases = append(c.leases, took)
	}
}

// longestEnd is for all of them, also where the server is gone.
const longestEnd = time.Minute

// end settles every stream, as gateways do that are drained.
func (c *crowd) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), longestEnd)
	defer cancel()
	var group sync.WaitGroup
	var mu sync.Mutex
	var faults int
	var first error
	for w := range openers {
		group.Go(func() {
			for i := w; i < len(c.slots); i += openers {
				a := c.slots[i].account.Load()
				if a == nil {
					continue
				}
				if err := a.Close(ctx); err != nil {
					mu.Lock()
					if faults++; first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	if first != nil {
		return fmt.Errorf("%d of %d streams were not settled: %w", faults, len(c.slots), first)
	}
	return nil
}

// crowdRow is what a window has shown.
type crowdRow struct {
	Title   string
	Streams int
	Window  time.Duration
	Leases  float64 // per second
	Calls   float64 // of scripts per second, as the server counts
	P50     time.Duration
	P90     time.Duration
	P99     time.Duration
	P999    time.Duration
	Max     time.Duration
	Dry     float64 // share of the streams that ever waited for a lease
	Late    float64 // share of the audio that came late
	Failed  int64
	Server  float64 // share of its core
	Load    float64 // of the load's
	In, Out float64 // bytes per second on the server's sockets
	Log     float64 // bytes per second into the append-only file
	Memory  int64   // the server's at the end
}

// reset forgets what happened so far.
func (c *crowd) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.window++
	c.leases, c.counts = c.leases[:0], crowdCounts{streams: int64(len(c.slots))}
}

// measure is one window.
func (c *crowd) measure(ctx context.Context, s *redisServer, title string, window time.Duration) (crowdRow, error) {
	before, err := s.account(ctx)
	if err != nil {
		return crowdRow{}, err
	}
	ours, err := ownCPU()
	if err != nil {
		return crowdRow{}, err
	}
	c.reset()
	began := time.Now()
	if err := wait(ctx, window); err != nil {
		return crowdRow{}, err
	}
	c.mu.Lock()
	took, n := slices.Sorted(slices.Values(c.leases)), c.counts
	c.mu.Unlock()
	after, err := s.account(ctx)
	if err != nil {
		return crowdRow{}, err
	}
	ours2, err := ownCPU()
	if err != nil {
		return crowdRow{}, err
	}
	did, secs := after.since(before), time.Since(began).Seconds()
	return crowdRow{
		Title: title, Streams: len(c.slots), Window: window,
		Leases: float64(len(took)) / secs, Calls: float64(did.calls) / secs,
		P50: percentile(took, 50), P90: percentile(took, 90), P99: percentile(took, 99), P999: percentile(took, 99.9), Max: percentile(took, 100),
		Dry: float64(n.dry) / float64(max(n.streams, 1)), Late: float64(n.waited) / float64(max(n.waited+n.forwarded, 1)), Failed: n.failed,
		Server: did.cpu.Seconds() / secs, Load: (ours2 - ours).Seconds() / secs,
		In: float64(did.in) / secs, Out: float64(did.out) / secs, Log: float64(did.log) / secs, Memory: after.memory,
	}, nil
}
