package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// openStore opens the ledger that the config names, and registers what is to be told of it.
func openStore(ctx context.Context, cfg config.Config, rules func() policy.Config, log *slog.Logger, reg prometheus.Registerer) (ledger.Store, error) {
	c := cfg.Ledger
	loc, err := c.Location()
	if err != nil {
		return nil, err
	}
	resets := prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "sttgate", Name: "ledger_resets_total",
		Help: "Running streams that the ledger's server had forgotten: it has lost data.",
	})
	grace := prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "sttgate", Name: "outage_grace_seconds_total",
		Help: "Audio that streams may have forwarded beyond their leases because the ledger's server did not answer.",
	})
	refused := prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "sttgate", Name: "outage_refused_total",
		Help: "Streams whose end the ledger's server refuses while it takes others: their record there is damaged, perhaps.",
	})
	var patient *ledger.Patient
	owed := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "sttgate", Name: "outage_owed_streams",
		Help: "Streams that have ended and wait in the outage journal to be settled.",
	}, func() float64 {
		if patient == nil {
			return 0
		}
		return float64(patient.Owed())
	})
	defer func() { reg.MustRegister(resets, grace, refused, owed) }() // when patient stands
	switch c.Store {
	case ledger.StoreMemory:
		reg.MustRegister(storeRisks{})
		return ledger.NewMemory(time.Now, loc), nil
	case ledger.StoreRedis:
		fair, err := cfg.FairUse(rules)
		if err != nil {
			return nil, err
		}
		s, err := ledger.OpenRedis(c.Redis, loc, ledger.RedisOptions{Log: log, Reset: resets.Inc, FairUse: fair, Gateway: thisProcess()})
		if err != nil {
			return nil, fmt.Errorf("ledger.%w", err)
		}
		patient, err = ledger.NewPatient(s, c.Path, c.Outage, ledger.PatientOptions{
			Log: log, Lent: func(ms int64) { grace.Add(float64(ms) / 1000) }, Refused: refused.Inc,
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("ledger.path %s: %w", c.Path, err), s.Close())
		}
		reg.MustRegister(storeRisks{s})
		warnOfRisks(ctx, s, log)
		return patient, nil
	}
	s, err := ledger.OpenEmbedded(c.Path, loc, time.Now)
	if err != nil {
		return nil, fmt.Errorf("ledger.path %s: %w", c.Path, err)
	}
	reg.MustRegister(storeRisks{})
	return s, nil
}

// thisProcess is a gateway's name for people who look for it.
func thisProcess() string {
	return fmt.Sprintf("process %d on %s", os.Getpid(), thisHost())
}

// thisHost is the machine's name, in Kubernetes the Pod's.
func thisHost() string {
	host, err := os.Hostname()
	if err != nil {
		return "unnamed"
	}
	return host
}

// warnOfRisks says at the start what would lose money later. A server that is down is the
// readiness probe's to tell; the metric asks again with each scrape.
func warnOfRisks(ctx context.Context, s *ledger.Redis, log *slog.Logger) {
	r, err := s.Risks(ctx)
	switch {
	case err != nil:
		log.Warn("the ledger's server does not answer", slog.Any("error", err))
		return
	case r.NoLog:
		log.Warn("the ledger's server keeps no append-only file: a restart gives budgets out again (set appendonly yes)")
	}
	if r.Evicts {
		log.Warn("the ledger's server evicts keys when its memory is full: budgets are given out again (set maxmemory-policy noeviction)")
	}
}

// storeRisks tells in which way a server that works may lose what was charged. Without a
// server there is no such way.
type storeRisks struct{ s *ledger.Redis }

func (storeRisks) desc() *prometheus.Desc {
	return prometheus.NewDesc("sttgate_ledger_at_risk",
		"1 where the ledger's server works and may lose what was charged: no_log, evicts.", []string{"risk"}, nil)
}

// Describe is prometheus.Collector.Describe.
func (c storeRisks) Describe(to chan<- *prometheus.Desc) { to <- c.desc() }

// Collect asks the server. While it does not answer there is no figure: store_up says so.
func (c storeRisks) Collect(to chan<- prometheus.Metric) {
	var r ledger.Risks
	if c.s != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		var err error
		if r, err = c.s.Risks(ctx); err != nil {
			return
		}
	}
	for risk, yes := range map[string]bool{"no_log": r.NoLog, "evicts": r.Evicts} {
		v := 0.0
		if yes {
			v = 1
		}
		to <- prometheus.MustNewConstMetric(c.desc(), prometheus.GaugeValue, v, risk)
	}
}
