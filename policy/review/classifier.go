package review

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/sttgate/sttgate/policy"
)

// ErrOpen says that the classifier was not asked: it has failed some times in a row, and is left alone for a while.
var ErrOpen = errors.New("the classifier has failed too often in a row; it is left alone for a while")

const (
	// openAfter is how many failures in a row open the circuit.
	openAfter = 5
	// openFor is how long it stays open; then one question tries whether the classifier is back.
	openFor = time.Minute
	// mostVerdict bounds a verdict, mostChat the answer of a chat endpoint around it, in bytes.
	mostVerdict, mostChat = 64 << 10, 256 << 10
)

// Classifier judges evidence by a service. It never asks twice: a review that fails is tried again by whoever runs it, with pauses of its
// own. At most ClassifierConfig.Concurrency questions run at once. Safe for concurrent use.
//
// The circuit is sony/gobreaker's: small, without goroutines, kept (2.4.0 is of January 2026), and able to leave cancelled questions uncounted.
type Classifier struct {
	ask     func(context.Context, Evidence) (policy.Verdict, error)
	caller  caller
	places  chan struct{}
	circuit *gobreaker.CircuitBreaker[policy.Verdict]
}

// NewClassifier returns the classifier of a config that is valid; nil for type none. roots may be nil, for the system's.
func NewClassifier(c ClassifierConfig, roots *tls.Config) *Classifier {
	address, most := c.URL, int64(mostVerdict)
	if c.Type == TypeOpenAI {
		address, most = completions(c.URL), mostChat
	}
	k := &Classifier{
		caller: newCaller(address, c.Key, c.Timeout, most, roots),
		places: make(chan struct{}, c.Concurrency),
		circuit: gobreaker.NewCircuitBreaker[policy.Verdict](gobreaker.Settings{
			MaxRequests: 1, Timeout: openFor,
			ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= openAfter },
			// A gateway that goes down says nothing about the classifier.
			IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
		}),
	}
	switch c.Type {
	case TypeHTTP:
		k.ask = k.askService
	case TypeOpenAI:
		k.ask = chat{k.caller, c.Model}.ask
	default:
		return nil
	}
	return k
}

// Close gives the idle connections up.
func (k *Classifier) Close() { k.caller.close() }

// Judge asks about evidence. Without any session there is nothing to judge: the score is 0, and nobody is asked. An answer that is not as agreed is
// an error that wraps [policy.ErrAnswer].
func (k *Classifier) Judge(ctx context.Context, e Evidence) (policy.Verdict, error) {
	if len(e.Sessions) == 0 {
		return policy.Verdict{Type: "none", Confidence: 0, Reasoning: "no sessions are known: there is nothing to judge"}, nil
	}
	select {
	case k.places <- struct{}{}:
		defer func() { <-k.places }()
	case <-ctx.Done():
		return policy.Verdict{}, fmt.Errorf("the classifier was not asked, others were before: %w", context.Cause(ctx))
	}
	v, err := k.circuit.Execute(func() (policy.Verdict, error) { return k.ask(ctx, e) })
	switch {
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return policy.Verdict{}, ErrOpen
	case err != nil:
		return policy.Verdict{}, fmt.Errorf("classifier: %w", err)
	}
	return v, nil
}

// askService asks a service of the operator's own, which may look further by the user's name.
func (k *Classifier) askService(ctx context.Context, e Evidence) (policy.Verdict, error) {
	body, err := encode(e)
	if err != nil {
		return policy.Verdict{}, err
	}
	answer, err := k.caller.post(ctx, body)
	if err != nil {
		return policy.Verdict{}, err
	}
	return ParseVerdict(answer)
}
