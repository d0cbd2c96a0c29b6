package review

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sttgate/sttgate/config/secret"
)

// Who judges a review: ClassifierConfig.Type. Who knows of credits: CreditsConfig.Type.
const (
	TypeNone   = "none"   // nobody: the caps alone decide; everybody has credits
	TypeHTTP   = "http"   // a service of one's own
	TypeOpenAI = "openai" // anything with an OpenAI-compatible chat endpoint
)

// ClassifierConfig is the section policy.review.classifier.
type ClassifierConfig struct {
	Type               string       // none (default), http or openai
	URL                string       // http or https; of openai, with its path up to /v1
	Model              string       // of openai
	Key                secret.Value // sent as a bearer token; empty: none
	Timeout            time.Duration
	Concurrency        int  // reviews at once, of this gateway
	IncludeTranscripts bool // excerpts of what was said are kept, and leave the house
}

// CreditsConfig is the section policy.review.credits.
type CreditsConfig struct {
	Type    string // none (default) or http
	URL     string
	Key     secret.Value
	Timeout time.Duration
	Refresh time.Duration // how often a user whose credits were spent is asked about again
}

// ExternalConfig is the section policy.external: where stages come from while policy.source is http or redis.
type ExternalConfig struct {
	URL      string       // of source http; {user} is the user's id
	Key      secret.Value // sent as a bearer token; empty: none
	RedisURL secret.Value // of source redis, as ledger.redis.url
	RedisKey string       // of source redis; {user} is the user's id
	Timeout  time.Duration
	TTL      time.Duration // how long an answer holds
}

// WithDefaults fills the zero fields.
func (c ClassifierConfig) WithDefaults() ClassifierConfig {
	fill(&c.Type, TypeNone)
	fill(&c.Timeout, 120*time.Second)
	fill(&c.Concurrency, 4)
	return c
}

// WithDefaults fills the zero fields.
func (c CreditsConfig) WithDefaults() CreditsConfig {
	fill(&c.Type, TypeNone)
	fill(&c.Timeout, 2*time.Second)
	fill(&c.Refresh, 15*time.Second)
	return c
}

// WithDefaults fills the zero fields.
func (c ExternalConfig) WithDefaults() ExternalConfig {
	fill(&c.RedisKey, "fair_use:stage:{user}")
	fill(&c.Timeout, 2*time.Second)
	fill(&c.TTL, 30*time.Second)
	return c
}

// Validate checks a config that WithDefaults has filled. The error joins one error per fault, each of the form "key: what is wrong".
func (c ClassifierConfig) Validate() error {
	var f faults
	switch c.Type {
	case TypeNone:
	case TypeHTTP, TypeOpenAI:
		f.address("url", c.URL)
	default:
		f.add("type", "%q is not known: use none, http or openai", c.Type)
	}
	if c.Type == TypeOpenAI && c.Model == "" {
		f.add("model", "is missing: the chat endpoint has to be told which model")
	}
	f.positive("timeout", c.Timeout)
	if c.Concurrency < 1 {
		f.add("concurrency", "must be at least 1")
	}
	return errors.Join(f...)
}

// Validate checks a config that WithDefaults has filled. The error joins one error per fault, each of the form "key: what is wrong".
func (c CreditsConfig) Validate() error {
	var f faults
	switch c.Type {
	case TypeNone:
	case TypeHTTP:
		f.address("url", c.URL)
	default:
		f.add("type", "%q is not known: use none or http", c.Type)
	}
	f.positive("timeout", c.Timeout)
	f.positive("refresh", c.Refresh)
	return errors.Join(f...)
}

// Validate checks a config that WithDefaults has filled, for a source of package policy. The error joins one error per fault, each of
// the form "key: what is wrong".
func (c ExternalConfig) Validate(source string) error {
	var f faults
	if source == "http" {
		f.address("url", c.URL)
		if c.URL != "" && !strings.Contains(c.URL, userPlace) {
			f.add("url", "has no {user}: where the user's id stands")
		}
	}
	if source == "redis" && c.RedisURL.Empty() {
		f.add("redis_url", "is missing: where the backend keeps its stages")
	}
	switch {
	case c.RedisKey == "":
		f.add("redis_key", "must not be empty: leave it out for the default")
	case !strings.Contains(c.RedisKey, userPlace):
		f.add("redis_key", "has no {user}: where the user's id stands")
	}
	f.positive("timeout", c.Timeout)
	f.positive("ttl", c.TTL)
	return errors.Join(f...)
}

// faults collects errors of the form "key: what is wrong".
type faults []error

func (f *faults) add(key, format string, args ...any) {
	*f = append(*f, fmt.Errorf(key+": "+format, args...))
}

// address does not show the URL: there may be a password in it.
func (f *faults) address(key, s string) {
	if s == "" {
		f.add(key, "is missing: where to ask")
		return
	}
	switch u, err := url.Parse(s); {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		f.add(key, "is no http or https URL")
	case u.User != nil:
		f.add(key, "must not carry a user or a password: it is shown to whoever may see the config; a credential belongs beside it, in key")
	}
}

func (f *faults) positive(key string, d time.Duration) {
	if d <= 0 {
		f.add(key, "must be more than 0")
	}
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
