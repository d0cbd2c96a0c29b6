package review

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/sttgate/sttgate/policy"
)

// The bounds of a verdict.
const (
	mostEvidence  = 10
	mostLine      = 500  // characters of a line of evidence
	mostReasoning = 2000 // characters
)

// UsageTypes are the words that a classifier has for what it sees.
func UsageTypes() []string {
	return []string{"none", "audiobook", "podcast", "prerecorded", "tv_movie", "commercial", "unknown"}
}

// ParseVerdict reads a classifier's answer. What is not exactly as agreed is an error that wraps [policy.ErrAnswer] and says what
// is wrong, without the answer: there is a user behind it.
func ParseVerdict(b []byte) (policy.Verdict, error) {
	v, err := parseVerdict(b)
	if err != nil {
		return policy.Verdict{}, fmt.Errorf("%w: %w", policy.ErrAnswer, err)
	}
	return v, nil
}

func parseVerdict(b []byte) (v policy.Verdict, err error) {
	m, err := members(b, "misuse_score", "usage_type", "confidence", "evidence", "reasoning")
	if err != nil {
		return v, fmt.Errorf("it %w", err)
	}
	if v.Score, err = share(m["misuse_score"]); err != nil {
		return v, fmt.Errorf("misuse_score %w", err)
	}
	if v.Confidence, err = share(m["confidence"]); err != nil {
		return v, fmt.Errorf("confidence %w", err)
	}
	switch typ, ok := word(m["usage_type"]); {
	case !ok:
		return v, errors.New("usage_type is missing, or no string")
	case !slices.Contains(UsageTypes(), typ):
		return v, fmt.Errorf("usage_type %.20q is none of the agreed ones", typ)
	default:
		v.Type = typ
	}
	if v.Evidence, err = lines(m["evidence"]); err != nil {
		return v, fmt.Errorf("evidence %w", err)
	}
	if raw, given := m["reasoning"]; given {
		text, ok := word(raw)
		if !ok {
			return v, errors.New("reasoning is no string")
		}
		if n := utf8.RuneCountInString(text); n > mostReasoning {
			return v, fmt.Errorf("reasoning has %d characters: %d are the most", n, mostReasoning)
		}
		v.Reasoning = plain(text, mostReasoning)
	}
	return v, nil
}

// share is a number from 0 to 1.
func share(raw json.RawMessage) (float64, error) {
	if len(raw) == 0 {
		return 0, errors.New("is missing")
	}
	if c := raw[0]; c != '-' && (c < '0' || c > '9') {
		return 0, errors.New("is no number")
	}
	x, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(x >= 0 && x <= 1) {
		return 0, errors.New("is not from 0 to 1")
	}
	return math.Abs(x), nil // no minus in front of a 0
}

func lines(raw json.RawMessage) ([]string, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var all []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &all) != nil {
		return nil, errors.New("is no list")
	}
	if len(all) > mostEvidence {
		return nil, fmt.Errorf("has %d lines: %d are the most", len(all), mostEvidence)
	}
	out := make([]string, 0, len(all))
	for i, one := range all {
		line, ok := word(one)
		if !ok {
			return nil, fmt.Errorf("has a line that is no string (%d)", i+1)
		}
		if n := utf8.RuneCountInString(line); n > mostLine {
			return nil, fmt.Errorf("has a line of %d characters: %d are the most", n, mostLine)
		}
		out = append(out, plain(line, mostLine))
	}
	return out, nil
}
