package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/admin"
)

// reloader puts a changed config into force, whoever asks for it: a watch, a signal, the admin API. Each attempt is a line of the log, and
// a line of the audit log: the API's own, for it knows who asked, the others' here.
type reloader struct {
	live  *config.Live
	apply func(config.Config) error
	audit *admin.Audit
	log   *slog.Logger
}

// config is the one in force.
func (r *reloader) config() config.Config { return r.live.Now().Config }

// rules are those in force.
func (r *reloader) rules() policy.Config { return r.live.Now().Config.Policy.Rules }

// reload does it and writes the one line of what became of it.
func (r *reloader) reload(by config.By) (config.Reloaded, error) {
	done, err := r.live.Reload(by, r.apply)
	r.tell(by, done, err)
	return done, err
}

// follow reloads when the file changes and at each signal, until ctx ends.
func (r *reloader) follow(ctx context.Context, signals <-chan os.Signal) {
	var both sync.WaitGroup
	both.Go(func() {
		r.live.Watch(ctx, r.log, r.apply, func(done config.Reloaded, err error) {
			r.tell(config.ByFile, done, err)
			r.record("file", "the file has changed", done, err)
		})
	})
	both.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				done, err := r.reload(config.BySignal)
				r.record("signal", "SIGHUP", done, err)
			}
		}
	})
	both.Wait()
}

// record writes the audit line of a reload that nobody asked for over the API. It has happened by then, and a full disk must not keep
// operators from changing limits: a line that cannot be written is in the log, and comes first when it can be.
func (r *reloader) record(who, why string, done config.Reloaded, err error) {
	_ = r.audit.Reloaded(context.Background(), admin.Reloading{
		Who: who, Why: why, Before: done.Before, Diff: opsDiff(done), Err: opsConfigError(err),
	}) // it logs what is wrong
}

// tell writes what became of a reload.
func (r *reloader) tell(by config.By, done config.Reloaded, err error) {
	var faults config.Faults
	switch {
	case errors.As(err, &faults):
		var lines []string
		for _, f := range faults {
			lines = append(lines, f.String())
		}
		r.log.Error("config refused; the old one stays in force", slog.String("by", string(by)), slog.Any("faults", few(lines)))
	case err != nil:
		r.log.Error("config refused; the old one stays in force", slog.String("by", string(by)), slog.Any("error", err))
	default:
		r.log.Info("config reloaded", slog.String("by", string(by)), slog.String("hash", done.After), slog.Any("changes", few(texts(done.Changes))))
		if len(done.Restart) > 0 {
			r.log.Warn("the config has changes that need a restart", slog.Any("changes", few(texts(done.Restart))))
		}
	}
}

func texts(changes []config.Change) []string {
	out := []string{}
	for _, c := range changes {
		out = append(out, c.String())
	}
	return out
}

// few keeps a log line readable. The API has all of it.
func few(lines []string) []string {
	const most = 50
	if n := len(lines); n > most {
		return append(lines[:most:most], fmt.Sprintf("and %d more", n-most))
	}
	return lines
}

// reloadMetrics tell of the config in force, asked at each scrape.
type reloadMetrics struct{ live *config.Live }

func (reloadMetrics) descs() (ok, at, info *prometheus.Desc) {
	return prometheus.NewDesc("sttgate_config_last_reload_successful", "1 where the last attempt to load the config put it into force.", nil, nil),
		prometheus.NewDesc("sttgate_config_last_reload_timestamp_seconds", "When the config in force was loaded.", nil, nil),
		prometheus.NewDesc("sttgate_config_info", "Always 1; the label tells which config is in force.", []string{"hash"}, nil)
}

// Describe is prometheus.Collector.Describe.
func (m reloadMetrics) Describe(to chan<- *prometheus.Desc) {
	ok, at, info := m.descs()
	to <- ok
	to <- at
	to <- info
}

// Collect is prometheus.Collector.Collect.
func (m reloadMetrics) Collect(to chan<- prometheus.Metric) {
	ok, at, info := m.descs()
	now, fine := m.live.Now(), 0.0
	if m.live.Last().Err == nil {
		fine = 1
	}
	to <- prometheus.MustNewConstMetric(ok, prometheus.GaugeValue, fine)
	to <- prometheus.MustNewConstMetric(at, prometheus.GaugeValue, float64(now.Loaded.UnixMilli())/1000)
	to <- prometheus.MustNewConstMetric(info, prometheus.GaugeValue, 1, now.Hash)
}
