package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/review"
)

func TestTheClassifierIsCountedByWhatBecomesOfAQuestion(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	j := newJudged(reg)
	something := review.Evidence{Sessions: make([]review.Session, 1)}
	ask := func(e review.Evidence, err error) {
		_, _ = j.ask(t.Context(), func(context.Context, review.Evidence) (policy.Verdict, error) { return policy.Verdict{}, err }, e)
	}
	ask(something, nil)
	ask(something, fmt.Errorf("classifier: %w", policy.ErrAnswer))
	ask(something, errors.New("down"))
	ask(something, review.ErrOpen)
	ask(something, fmt.Errorf("going down: %w", context.Canceled)) // says nothing about the classifier
	ask(review.Evidence{}, nil)                                    // nobody was asked

	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h != nil && h.GetSampleCount() != 3 {
				t.Errorf("%d times were taken, want 3", h.GetSampleCount())
			}
			if c := m.GetCounter(); c != nil && c.GetValue() != 1 {
				t.Errorf("%v: counted %v times", m.GetLabel(), c.GetValue())
			}
		}
	}
}
