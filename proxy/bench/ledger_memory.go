//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sttgate/sttgate/meter/ledger"
)

// habit is how much a user speaks: every day for eight days, which is as long as minutes are kept.
type habit struct {
	name    string
	minutes int // of audio a day
	streams int // in which they are spoken, spread over the day
}

func habits() []habit {
	return []habit{
		{"one stream, one minute ever", 0, 0},
		{"10 minutes a day in 5 streams", 10, 5},
		{"2 hours a day in 12 streams", 120, 12},
		{"8 hours a day in 16 streams", 480, 16},
		{"day and night", 24 * 60, 4},
	}
}

const habitDays = 8

// memoryRow is what a user's keys take, by MEMORY USAGE.
type memoryRow struct {
	Habit, Kind string
	Rest        int64 // bytes when nothing runs and no settle is remembered: minutes, balances, the record
	Stream      int64 // and more while a stream runs
	Mark        int64 // and for each that has ended, four hours long
}

// live plays a user's days by the real scripts, a lease for each minute of audio, and leaves one
// stream running.
func live(ctx context.Context, store *ledger.Redis, clock *audioClock, k budgetKind, h habit, user string) error {
	for range habitDays {
		if h.streams == 0 {
			break
		}
		pause := 24 * time.Hour / time.Duration(h.streams)
		length := h.minutes / h.streams
		for range h.streams {
			if err := liveStream(ctx, store, clock, k, user, length, true); err != nil {
				return err
			}
			clock.add(pause - time.Duration(length)*time.Minute)
		}
	}
	return liveStream(ctx, store, clock, k, user, 1, false)
}

func liveStream(ctx context.Context, store *ledger.Redis, clock *audioClock, k budgetKind, user string, minutes int, settle bool) error {
	r := ledger.Request{
		User: user, Scopes: k.budgets(user),
		Stream: streamName(int(clock.passed.Load()/int64(time.Second)), 1),
	}
	for range minutes {
		r.Ceiling = r.Spent + time.Minute.Milliseconds()
		g, err := store.Lease(ctx, r)
		if err != nil {
			return err
		}
		clock.add(time.Minute)
		r.Spent = g.Ceiling
	}
	r.Ceiling = r.Spent + 5000
	if _, err := store.Lease(ctx, r); err != nil || !settle {
		return err
	}
	_, err := store.Settle(ctx, r)
	return err
}

// weigh sums MEMORY USAGE of the keys under a pattern.
func weigh(ctx context.Context, db *redis.Client, pattern string) (row memoryRow, err error) {
	marks := int64(0)
	it := db.Scan(ctx, 0, pattern, 1000).Iterator()
	for it.Next(ctx) {
		n, err := db.MemoryUsage(ctx, it.Val(), 0).Result()
		if err != nil {
			return row, fmt.Errorf("MEMORY USAGE %s: %w", it.Val(), err)
		}
		_, name, _ := strings.Cut(it.Val(), "}:")
		switch what, _, _ := strings.Cut(name, ":"); what {
		case "settled":
			row.Mark += n
			marks++
		case "stream", "open":
			row.Stream += n
		default:
			row.Rest += n
		}
	}
	if marks > 0 {
		row.Mark /= marks
	}
	return row, it.Err()
}

// stageRecord is a user's record as the policy writes one.
const stageRecord = `{"stage":"restrict","since":"2026-11-20T08:15:30.123456Z","reason":"shared account, ticket 4711","by":"operator"}`

func memoryCase(ctx context.Context, s *redisServer, o ledgerOptions) ([]memoryRow, error) {
	if err := s.empty(ctx); err != nil {
		return nil, err
	}
	kinds := budgetKinds()[:3] // under a breaker: the same keys, and the breaker's own
	all := o.habits()
	rows, faults := make([]memoryRow, len(kinds)*len(all)), make([]error, len(kinds)*len(all))
	var group sync.WaitGroup
	for i, k := range kinds {
		for j, h := range all {
			at := i*len(all) + j
			group.Go(func() {
				var err error
				if rows[at], err = memoryOf(ctx, s, k, h, habitUser(k, j)); err != nil {
					faults[at] = fmt.Errorf("memory of %s, %s: %w", k.name, h.name, err)
				}
			})
		}
	}
	group.Wait()
	return rows, errors.Join(faults...)
}

// habits are those of a run: those who speak all day take their time to play.
func (o ledgerOptions) habits() []habit {
	if o.quick {
		return habits()[:3]
	}
	return habits()
}

// habitUser is whoever has the habit of that number.
func habitUser(k budgetKind, number int) string {
	name := fmt.Sprintf("%s%d", k.name, number)
	return name + userName(0)[len(name):]
}

func memoryOf(ctx context.Context, s *redisServer, k budgetKind, h habit, user string) (row memoryRow, err error) {
	// The days end now: keys that were due before would not be written.
	clock := newAudioClock(time.Now().Add(-habitDays * 24 * time.Hour))
	store, err := s.store(10*time.Second, clock.now)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if k.name != kindPlain {
		if _, err := store.SetState(ctx, user, ledger.State{Data: []byte(stageRecord)}); err != nil {
			return row, err
		}
	}
	if err := live(ctx, store, clock, k, h, user); err != nil {
		return row, err
	}
	row, err = weigh(ctx, s.db, "*{user:"+user+"}*")
	row.Habit, row.Kind = h.name, k.name
	return row, err
}
