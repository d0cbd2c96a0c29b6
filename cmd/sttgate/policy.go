package main

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
	"github.com/sttgate/sttgate/proxy"
)

// newEngine builds what moves users, and tells of it. rules are those in force.
func newEngine(c config.Policy, rules func() policy.Config, who *reviewer, tell *tidings, spans *traces, store ledger.Store, log *slog.Logger, reg prometheus.Registerer) (*engine.Engine, error) {
	moves := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "sttgate", Name: "stage_transitions_total", Help: "Users that were moved, by the stages and the cause.",
	}, []string{"from", "to", "cause"})
	reviews := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "sttgate", Name: "reviews_total",
		Help: "Reviews by what became of them: stepped, no_step, low, void, failed, bad_answer, lost.",
	}, []string{"result"})
	for _, result := range results() {
		reviews.WithLabelValues(result) // 0 is a figure, too
	}
	reg.MustRegister(moves, reviews)
	d := engine.Deps{
		Store: store, Rules: rules, Publish: tell.Publish, Round: time.Minute, Log: log,
		Reviews: c.Review.Classifier.Concurrency, CreditsRefresh: c.Review.Credits.Refresh, SourceTTL: c.External.TTL,
		Moved: func(from, to policy.Stage, cause policy.Cause) {
			moves.WithLabelValues(string(from), string(to), string(cause)).Inc()
		},
		Reviewed: func(result string) { reviews.WithLabelValues(result).Inc() },
	}
	who.introduce(&d)
	spans.introduce(&d)
	return engine.New(d)
}

// results are what may become of a review.
func results() []string {
	var all []string
	for _, o := range []policy.Outcome{policy.OutcomeStepped, policy.OutcomeNoStep, policy.OutcomeLow, policy.OutcomeVoid, policy.OutcomeFailed} {
		all = append(all, string(o))
	}
	return append(all, engine.ResultBadAnswer, engine.ResultLost)
}

// watch lets an engine see whom the data side serves, and users be told how their budgets stand.
func watch(e *engine.Engine, tell *tidings) proxy.Watch {
	return proxy.Watch{Seen: func(s proxy.Sighting) { e.Seen(engine.Sighting(s)) }, Fresh: e.Fresh, Stands: tell.stands()}
}
