package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// callerUsage is the answer to GET /sttgate/v1/usage.
type callerUsage struct {
	User    string          `json:"user"`
	Stage   string          `json:"stage"`
	Budgets []budgetBalance `json:"budgets"`
}

// budgetBalance is one budget, in milliseconds of audio.
type budgetBalance struct {
	Budget      string    `json:"budget"`
	Per         string    `json:"per,omitempty"`      // as the admin API tells it: user, provider, all
	Provider    string    `json:"provider,omitempty"` // of a budget per provider
	LimitMS     int64     `json:"limit_ms"`
	GrantedMS   int64     `json:"granted_ms,omitempty"` // by operators, beside the limit
	UsedMS      int64     `json:"used_ms"`
	RemainingMS int64     `json:"remaining_ms"`
	Resets      time.Time `json:"resets,omitzero"`
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// usage asks the gateway what the caller has left: the SDK hides the RateLimit
// header of the 101.
func usage(ctx context.Context, t target) (callerUsage, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var u callerUsage
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target{ws: t.ws, host: t.host}.url("http", "/sttgate/v1/usage", nil), nil)
	if err != nil {
		return u, err
	}
	req.Header = t.authorized()
	err = getJSON(req, &u)
	return u, err
}

// getJSON does a request and reads its answer into a value, which may be nil.
func getJSON(req *http.Request, into any) error {
	body, err := fetch(req)
	if err != nil || into == nil || len(body) == 0 {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	return nil
}

// fetch does a request; anything but 2xx is an error that says why.
func fetch(req *http.Request) ([]byte, error) {
	c := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	if res.StatusCode/100 != 2 {
		return nil, &answerError{res.StatusCode, fmt.Sprintf("%s %s: %s: %s", req.Method, req.URL.Path, res.Status, problem(body)), body}
	}
	return body, nil
}

// answerError is an answer that says no.
type answerError struct {
	code int
	text string
	body []byte
}

func (e *answerError) Error() string { return e.text }

// problem is the sentence in an RFC 9457 answer, or the start of any other.
func problem(body []byte) string {
	var p struct{ Title, Detail string }
	if json.Unmarshal(body, &p) == nil && firstOf(p.Detail, p.Title) != "" {
		return firstOf(p.Detail, p.Title)
	}
	return string(body[:min(len(body), 200)])
}
