package main

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
	"github.com/sttgate/sttgate/proxy"
)

// newEngine builds what moves users.
func newEngine(c config.Policy, store ledger.Store, log *slog.Logger, reg prometheus.Registerer) (*engine.Engine, error) {
	moves := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "sttgate", Name: "stage_transitions_total", Help: "Users that were moved, by the stages and the cause.",
	}, []string{"from", "to", "cause"})
	reviews := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "sttgate", Name: "reviews_total",
		Help: "Reviews by what became of them: stepped, no_step, low, void, failed, bad_answer, lost.",
	}, []string{"result"})
	reg.MustRegister(moves, reviews)
	return engine.New(engine.Deps{
		Store: store, Rules: func() policy.Config { return c.Rules }, Log: log,
		Reviews: c.Review.Classifier.Concurrency, CreditsRefresh: c.Review.Credits.Refresh, SourceTTL: c.External.TTL,
		Moved: func(from, to policy.Stage, cause policy.Cause) {
			moves.WithLabelValues(string(from), string(to), string(cause)).Inc()
		},
		Reviewed: func(result string) { reviews.WithLabelValues(result).Inc() },
	})
}

// watch lets an engine see whom the data side serves.
func watch(e *engine.Engine) proxy.Watch {
	return proxy.Watch{Seen: func(s proxy.Sighting) { e.Seen(engine.Sighting(s)) }, Fresh: e.Fresh}
}
