package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	notices notify.Notices
	budgets *notify.Budgets // nil: nobody is told of budgets
	usage   *notify.Usage   // nil: nobody is told of usage
	every   time.Duration
	rules   func() policy.Config
}

// newTidings opens what the config says is told, and registers its metric.
func newTidings(cfg config.Config, rules func() policy.Config, store ledger.Store, log *slog.Logger, reg prometheus.Registerer) (*tidings, error) {
	count := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "sttgate", Name: "usage_events_total", Help: "Messages and usage events, by what became of them: delivered, retried, refused, dropped.",
	}, []string{"sink", "result"})
	reg.MustRegister(count)
	for _, sink := range []string{notify.ToWebhook, notify.ToFile, notify.ToHTTP} {
		for _, result := range notify.Results() {
			count.WithLabelValues(sink, result) // a counter that appears with its first drop hides it from alerts
		}
	}
	t := &tidings{rules: rules}
	sinks, err := sinksOf(cfg)
	if err != nil || len(sinks) == 0 {
		return t, err
	}
	if t.notices, err = notify.NewNotices(cfg.Notify.Texts); err != nil {
		return nil, errors.Join(fmt.Errorf("notify: %w", err), closeAll(sinks))
	}
	counted := func(sink, result string, n int) { count.WithLabelValues(sink, result).Add(float64(n)) }
	t.box, err = notify.OpenOutbox(cfg.Ledger.Path, sinks, notify.Options{MaxBytes: cfg.Events.MaxBytes, Log: log, Count: counted})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ledger.path %s: %w", cfg.Ledger.Path, err), closeAll(sinks))
	}
	reg.MustRegister(backlogs{t.box})
	if cfg.Notify.Webhook.URL != "" {
		t.budgets = notify.NewBudgets(t.notices, store, t.box.Append, log)
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
func (t *tidings) Publish(_ context.Context, e policy.Event) error {
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
		m, ok, err := t.notices.Step(e, t.rules())
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

// stands is proxy.Watch.Stands.
func (t *tidings) stands() func(proxy.Standing) {
	if t.budgets == nil {
		return nil
	}
	return func(s proxy.Standing) { t.budgets.Seen(notify.Standing(s)) }
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
