package provider

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// The bounds of a temporary token: 30 s unless the caller says otherwise, at most an hour.
const (
	deepgramTTL    = 30 * time.Second
	deepgramMaxTTL = time.Hour
)

// Grant reads {"ttl_seconds": 30}; no body, or none of it, means the default.
func (Deepgram) Grant(_ Route, body []byte) (time.Duration, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return deepgramTTL, nil
	}
	var ask struct {
		TTL *json.Number `json:"ttl_seconds"`
	}
	if err := json.Unmarshal(body, &ask); err != nil {
		return 0, bad(`the body must be JSON such as {"ttl_seconds": 30}`)
	}
	if ask.TTL == nil {
		return deepgramTTL, nil
	}
	ttl, ok := seconds([]byte(*ask.TTL))
	if !ok || ttl < time.Second || ttl > deepgramMaxTTL {
		return 0, bad("ttl_seconds must be from 1 to 3600")
	}
	return ttl.Truncate(time.Second), nil
}

// Granted is the vendor's answer with our token.
func (Deepgram) Granted(_ Route, token string, ttl time.Duration, _ time.Time) (int, []byte) {
	b, err := json.Marshal(struct { //nolint:gosec // handing a token out is what this answer is for
		Token   string  `json:"access_token"`
		Expires float64 `json:"expires_in"`
	}{token, ttl.Seconds()})
	if err != nil { // a string and a finite number: cannot happen
		b = []byte(`{}`)
	}
	return http.StatusOK, b
}
