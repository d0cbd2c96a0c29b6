package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy"
	"github.com/sttgate/sttgate/proxy/admin"
	"github.com/sttgate/sttgate/proxy/provider"
)

// What an overview asks of the store, at most.
const (
	pingEvery   = 2 * time.Second
	pingTimeout = 300 * time.Millisecond
	countEvery  = 30 * time.Second
	countWithin = time.Second
	countPages  = 20 // of a thousand records
)

// opsFigures is what an overview is made of. Pages ask each second, so what the store has to be asked for is kept: whoever finds it
// old asks anew, the others wait for that and no longer than the timeouts.
type opsFigures struct {
	started time.Time
	kind    string // of store
	store   ledger.Store
	vendors *proxy.Vendors
	flows   prometheus.Gatherer // the metrics of the data path, none of which asks anybody
	rules   func() policy.Config
	log     *slog.Logger

	mu     sync.Mutex
	pinged time.Time
	up     bool
	tried  time.Time
	users  admin.StageCounts
}

var _ admin.Figures = (*opsFigures)(nil)

func (o *opsFigures) Figures(ctx context.Context) admin.Figured {
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	sum := newSums(o.flows, o.log)
	f := admin.Figured{
		Instance: host, Started: o.started,
		Totals: admin.Totals{
			Forwarded: sum.millis("sttgate_audio_seconds_total", "kind", "forwarded"), Dropped: sum.millis("sttgate_audio_seconds_total", "kind", "dropped"),
			Charged: sum.millis("sttgate_charged_seconds_total", "", ""), Results: sum.by("sttgate_streams_total", "result"), Refusals: map[string]int64{},
		},
		Store: admin.StoreHealth{Kind: o.kind, Errors: sum.by("sttgate_store_errors_total", "class")},
	}
	for _, r := range append(provider.Reasons(), proxy.EndedByOperator) {
		if n := f.Totals.Results[string(r)]; n > 0 {
			f.Totals.Refusals[string(r)] = n
		}
	}
	f.Store.Leases, f.Store.Median, f.Store.P99 = sum.spread("sttgate_lease_duration_seconds")
	for _, p := range provider.Builtin() {
		f.Vendors = append(f.Vendors, opsVendor(p.Name(), o.vendors.Health(p.Name())))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	f.Store.Up = o.storeUp(ctx)
	f.Users = o.counted(ctx, countEvery)
	return f
}

func opsVendor(name string, h proxy.VendorHealth) admin.VendorHealth {
	v := admin.VendorHealth{
		Provider: name, State: "ok", Failure: h.Failure, At: h.At.UTC(), Seen: h.Seen, Failed: h.Failed,
		Median: h.Median.Microseconds(), P99: h.P99.Microseconds(),
	}
	switch {
	case h.Seen == 0:
		v.State, v.At = "unknown", time.Time{}
	case h.Failure != "":
		v.State = "failing"
	}
	return v
}

// storeUp is called with the lock held.
func (o *opsFigures) storeUp(ctx context.Context) bool {
	if time.Since(o.pinged) >= pingEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
		defer cancel()
		o.up, o.pinged = o.store.Ping(ctx) == nil, time.Now()
	}
	return o.up
}

// counted is called with the lock held. Where the store does not answer, the older count stays.
func (o *opsFigures) counted(ctx context.Context, every time.Duration) admin.StageCounts {
	if time.Since(o.tried) >= every && o.up {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countWithin)
		defer cancel()
		c, err := o.count(ctx, time.Now())
		if err != nil {
			o.log.LogAttrs(ctx, slog.LevelWarn, "users not counted", slog.Any("error", err))
			o.users.Whole = false
		} else {
			o.users = c
		}
		o.tried = time.Now()
	}
	if o.users.Stages == nil {
		o.users.Stages = map[string]int64{}
	}
	return o.users
}

// count reads the records of users, up to a bound: an overview is not worth a full scan of a large store.
func (o *opsFigures) count(ctx context.Context, now time.Time) (admin.StageCounts, error) {
	out, rules, cursor := admin.StageCounts{Stages: map[string]int64{}, At: now.UTC()}, o.rules(), ""
	for range countPages {
		users, next, err := o.store.Users(ctx, cursor, 1000)
		if err != nil {
			return out, err
		}
		for _, u := range users {
			st, exempt, err := standing(u, rules, now)
			if err != nil {
				return out, err
			}
			if exempt {
				out.Exempt++
			} else if st.Stage != policy.None {
				out.Stages[string(st.Stage)]++
			}
		}
		if cursor = next; next == "" {
			out.Whole = true
			break
		}
	}
	return out, nil
}

// standing is what a record comes to now.
func standing(u ledger.UserState, c policy.Config, now time.Time) (st policy.State, exempt bool, err error) {
	if st, err = policy.DecodeState(u.Data); err != nil {
		return st, false, fmt.Errorf("user %s: %w", u.User, err)
	}
	st = st.Now(c, now)
	return st, policy.Lifted(st, c, u.User, now) == policy.WhyExempt, nil
}
