package review

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// HTTPSource asks a backend for a user's stage. Safe for concurrent use.
type HTTPSource struct{ caller caller }

// NewHTTPSource returns the client of a config that is valid for source http. roots may be nil, for the system's.
func NewHTTPSource(c ExternalConfig, roots *tls.Config) *HTTPSource {
	return &HTTPSource{newCaller(c.URL, c.Key, c.Timeout, mostAnswer, roots)}
}

// Close gives the idle connections up.
func (s *HTTPSource) Close() { s.caller.close() }

// Stage asks. The answer is {"stage": "none|warning|throttle|restrict"}, or status 404 for a user who is not known. Anything else is an error: an
// unknown word is no stage, and must not lift one.
func (s *HTTPSource) Stage(ctx context.Context, user string) (stage policy.Stage, known bool, err error) {
	answer, err := s.caller.get(ctx, user)
	if status, ok := errors.AsType[errStatus](err); ok && status == http.StatusNotFound {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("stage: %w", err)
	}
	m, err := members(answer, "stage")
	if err != nil {
		return "", false, fmt.Errorf("stage: the answer %w", err)
	}
	name, ok := word(m["stage"])
	if !ok {
		return "", false, errors.New(`stage: the answer has no "stage" that is a word`)
	}
	return parseStage(name)
}

// Keys reads somebody's keys; ok is false where there is none.
type Keys interface {
	Read(ctx context.Context, key string) (value string, ok bool, err error)
}

// KeySource reads a user's stage from a backend's key. Safe for concurrent use.
type KeySource struct {
	keys    Keys
	key     string
	timeout time.Duration
}

// NewKeySource returns the reader of a config that is valid for source redis.
func NewKeySource(c ExternalConfig, k Keys) *KeySource { return &KeySource{k, c.RedisKey, c.Timeout} }

// Stage reads the key. Backends keep such a key as a cache: that it is absent says nothing about the user.
func (s *KeySource) Stage(ctx context.Context, user string) (stage policy.Stage, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	name, ok, err := s.keys.Read(ctx, strings.ReplaceAll(s.key, userPlace, user))
	if err != nil {
		return "", false, fmt.Errorf("stage: %w", err)
	}
	if !ok {
		return "", false, nil
	}
	return parseStage(name)
}

func parseStage(name string) (policy.Stage, bool, error) {
	stage, err := policy.ParseStage(name)
	if err != nil {
		return "", false, fmt.Errorf("stage: %.20q is none of none, warning, throttle and restrict", name)
	}
	return stage, true, nil
}
