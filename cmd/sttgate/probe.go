package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/meter"
)

// probeTimeout bounds one question to the gateway.
const probeTimeout = 10 * time.Second

// refusal is a handshake that was not answered with 101.
type refusal struct {
	Status     int      `json:"status"`
	Reason     string   `json:"reason,omitempty"` // X-Sttgate-Reason; empty when the vendor or a proxy said no
	Detail     string   `json:"detail,omitempty"`
	Violated   []string `json:"violated_policies,omitempty"`
	RetryAfter int64    `json:"retry_after_s,omitempty"`
	RateLimit  string   `json:"ratelimit,omitempty"`
}

// String is the refusal for people.
func (r refusal) String() string {
	s := fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status))
	if r.Reason != "" {
		s += " (" + r.Reason + ")"
	} else {
		s += " (not by the gateway itself)"
	}
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	if r.RetryAfter > 0 {
		s += fmt.Sprintf("; try again in %s", time.Duration(r.RetryAfter)*time.Second)
	}
	return s
}

// probe repeats the handshake by hand, because the SDK does not show the answer
// to its own. It returns nil, nil when this time the gateway said yes; the stream is closed at once.
func probe(ctx context.Context, t target, f meter.Format) (*refusal, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	q := url.Values{
		"model": {"nova-3"}, "encoding": {string(f.Encoding)},
		"sample_rate": {strconv.Itoa(f.SampleRate)}, "channels": {strconv.Itoa(f.Channels)},
	}
	d := websocket.Dialer{HandshakeTimeout: probeTimeout}
	conn, res, err := d.DialContext(ctx, t.url("ws", "/v1/listen", q), t.authorized())
	if err == nil {
		return nil, conn.Close()
	}
	if res == nil || !errors.Is(err, websocket.ErrBadHandshake) {
		return nil, fmt.Errorf("no gateway answers at %s: %w", t.url("ws", "", nil), err)
	}
	defer res.Body.Close()
	return readRefusal(res), nil
}

// readRefusal reads headers first: they are there whatever became of the body.
func readRefusal(res *http.Response) *refusal {
	r := &refusal{
		Status: res.StatusCode, Reason: res.Header.Get("X-Sttgate-Reason"),
		RateLimit: res.Header.Get("RateLimit"),
	}
	r.RetryAfter, _ = strconv.ParseInt(res.Header.Get("Retry-After"), 10, 64) // a date, or nothing: not ours
	var body struct {
		Detail   string   `json:"detail"`
		Violated []string `json:"violated-policies"`
		ErrMsg   string   `json:"err_msg"`
	}
	// The WebSocket client keeps the first KiB, which may cut the document: then
	// the vendor's header has the text.
	_ = json.NewDecoder(res.Body).Decode(&body)
	r.Detail, r.Violated = firstOf(body.Detail, body.ErrMsg, res.Header.Get("dg-error")), body.Violated
	return r
}
