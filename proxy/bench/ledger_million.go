//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sttgate/sttgate/meter/ledger"
)

// populationRow is everybody's records in one server.
type populationRow struct {
	Users, Keys int64
	Memory      int64 // bytes
	Fork        time.Duration
	Rewrite     time.Duration
	LogSize     int64
}

// record is one key of a user, as the server dumps it.
type record struct {
	name  string // behind the owner's part
	value string
	ttl   time.Duration
}

// template makes one user by the real scripts and takes what is there when nothing runs.
func template(ctx context.Context, s *redisServer, k budgetKind, h habit, user string) (out []record, err error) {
	clock := newAudioClock(time.Now().Add(-habitDays * 24 * time.Hour))
	store, err := s.store(10*time.Second, clock.now)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := live(ctx, store, clock, k, h, user); err != nil {
		return nil, err
	}
	owner := ownerPart(user)
	keys, err := s.db.Keys(ctx, owner+"*").Result()
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		name := key[len(owner):]
		if what := name[:min(len(name), 4)]; what == "sett" || what == "stre" || what == "open" {
			continue
		}
		value, err := s.db.Dump(ctx, key).Result()
		if err != nil {
			return nil, err
		}
		ttl, err := s.db.PTTL(ctx, key).Result()
		if err != nil {
			return nil, err
		}
		out = append(out, record{name, value, ttl})
	}
	return out, s.db.Del(ctx, keys...).Err()
}

func ownerPart(user string) string { return "sttgate:{user:" + user + "}:" }

// restricted is every tenth user; their streams are under a day's budget.
func restricted(user int) bool { return user%10 == 0 }

// populate gives users records as the real scripts have made them, by DUMP and RESTORE: to let a million
// of them speak for eight days would take hours.
func populate(ctx context.Context, s *redisServer, users int) (populationRow, error) {
	h := habits()[1]
	var kinds [2][]record
	for i, k := range []budgetKind{kindNamed(kindPlain), kindNamed(kindDay)} {
		var err error
		if kinds[i], err = template(ctx, s, k, h, "template"); err != nil {
			return populationRow{}, fmt.Errorf("template of %s: %w", k.name, err)
		}
	}
	const hands = 4 // the server is not to wait for the next pipeline
	faults := make([]error, hands)
	var group sync.WaitGroup
	for w := range hands {
		group.Go(func() { faults[w] = restore(ctx, s.db, kinds, w, hands, users) })
	}
	group.Wait()
	if err := errors.Join(faults...); err != nil {
		return populationRow{}, err
	}
	keys, err := s.db.DBSize(ctx).Result()
	if err != nil {
		return populationRow{}, err
	}
	a, err := s.account(ctx)
	return populationRow{Users: int64(users), Keys: keys, Memory: a.memory}, err
}

// restore writes the records of every step-th user.
func restore(ctx context.Context, db *redis.Client, kinds [2][]record, first, step, users int) error {
	pipe := db.Pipeline()
	for i := first; i < users; i += step {
		records := kinds[0]
		if restricted(i) {
			records = kinds[1]
		}
		for _, r := range records {
			pipe.Restore(ctx, ownerPart(userName(i))+r.name, max(r.ttl, 0), r.value)
		}
		if pipe.Len() < 1000 && i+step < users {
			continue
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	return nil
}

// gateways are stores as of so many processes, each with a pool of its own.
func gateways(s *redisServer, o ledgerOptions) ([]*ledger.Redis, func() error, error) {
	var all []*ledger.Redis
	shut := func() error {
		var err error
		for _, r := range all {
			err = errors.Join(err, r.Close())
		}
		return err
	}
	timeout := 250 * time.Millisecond // the default: an answer that is late is an outage
	if o.quick {
		timeout = 10 * time.Second // a first look is for any machine
	}
	for range o.gateways {
		r, err := s.store(timeout, nil)
		if err != nil {
			return nil, nil, errors.Join(err, shut())
		}
		all = append(all, r)
	}
	return all, shut, nil
}

// streamsCase is as many streams as were asked for on one server.
func streamsCase(ctx context.Context, s *redisServer, o ledgerOptions) (rows []crowdRow, err error) {
	if err := s.empty(ctx); err != nil {
		return nil, err
	}
	stores, shut, err := gateways(s, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, shut()) }()
	c := newCrowd(stores, o.streams, o.slice)
	err = c.run(ctx, o.warmUp(), func(ctx context.Context) error {
		row, err := c.measure(ctx, s, "in real time", o.window)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

// shardCase is one shard's share of the largest case, among the records of everybody, and its
// log rewritten under it.
func shardCase(ctx context.Context, s *redisServer, o ledgerOptions) (people populationRow, rows []crowdRow, err error) {
	if err := s.empty(ctx); err != nil {
		return people, nil, err
	}
	// Without the log, which begins anew afterwards: a gigabyte of loading on its way to the disk is not what a
	// server has behind it that has run for a week.
	if err := s.db.ConfigSet(ctx, "appendonly", "no").Err(); err != nil {
		return people, nil, err
	}
	if people, err = populate(ctx, s, o.users); err != nil {
		return people, nil, err
	}
	if err := s.db.ConfigSet(ctx, "appendonly", "yes").Err(); err != nil {
		return people, nil, err
	}
	if _, err := s.rewritten(ctx); err != nil {
		return people, nil, err
	}
	stores, shut, err := gateways(s, o)
	if err != nil {
		return people, nil, err
	}
	defer func() { err = errors.Join(err, shut()) }()
	c := newCrowd(stores, o.share(), o.slice)
	who := func(slot int) int { return scatter(slot, o.users) }
	c.user = func(slot int) string { return userName(who(slot)) }
	c.kind = func(slot int) budgetKind {
		if restricted(who(slot)) {
			return kindNamed(kindDay)
		}
		return kindNamed(kindPlain)
	}
	err = c.run(ctx, o.warmUp(),
		func(ctx context.Context) error {
			row, err := c.measure(ctx, s, "in real time", o.window)
			rows = append(rows, row)
			return err
		},
		func(ctx context.Context) error {
			row, err := c.measureRewrite(ctx, s, &people, min(o.window, 5*time.Second))
			rows = append(rows, row)
			return err
		})
	return people, rows, err
}

// measureRewrite is a window that begins with the fork and ends with the new log.
func (c *crowd) measureRewrite(ctx context.Context, s *redisServer, people *populationRow, window time.Duration) (crowdRow, error) {
	if err := s.db.BgRewriteAOF(ctx).Err(); err != nil {
		return crowdRow{}, err
	}
	began := time.Now()
	row, err := c.measure(ctx, s, "while the log is rewritten", window)
	if err != nil {
		return row, err
	}
	info, err := s.rewritten(ctx)
	if err != nil {
		return row, err
	}
	people.Rewrite = time.Since(began)
	people.LogSize, _ = strconv.ParseInt(info["aof_current_size"], 10, 64)
	micros, _ := strconv.ParseInt(info["latest_fork_usec"], 10, 64)
	people.Fork = time.Duration(micros) * time.Microsecond
	return row, nil
}

// rewritten waits until no rewrite of the log is under way.
func (s *redisServer) rewritten(ctx context.Context) (map[string]string, error) {
	for began := time.Now(); ; {
		info, err := s.info(ctx, "persistence", "stats")
		if err != nil {
			return nil, err
		}
		if info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0" {
			return info, nil
		}
		if time.Since(began) > longestRewrite {
			return nil, fmt.Errorf("the log is not rewritten after %v", longestRewrite)
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// longestRewrite is for a gigabyte on a busy machine.
const longestRewrite = 3 * time.Minute
