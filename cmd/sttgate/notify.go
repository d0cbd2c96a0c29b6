package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/notify"
	"github.com/sttgate/sttgate/proxy"
)

// tidings tell the world outside what happens to users. Without anybody to tell they keep nothing.
type tidings struct {
	box     *notify.Outbox // nil: nobody is told
	notices atomic.Pointer[notify.Notices]
	webhook *notify.Webhook // nil: nobody is told of steps and budgets
	budgets *notify.Budgets // of the webhook
	usage   *notify.Usage   // nil: nobody is told of usage
	every   time.Duration
	live    func() config.Config
	users   atomic.Pointer[proxy.Users] // nil while the gateway begins
}

// newTidings opens what the config says is told, and registers its metric. live is the config in force.
func newTidings(cfg config.Config, live func() config.Config, store ledger.Store, log *slog.Logger, reg prometheus.Registerer) (*tidings, error) {
	count := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "sttgate", Name: "usage_events_total", Help: "Messages and usage events, by what became of them: delivered, retried, refused, dropped.",
	}, []string{"sink", "result"})
	reg.MustRegister(count)
	for _, sink := range []string{notify.ToWebhook, notify.ToFile, notify.ToHTTP} {
		for _, result := range notify.Results() {
			count.WithLabelValues(sink, result) // a counter that appears with its first drop hides it from alerts
		}
	}
	t := &tidings{live: live}
	sinks, err := sinksOf(cfg)
	if err != nil || len(sinks) == 0 {
		return t, err
	}
	notices, err := notify.NewNotices(cfg.Notify.Texts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("notify: %w", err), closeAll(sinks))
	}
	t.notices.Store(&notices)
	counted := func(sink, result string, n int) { count.WithLabelValues(sink, result).Add(float64(n)) }
	t.box, err = notify.OpenOutbox(cfg.Ledger.Path, sinks, notify.Options{MaxBytes: cfg.Events.MaxBytes, Log: log, Count: counted})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ledger.path %s: %w", cfg.Ledger.Path, err), closeAll(sinks))
	}
	reg.MustRegister(backlogs{t.box})
	for _, s := range sinks {
		if w, ok := s.(*notify.Webhook); ok {
			t.webhook = w
			t.budgets = notify.NewBudgets(notify.BudgetsOptions{
				Notices: func() notify.Notices { return *t.notices.Load() }, Notes: board{store}, Ask: t.ask, Tell: t.box.Append, Log: log,
			})
		}
	}
	if cfg.Events.Wanted() {
		t.every = cfg.Events.Interval
		t.usage = notify.NewUsage(notify.UsageOptions{Instance: thisHost(), Sinks: usageSinks(cfg), Append: t.box.Append, Count: counted, Log: log})
	}
	return t, nil
}

// sinksOf are those that the config names.
func sinksOf(cfg config.Config) ([]notify.Sink, error) {
	var out []notify.Sink
	if cfg.Notify.Webhook.URL != "" {
		w, err := notify.NewWebhook(cfg.Notify.Webhook)
		if err != nil {
			return nil, fmt.Errorf("notify.webhook.secret: %w", err)
		}
		out = append(out, w)
	}
	if cfg.Events.URL != "" {
		out = append(out, notify.NewHTTP(cfg.Events))
	}
	if cfg.Events.File != "" {
		f, err := notify.NewFile(cfg.Events)
		if err != nil {
			return nil, fmt.Errorf("events.file: %w", err)
		}
		out = append(out, f)
	}
	return out, nil
}

// closeAll lets go of sinks that no outbox has taken.
func closeAll(sinks []notify.Sink) (err error) {
	for _, s := range sinks {
		if c, ok := s.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
	}
	return err
}

// Publish is engine.Deps.Publish: when it returns, what is to be told of the step is on the disk.
func (t *tidings) Publish(ctx context.Context, e policy.Event) error {
	if t.box == nil {
		return nil
	}
	var ms []notify.Message
	if t.usage != nil {
		var err error
		if ms, err = t.usage.Step(e); err != nil {
			return err
		}
	}
	if t.budgets != nil {
		cfg := t.live()
		if err := t.moved(ctx, e, cfg.Proxy.Budgets); err != nil {
			return err
		}
		m, ok, err := t.notices.Load().Step(e, cfg.Policy.Rules)
		switch {
		case err != nil:
			return err
		case ok:
			ms = append(ms, m)
		}
	}
	if len(ms) == 0 {
		return nil
	}
	return t.box.Append(ms...)
}

// Follow puts other texts, and another webhook, into force: for what is told, and sent, from then on.
func (t *tidings) Follow(c notify.Config) error {
	if t.webhook == nil {
		return nil
	}
	notices, err := notify.NewNotices(c.Texts)
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	if err := t.webhook.Follow(c.Webhook); err != nil {
		return fmt.Errorf("notify.webhook.secret: %w", err)
	}
	t.notices.Store(&notices)
	t.box.Retry(notify.ToWebhook)
	return nil
}

// Close keeps what is not delivered yet for the next process.
func (t *tidings) Close() error {
	if t.box == nil {
		return nil
	}
	if t.budgets != nil {
		t.budgets.Close()
	}
	if t.usage != nil {
		t.usage.Close()
	}
	return t.box.Close()
}
