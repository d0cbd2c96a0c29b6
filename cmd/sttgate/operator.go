package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
	"github.com/sttgate/sttgate/proxy"
	"github.com/sttgate/sttgate/proxy/admin"
	"github.com/sttgate/sttgate/proxy/provider"
)

// operator builds the admin room's handler. The room knows nothing of the others;
// the types below are its doors.
// flows are the metrics of the data path alone.
func (g *gateway) operator(cfg config.Config, metrics, flows prometheus.Gatherer, v admin.Version) (http.Handler, error) {
	g.figures = &opsFigures{
		started: time.Now(), kind: cfg.Ledger.Store, store: g.store, vendors: g.proxy.Vendors, flows: flows, rules: g.config.rules, log: g.log,
	}
	audit, err := admin.NewAudit(cfg.Admin.AuditFile, g.log)
	if err != nil {
		return nil, err
	}
	g.config.audit = audit // nobody reloads before the listeners are open
	d := admin.Deps{
		Policy:  opsPolicy{g.proxy.Users, g.engine, g.store, g.config.rules, g.tell},
		Figures: g.figures,
		Users:   opsUsers{g.proxy.Users, g.engine}, Streams: opsStreams{g.proxy.Streams}, Drainer: opsDrain{g}, Configs: opsConfig{g.config}, Health: opsHealth{g},
		Minter: opsMinter{g.proxy.Minter}, Metrics: metrics, Log: g.log, Audit: audit, Version: v,
	}
	for _, p := range provider.Builtin() {
		d.Vendors = append(d.Vendors, p.Name())
	}
	for _, s := range policy.Stages() {
		d.Stages = append(d.Stages, string(s))
	}
	return admin.New(cfg.Admin, d)
}

func opsVersion(version string) admin.Version {
	b := thisBuild()
	return admin.Version{Version: version, Commit: b.Revision, Date: b.Built, Go: b.Go}
}

// opsUsers shows users to the operator.
type opsUsers struct {
	users  *proxy.Users
	engine *engine.Engine
}

func (o opsUsers) User(ctx context.Context, id string) (admin.User, error) {
	u, err := o.users.User(ctx, id, "")
	if err != nil {
		return admin.User{}, opsError(err)
	}
	st := opsState(u.State)
	st.Stage = string(u.Stage) // the one that holds now
	running, err := o.users.Running(ctx, id)
	if err != nil {
		return admin.User{}, opsError(err)
	}
	out := admin.User{ID: u.ID, State: st, At: u.At, Running: running}
	for _, c := range u.State.History {
		ev := admin.Event{
			At: c.At, From: string(c.From), To: string(c.To), Cause: string(c.Cause), Case: c.Ref, By: c.By, Reason: c.Reason, Shadow: c.Shadow,
		}
		if g := c.Grant; g != nil {
			ev.Budget, ev.MS = g.Budget, g.MS
		}
		out.Events = append(out.Events, ev)
	}
	for i, w := range proxy.UsageWindows() {
		out.Usage = append(out.Usage, admin.Usage{Window: w, Audio: u.Audio[i]})
	}
	for _, b := range u.Balances {
		out.Budgets = append(out.Budgets, opsBudget(b, policy.PerUser, ""))
	}
	for _, b := range u.Shared {
		out.Budgets = append(out.Budgets, opsBudget(b.Balance, b.Per, b.Provider))
	}
	return out, nil
}

func opsBudget(b ledger.Balance, per, provider string) admin.Budget {
	return admin.Budget{
		Budget: b.Budget, Per: per, Provider: provider, Window: opsWindow(b.Window), Limit: b.Limit, Granted: b.Granted, Used: b.Used, Remaining: b.Remaining,
		Resets: b.Resets, Shadow: b.Shadow,
	}
}

func (o opsUsers) SetStage(ctx context.Context, id string, c admin.StageChange) (before, after admin.State, err error) {
	stage, err := policy.ParseStage(c.Stage)
	if err != nil {
		return admin.State{}, admin.State{}, fmt.Errorf("%w: %w", admin.ErrInvalid, err)
	}
	out, err := o.engine.Set(ctx, policy.Setting{User: id, Stage: stage, Until: c.Until, By: c.By, Reason: c.Reason})
	if err != nil {
		return admin.State{}, admin.State{}, opsError(err)
	}
	return opsState(out.Before), opsState(out.After), nil
}

func opsState(s policy.State) admin.State {
	return admin.State{Stage: string(s.Stage), Since: s.Since, Until: s.Until, Cause: string(s.Cause), Reason: s.Reason, By: s.By}
}

func opsWindow(w ledger.Window) string {
	if w.Unit == ledger.Rolling {
		return admin.FormatSpan(w.Length)
	}
	return string(w.Unit)
}

// opsError says in the admin room's words what went wrong.
func opsError(err error) error {
	switch {
	case errors.Is(err, ledger.ErrConflict):
		return fmt.Errorf("%w: %w", admin.ErrConflict, err)
	case errors.Is(err, ledger.ErrInvalid):
		return fmt.Errorf("%w: %w", admin.ErrInvalid, err)
	}
	return fmt.Errorf("%w: %w", admin.ErrUnavailable, err)
}

// opsDrain takes the gateway out of service.
type opsDrain struct{ g *gateway }

func (o opsDrain) Draining() bool { return o.g.proxy.Streams.Draining() }
func (o opsDrain) Drain()         { o.g.Drain() }

// opsMinter makes caller tokens, where the config in force has any.
type opsMinter struct{ inForce func() *proxy.Minter }

func (o opsMinter) Mint(user, plan string, ttl time.Duration, now time.Time) (string, error) {
	m := o.inForce()
	if m == nil {
		return "", admin.ErrNoMinter
	}
	t, err := m.Mint(user, plan, ttl, now)
	if err != nil {
		return "", fmt.Errorf("%w: %w", admin.ErrInvalid, err)
	}
	return t, nil
}

// opsHealth answers the probes.
type opsHealth struct{ g *gateway }

// Live is nil for as long as the process answers at all: a restart cures no store.
func (o opsHealth) Live() error { return nil }

// Started is nil: the listener is opened last, when everything else is up.
func (o opsHealth) Started() error { return nil }

// Ready asks the store: without it no stream can buy anything. One whose outages are lent
// for takes no gateway out of service: all would go at once, and take the grace with them.
func (o opsHealth) Ready(ctx context.Context) []admin.Check {
	if p, ok := o.g.store.(*ledger.Patient); ok && p.Lends() {
		return []admin.Check{{Name: "ledger"}}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return []admin.Check{{Name: "ledger", Err: o.g.store.Ping(ctx)}}
}

// registerState adds the gauges of what the gateway is, asked at each scrape.
func registerState(reg prometheus.Registerer, g *gateway, v admin.Version, grace func() time.Duration) {
	gauge := func(name, help string, labels prometheus.Labels, f func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "sttgate", Name: name, Help: help, ConstLabels: labels}, f))
	}
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	gauge("draining", "1 while new streams are refused because the gateway goes down.", nil, func() float64 {
		return flag(g.proxy.Streams.Draining())
	})
	gauge("drain_overdue_seconds", "How long streams have been running beyond drain.grace in a gateway that goes down; 0 while there is none.", nil, func() float64 {
		return g.overdue(grace()).Seconds()
	})
	gauge("store_up", "1 while the ledger's store takes writes.", nil, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return flag(g.store.Ping(ctx) == nil)
	})
	gauge("build_info", "Always 1; the labels tell what runs.", prometheus.Labels{"version": v.Version, "go": v.Go}, func() float64 { return 1 })
}

var (
	_ admin.Users   = opsUsers{}
	_ admin.Drainer = opsDrain{}
	_ admin.Minter  = opsMinter{}
	_ admin.Health  = opsHealth{}
)
