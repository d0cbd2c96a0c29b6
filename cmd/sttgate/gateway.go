package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy/engine"
	"github.com/sttgate/sttgate/proxy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// gateway is a running gateway: the data listeners, the operator's listener and the
// ledger behind both.
type gateway struct {
	store    ledger.Store
	reviewer *reviewer
	tell     *tidings
	engine   *engine.Engine
	proxy    *proxy.Server
	spans    *traces
	admin    *http.Server
	ops      net.Listener
	config   *reloader
	figures  *opsFigures
	log      *slog.Logger

	draining sync.Once
	began    atomic.Int64  // of the drain, in Unix ms; 0: there is none
	drained  chan struct{} // closed when the data side is down
	hurrying sync.Once
	hurried  chan struct{} // closed when the grace of a drain is not to be waited for
	served   chan error    // of the two servers' goroutines
}

// startGateway builds the graph top to bottom and opens the listeners. On an error
// nothing is left open. The caller must Wait.
func startGateway(ctx context.Context, live *config.Live, log *slog.Logger, version string) (_ *gateway, err error) {
	// The data path has a registry of its own: an overview reads it each second, and nothing in it asks the store.
	reg, flows := prometheus.NewRegistry(), prometheus.NewRegistry()
	cfg, conf := live.Now().Config, &reloader{live: live, log: log}
	var up parts
	defer func() {
		if err != nil {
			err = errors.Join(err, up.close())
		}
	}()
	store, err := openStore(ctx, cfg, conf.rules, log, reg)
	if err != nil {
		return nil, err
	}
	up.add(store.Close)
	tell, err := newTidings(cfg, conf.config, store, log, reg)
	if err != nil {
		return nil, err
	}
	up.add(tell.Close)
	who, err := newReviewer(cfg.Policy, store, log, reg)
	if err != nil {
		return nil, err
	}
	up.add(who.Close)
	spans, err := newTraces(ctx, cfg.Tracing, version, log)
	if err != nil {
		return nil, err
	}
	up.add(spans.Close)
	eng, err := newEngine(cfg.Policy, conf.rules, who, tell, spans, store, log, reg)
	if err != nil {
		return nil, err
	}
	up.add(func() error { eng.Close(); return nil })
	v := opsVersion(version)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	data, err := proxy.New(cfg.Proxy, proxy.Deps{
		Store: store, Policy: cfg.Policy.Rules, Watch: watch(eng, tell), Sessions: who.sessions(), Events: tell.events(), Slice: cfg.Ledger.Slice, Providers: provider.Builtin(), Log: log, Registry: flows, Tracer: spans.tracer(),
	})
	if err != nil {
		return nil, err
	}
	up.add(func() error { data.Streams.Close(); return nil })
	g := &gateway{
		store: store, reviewer: who, tell: tell, engine: eng, proxy: data, config: conf, spans: spans, log: log, drained: make(chan struct{}), hurried: make(chan struct{}), served: make(chan error, 2),
	}
	conf.apply = applying(data, tell)
	reg.MustRegister(reloadMetrics{live})
	registerState(reg, g, v, func() time.Duration { return live.Now().Config.Proxy.WithDefaults().Drain.Grace })
	ops, err := g.operator(cfg, prometheus.Gatherers{reg, flows}, flows, v)
	if err != nil {
		return nil, err
	}
	reg.MustRegister(stageCounts{g.figures})
	g.admin = &http.Server{
		Handler: ops, ReadHeaderTimeout: cfg.Proxy.Limits.HeaderTimeout, ReadTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	if err := g.listen(ctx, cfg.Admin.Listen); err != nil {
		return nil, err
	}
	go func() { g.served <- data.Serve() }()
	go func() { g.served <- ignoreClosed(g.admin.Serve(g.ops)) }()
	return g, nil
}

// applying puts a changed config into force at the data side and for who is told, who get to know each other.
func applying(data *proxy.Server, tell *tidings) func(config.Config) error {
	tell.users.Store(data.Users)
	return func(c config.Config) error {
		if err := data.Follow(c.Proxy, c.Policy.Rules); err != nil {
			return err
		}
		return tell.Follow(c.Notify)
	}
}

// parts are those of a gateway that does not come to be: they are closed, the last first.
type parts []func() error

func (p *parts) add(closing func() error) { *p = append(*p, closing) }

func (p *parts) close() error {
	var errs []error
	for _, closing := range slices.Backward(*p) {
		errs = append(errs, closing())
	}
	return errors.Join(errs...)
}

// listen opens the operator's listener first: the probes have to answer before
// clients come.
func (g *gateway) listen(ctx context.Context, addr string) error {
	var lc net.ListenConfig
	ops, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for operators: %w", err)
	}
	if err := g.proxy.Listen(ctx); err != nil {
		return errors.Join(err, ops.Close())
	}
	g.ops = ops
	return nil
}

// DataAddr is where clients connect.
func (g *gateway) DataAddr() string { return g.proxy.Addr() }

// AdminAddr is the operator's listener.
func (g *gateway) AdminAddr() string { return g.ops.Addr().String() }

// Drain begins to take the gateway out of service and returns at once: new streams
// get 503, running ones go on for drain.grace. Wait returns when it is done.
func (g *gateway) Drain() {
	g.draining.Do(func() {
		g.began.Store(time.Now().UnixMilli())
		g.proxy.Streams.BeginDrain()
		g.log.Info("draining", slog.Int("streams", len(g.proxy.Streams.List())))
		go func() {
			defer close(g.drained)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() {
				select {
				case <-g.hurried:
					cancel()
				case <-ctx.Done():
				}
			}()
			g.proxy.Shutdown(ctx)
		}()
	})
}

// overdue is for how long streams have run beyond the grace of a drain.
func (g *gateway) overdue(grace time.Duration) time.Duration {
	began := g.began.Load()
	if began == 0 || len(g.proxy.Streams.List()) == 0 { // Hurry ends the grace early, and what runs on for longer than two seconds then is cut
		return 0
	}
	return max(time.Since(time.UnixMilli(began))-grace, 0)
}

// Hurry ends the grace of a drain: polite ends begin now and have two seconds.
func (g *gateway) Hurry() { g.hurrying.Do(func() { close(g.hurried) }) }

// Stop drains without a grace and waits for the end, or for ctx's.
func (g *gateway) Stop(ctx context.Context) error {
	g.Hurry()
	g.Drain()
	down := make(chan error, 1)
	go func() { down <- g.Wait() }()
	select {
	case err := <-down:
		return err
	case <-ctx.Done():
		return fmt.Errorf("gateway does not stop: %w", ctx.Err())
	}
}

// Wait returns when the gateway is down: drained, settled, and the store closed. A
// listener that fails takes the gateway down, too.
func (g *gateway) Wait() error {
	first := <-g.served
	g.Drain()
	<-g.drained
	closing, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := errors.Join(first, g.admin.Shutdown(closing))
	err = errors.Join(err, <-g.served)
	g.engine.Close() // before whom it asks, whom it tells, and its store
	err = errors.Join(err, g.reviewer.Close(), g.tell.Close())
	err = errors.Join(err, g.spans.Close())
	if cerr := g.store.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("close ledger: %w", cerr))
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
