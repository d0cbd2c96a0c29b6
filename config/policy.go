package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/review"
)

// Policy is the section policy: the rules, and those who are asked.
type Policy struct {
	// Rules are complete: also with what stands under review.
	Rules    policy.Config `mapstructure:",squash"`
	Review   Review
	External review.ExternalConfig
}

// Review is the section policy.review.
type Review struct {
	Rules      policy.ReviewRules `mapstructure:",squash"`
	Classifier review.ClassifierConfig
	Credits    review.CreditsConfig
}

// reviewMargin is what a review may take beside its two questions: evidence from the store, and writing the result.
const reviewMargin = 30 * time.Second

func defaultPolicy() Policy {
	rules := policy.Default()
	p := Policy{
		Rules: rules,
		Review: Review{
			Rules:      rules.Review,
			Classifier: review.ClassifierConfig{}.WithDefaults(),
			Credits:    review.CreditsConfig{}.WithDefaults(),
		},
		External: review.ExternalConfig{}.WithDefaults(),
	}
	return p.whole()
}

// whole puts into the rules what the file has in another section.
func (p Policy) whole() Policy {
	p.Review.Rules.Lease = p.Review.Classifier.Timeout + p.Review.Credits.Timeout + reviewMargin
	p.Rules.Review = p.Review.Rules
	return p
}

func (p Policy) validate() error {
	var errs []error
	for _, part := range []struct {
		prefix string
		err    error
	}{
		{"policy.", p.Rules.Validate()},
		{"policy.", validateModels(p.Rules.Stages)},
		{"policy.review.classifier.", p.Review.Classifier.Validate()},
		{"policy.review.credits.", p.Review.Credits.Validate()},
		{"policy.external.", p.External.Validate(p.Rules.Source)},
	} {
		errs = append(errs, prefixed(part.prefix, part.err))
	}
	if url := p.External.RedisURL; !url.Empty() {
		if err := ledger.CheckRedisURL(url); err != nil {
			errs = append(errs, fmt.Errorf("policy.external.redis_url: %w", err))
		}
	}
	return errors.Join(errs...)
}

// prefixed puts the errors of a package that knows only its own section under that section's path.
func prefixed(prefix string, err error) error {
	var errs []error
	for _, e := range flatten(err) {
		errs = append(errs, fmt.Errorf("%s%w", prefix, e))
	}
	return errors.Join(errs...)
}
