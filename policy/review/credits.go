package review

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
)

// mostAnswer bounds the small answers, in bytes.
const mostAnswer = 4 << 10

// Credits asks a service whether a user's free credits are spent. Safe for concurrent use.
type Credits struct{ caller caller }

// NewCredits returns the client of a config that is valid; nil for type none. roots may be nil, for the system's.
func NewCredits(c CreditsConfig, roots *tls.Config) *Credits {
	if c.Type != TypeHTTP {
		return nil
	}
	return &Credits{newCaller(c.URL, c.Key, c.Timeout, mostAnswer, roots)}
}

// Close gives the idle connections up.
func (c *Credits) Close() { c.caller.close() }

// Exhausted asks: by GET where the URL has a place for the user, else by POST of {"user": …}. The answer is {"exhausted": true|false}; anything
// else is an error, and means that nobody knows.
func (c *Credits) Exhausted(ctx context.Context, user string) (bool, error) {
	answer, err := c.ask(ctx, user)
	if err != nil {
		return false, fmt.Errorf("credits: %w", err)
	}
	m, err := members(answer, "exhausted")
	if err != nil {
		return false, fmt.Errorf("credits: the answer %w", err)
	}
	switch string(m["exhausted"]) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New(`credits: the answer has no "exhausted" that is true or false`)
}

func (c *Credits) ask(ctx context.Context, user string) ([]byte, error) {
	if strings.Contains(c.caller.url, userPlace) {
		return c.caller.get(ctx, user)
	}
	body, err := encode(struct {
		User string `json:"user"`
	}{user})
	if err != nil {
		return nil, err
	}
	return c.caller.post(ctx, body)
}
