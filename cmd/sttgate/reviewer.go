package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
	"github.com/sttgate/sttgate/policy/review"
	"github.com/sttgate/sttgate/proxy"
)

// reviewer is everybody who is asked about users, and what is remembered for it. What the config does not name is nil.
type reviewer struct {
	store      ledger.Store
	classifier *review.Classifier
	judged     judged
	recorder   *review.Recorder // with a classifier
	excerpt    int
	credits    *review.Credits
	backend    *review.HTTPSource
	keys       *review.KeySource
	reader     *ledger.RedisReader // of keys
}

func newReviewer(c config.Policy, store ledger.Store, log *slog.Logger, reg prometheus.Registerer) (*reviewer, error) {
	lost := prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "sttgate", Name: "sessions_lost_total",
		Help: "Sessions that were not written down for reviews: the store was in trouble, or too many ended at once.",
	})
	reg.MustRegister(lost)
	r := &reviewer{store: store, judged: newJudged(reg), classifier: review.NewClassifier(c.Review.Classifier, nil), credits: review.NewCredits(c.Review.Credits, nil)}
	switch c.Rules.Source {
	case policy.SourceHTTP:
		r.backend = review.NewHTTPSource(c.External, nil)
	case policy.SourceRedis:
		var err error
		if r.reader, err = ledger.OpenRedisReader(c.External.RedisURL, c.External.Timeout); err != nil {
			return nil, fmt.Errorf("policy.external.redis_url %w", err)
		}
		r.keys = review.NewKeySource(c.External, r.reader)
	}
	if r.classifier != nil {
		if c.Review.Classifier.IncludeTranscripts {
			r.excerpt = review.MaxExcerpt
		}
		r.recorder = review.NewRecorder(store, log, lost.Inc)
	}
	return r, nil
}

// introduce tells an engine whom it may ask. An interface that holds a nil pointer would not be nil.
func (r *reviewer) introduce(d *engine.Deps) {
	if r.classifier != nil {
		d.Classifier = r
	}
	if r.credits != nil {
		d.Credits = r.credits
	}
	switch {
	case r.backend != nil:
		d.Source = r.backend
	case r.keys != nil:
		d.Source = r.keys
	}
}

// Judge is engine.Classifier.Judge: the evidence of what the ledger remembers, and the classifier's word on it.
func (r *reviewer) Judge(ctx context.Context, s engine.Subject) (policy.Verdict, error) {
	entries, err := r.store.Sessions(ctx, s.User, evidenceEntries)
	if err != nil {
		return policy.Verdict{}, fmt.Errorf("evidence: %w", err)
	}
	return r.judged.ask(ctx, r.classifier.Judge, review.NewEvidence(review.Subject{User: s.User, Plan: s.Plan, Case: s.Ref, Exceeded: s.Triggers, At: s.At}, entries))
}

// evidenceEntries are all that the ledger keeps: more than evidence is made of, for some may be a newer gateway's.
const evidenceEntries = 50

// sessions is what the data side tells of what ends; nothing without a classifier.
func (r *reviewer) sessions() proxy.Sessions {
	if r.recorder == nil {
		return proxy.Sessions{}
	}
	return proxy.Sessions{Excerpt: r.excerpt, Ended: func(e proxy.Ended) { r.recorder.Record(e.User, e.ID, remembered(e)) }}
}

func remembered(e proxy.Ended) review.Session {
	s := review.Session{
		Start: e.Began, Length: e.Lasted.Milliseconds(), Audio: e.Audio.Milliseconds(), Vendor: e.Provider, Model: e.Model, Mode: string(e.Mode),
		Gaps:   review.Gaps{Count: int64(e.Pauses.Count), Total: e.Pauses.Total.Milliseconds(), Longest: e.Pauses.Longest.Milliseconds()},
		Result: e.Result, Excerpt: e.Excerpt,
	}
	if e.Heard {
		speech := e.Speech.Milliseconds()
		s.Speech = &speech
	}
	return s
}

// recordPatience is how long a gateway that ends waits for its last sessions to be written.
const recordPatience = 5 * time.Second

// Close comes when no stream and no review runs any more, and before the store's.
func (r *reviewer) Close() error {
	if r.recorder != nil {
		ctx, cancel := context.WithTimeout(context.Background(), recordPatience)
		r.recorder.Close(ctx)
		cancel()
		r.classifier.Close()
	}
	if r.credits != nil {
		r.credits.Close()
	}
	if r.backend != nil {
		r.backend.Close()
	}
	if r.reader != nil {
		return r.reader.Close()
	}
	return nil
}
