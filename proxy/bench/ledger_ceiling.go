//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// ceilingRow is what one core of Redis can do when it is asked without a pause.
type ceilingRow struct {
	What    string
	PerCall float64 // calls of scripts for one of the ledger's
	Rate    float64 // calls of scripts per second that were reached
	Server  float64 // share of its core meanwhile
	CPU     time.Duration
	Log     float64 // bytes of the append-only file per call
}

// most is what the whole core would do.
func (r ceilingRow) most() float64 {
	if r.CPU <= 0 {
		return 0
	}
	return float64(time.Second) / float64(r.CPU)
}

// ownCPU is what this process has burnt.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// flood asks from many goroutines, each after the other's answer, for a window.
func flood(ctx context.Context, s *redisServer, what string, window time.Duration, ask func(ctx context.Context, worker, turn int) error) (ceilingRow, error) {
	const workers = 128
	var asked atomic.Int64
	var group sync.WaitGroup
	var once sync.Once
	var fault error
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for w := range workers {
		group.Go(func() {
			for turn := 0; ctx.Err() == nil; turn++ {
				if err := ask(ctx, w, turn); err != nil && ctx.Err() == nil {
					once.Do(func() { fault = err; stop() })
					return
				}
				asked.Add(1)
			}
		})
	}
	err := wait(ctx, window/4) // records exist then, and the scripts are there
	before, err1 := s.account(ctx)
	asked.Store(0)
	began := time.Now()
	err2 := wait(ctx, window)
	for err2 == nil && asked.Load() == 0 { // a machine that others keep busy
		err2 = wait(ctx, window)
	}
	took, n := time.Since(began), asked.Load()
	after, err3 := s.account(ctx)
	stop()
	group.Wait()
	if err := errors.Join(fault, err, err1, err2, err3); err != nil {
		return ceilingRow{}, fmt.Errorf("%s: %w", what, err)
	}
	did := after.since(before)
	if n == 0 || did.calls == 0 {
		return ceilingRow{}, fmt.Errorf("%s: nothing was answered", what)
	}
	return ceilingRow{
		What: what, PerCall: float64(did.calls) / float64(n), Rate: float64(did.calls) / took.Seconds(),
		Server: did.cpu.Seconds() / took.Seconds(), CPU: did.cpu / time.Duration(did.calls), Log: float64(did.log) / float64(did.calls),
	}, nil
}

// floodUsers is how many users a flood goes round: more than what fits in a core's caches.
const floodUsers = 20_000

// leaseFlood leases for a kind of user, as streams that run.
func leaseFlood(ctx context.Context, s *redisServer, k budgetKind, window, slice time.Duration) (row ceilingRow, err error) {
	store, err := s.store(10*time.Second, nil)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	const workers, each = 128, floodUsers / 128
	spent := make([]int64, workers*each)
	return flood(ctx, s, k.name, window, func(ctx context.Context, w, turn int) error {
		i := w*each + turn%each
		user := userName(i)
		g, err := store.Lease(ctx, ledger.Request{
			User: user, Stream: streamName(i, 0), Scopes: k.budgets(user), Spent: spent[i], Ceiling: spent[i] + slice.Milliseconds(),
		})
		if err == nil {
			spent[i] = g.Ceiling - slice.Milliseconds()/3
		}
		return err
	})
}

func ceilingCase(ctx context.Context, s *redisServer, o ledgerOptions) ([]ceilingRow, error) {
	var rows []ceilingRow
	for _, k := range budgetKinds() {
		if err := s.empty(ctx); err != nil {
			return nil, err
		}
		row, err := leaseFlood(ctx, s, k, o.short(), o.slice)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return append(rows, hotKey(rows)), nil
}

const hotName = "the breaker's own call"

// hotKey is what is left of a lease under a breaker when the user's own call is taken off: all streams
// make it on one key, wherever their users are.
func hotKey(rows []ceilingRow) ceilingRow {
	var plain, both ceilingRow
	for _, r := range rows {
		switch r.What {
		case kindPlain:
			plain = r
		case kindBreaker:
			both = r
		}
	}
	return ceilingRow{What: hotName, PerCall: 1, CPU: 2*both.CPU - plain.CPU, Log: 2*both.Log - plain.Log}
}

// readRow is what a user's minutes cost to read.
type readRow struct {
	Habit string
	Usage time.Duration // the server's CPU for three soft caps' windows
	Lease time.Duration // for a lease under a budget over 7 d
}

func readCase(ctx context.Context, s *redisServer, o ledgerOptions) ([]readRow, error) {
	var rows []readRow
	k := kindNamed(kindRolling)
	for i, h := range o.habits() {
		row, err := readOf(ctx, s, k, h, habitUser(k, i), o)
		if err != nil {
			return nil, fmt.Errorf("read of %s: %w", h.name, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// readOf asks for a user of the case memory, who is made where that was not run.
func readOf(ctx context.Context, s *redisServer, k budgetKind, h habit, name string, o ledgerOptions) (row readRow, err error) {
	there, err := s.db.Exists(ctx, ownerPart(name)+"audio").Result()
	if err == nil && there == 0 {
		_, err = memoryOf(ctx, s, k, h, name)
	}
	if err != nil {
		return row, err
	}
	store, err := s.store(10*time.Second, nil)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	caps := []time.Duration{24 * time.Hour, 72 * time.Hour, 168 * time.Hour}
	usage, err := flood(ctx, s, "usage", o.short()/2, func(ctx context.Context, _, _ int) error {
		_, err := store.Usage(ctx, ledger.Query{User: name, Windows: caps})
		return err
	})
	if err != nil {
		return row, err
	}
	lease, err := flood(ctx, s, "lease", o.short()/2, func(ctx context.Context, w, turn int) error {
		ms := int64(turn) * 10
		_, err := store.Lease(ctx, ledger.Request{User: name, Stream: streamName(w, 2), Scopes: k.budgets(name), Spent: ms, Ceiling: ms + 5000})
		return err
	})
	return readRow{Habit: h.name, Usage: usage.CPU, Lease: lease.CPU}, err
}
