package main

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/review"
)

// judged counts what the classifier was asked, and how long it took.
type judged struct {
	requests *prometheus.CounterVec
	took     prometheus.Histogram
}

// What becomes of a question.
const (
	judgeOK   = "ok"
	judgeBad  = "bad_answer"
	judgeFail = "failed"
	judgeOpen = "not_asked" // it has failed too often in a row, and is left alone
)

func newJudged(reg prometheus.Registerer) judged {
	j := judged{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "sttgate", Name: "classifier_requests_total",
			Help: "Questions to the classifier, by what became of them: ok, bad_answer, failed, not_asked.",
		}, []string{"result"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "sttgate", Name: "classifier_duration_seconds", Help: "How long the classifier took to answer, or to fail.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40},
		}),
	}
	for _, result := range []string{judgeOK, judgeBad, judgeFail, judgeOpen} {
		j.requests.WithLabelValues(result)
	}
	reg.MustRegister(j.requests, j.took)
	return j
}

// ask asks, and counts it. Evidence of nothing is judged without a question, and a gateway that goes down says nothing about the classifier.
func (j judged) ask(ctx context.Context, judge func(context.Context, review.Evidence) (policy.Verdict, error), e review.Evidence) (policy.Verdict, error) {
	began := time.Now()
	v, err := judge(ctx, e)
	if len(e.Sessions) == 0 || errors.Is(err, context.Canceled) {
		return v, err
	}
	result := judgeOK
	switch {
	case errors.Is(err, review.ErrOpen):
		result = judgeOpen
	case errors.Is(err, policy.ErrAnswer):
		result = judgeBad
	case err != nil:
		result = judgeFail
	}
	j.requests.WithLabelValues(result).Inc()
	if result != judgeOpen {
		j.took.Observe(time.Since(began).Seconds())
	}
	return v, err
}
