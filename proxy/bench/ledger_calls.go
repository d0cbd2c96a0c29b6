//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// callsRow is what the streams of one kind of user ask of Redis.
type callsRow struct {
	Kind   string
	Minute float64 // calls per minute of audio
	Life   float64 // calls to open a stream and to settle it
	In     float64 // bytes per call
	Out    float64
	Log    float64 // bytes per call of the append-only file
}

// audioClock is a time that passes as audio does, so that minutes of audio take no minutes.
type audioClock struct {
	begin  time.Time
	passed atomic.Int64
}

func newAudioClock(begin time.Time) *audioClock { return &audioClock{begin: begin} }

func (c *audioClock) now() time.Time      { return c.begin.Add(time.Duration(c.passed.Load())) }
func (c *audioClock) add(d time.Duration) { c.passed.Add(int64(d)) }

const frameMs = 20

// countCalls plays streams of a kind, frame by frame and in step, each refill waited for: the calls are
// those of real time, and only their answers come at once.
func countCalls(ctx context.Context, s *redisServer, k budgetKind, streams int, audio, slice time.Duration) (row callsRow, err error) {
	clock := newAudioClock(time.Now().Truncate(time.Hour))
	store, err := s.store(10*time.Second, clock.now)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	accounts := make([]*ledger.Account, streams)
	marks := [4]account{}
	look := func(i int) error {
		var err error
		marks[i], err = s.account(ctx)
		return err
	}
	if err := look(0); err != nil {
		return row, err
	}
	for i := range accounts {
		if accounts[i], _, err = ledger.Open(ctx, store, opening(k, userName(i), streamName(i, 0), slice, nil)); err != nil {
			return row, fmt.Errorf("open: %w", err)
		}
	}
	if err := look(1); err != nil {
		return row, err
	}
	for t := time.Duration(0); t < audio; t += frameMs * time.Millisecond {
		for _, a := range accounts {
			if err := spendFrame(ctx, a); err != nil {
				return row, err
			}
		}
		clock.add(frameMs * time.Millisecond)
	}
	if err := look(2); err != nil {
		return row, err
	}
	for _, a := range accounts {
		if err := a.Close(ctx); err != nil {
			return row, err
		}
	}
	if err := look(3); err != nil {
		return row, err
	}
	run, n := marks[2].since(marks[1]), float64(streams)
	calls := max(float64(run.calls), 1)
	return callsRow{
		Kind: k.name, Minute: float64(run.calls) / n / audio.Minutes(),
		Life: float64(marks[1].since(marks[0]).calls+marks[3].since(marks[2]).calls) / n,
		In:   float64(run.in) / calls, Out: float64(run.out) / calls, Log: float64(run.log) / calls,
	}, nil
}

// spendFrame spends and lets the refill come in that it may have started.
func spendFrame(ctx context.Context, a *ledger.Account) error {
	for {
		err := a.Spend(frameMs)
		if err != nil && !errors.Is(err, ledger.ErrPending) {
			return fmt.Errorf("spend: %w", err)
		}
		if werr := a.Wait(ctx); werr != nil || err == nil {
			return werr
		}
	}
}

// spentKind is the day's budget in its last minute.
func spentKind() budgetKind {
	return budgetKind{"last minute", "the last minute of a day's budget", func(u string) []ledger.Scope {
		return []ledger.Scope{day("deepgram-daily", "user:"+u, time.Minute.Milliseconds())}
	}}
}

func callsCase(ctx context.Context, s *redisServer, o ledgerOptions) ([]callsRow, error) {
	audio, streams := 12*time.Minute, 10
	if o.quick {
		audio, streams = 2*time.Minute, 4
	}
	var rows []callsRow
	for _, k := range append(budgetKinds(), spentKind()) {
		if k.name == spentKind().name {
			audio = time.Minute
		}
		if err := s.empty(ctx); err != nil {
			return nil, err
		}
		row, err := countCalls(ctx, s, k, streams, audio, o.slice)
		if err != nil {
			return nil, fmt.Errorf("calls of %s: %w", k.name, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
