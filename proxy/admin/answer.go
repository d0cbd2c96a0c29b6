package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// problem is an RFC 9457 error. Its type is about:blank, with which the title is
// the status's own phrase (RFC 9457, 4.2.1).
type problem struct {
	Type   string `json:"type" doc:"about:blank: the title is that of the status"`
	Title  string `json:"title" doc:"the status in words"`
	Status int    `json:"status" doc:"the HTTP status"`
	Detail string `json:"detail,omitempty" doc:"what went wrong and what to do, for people"`
	// Instance is the answer's X-Request-ID.
	Instance string `json:"instance" doc:"urn:uuid: and the X-Request-ID of the answer, which the gateway's log has, too"`
	// Faults is an extension (RFC 9457, 3.2).
	Faults ConfigFaults `json:"faults,omitempty" doc:"of a config that is refused: everything that is wrong"`

	after time.Duration // when to try again
}

func (p problem) write(w http.ResponseWriter) {
	p.Type, p.Title, p.Instance = "about:blank", http.StatusText(p.Status), "urn:uuid:"+w.Header().Get(requestID)
	switch p.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="sttgate admin"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.FormatInt(int64(max(p.after, time.Second)+time.Second-1)/int64(time.Second), 10))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	encode(w, p.Status, p)
}

// Error makes a problem usable where an error is returned.
func (p problem) Error() string { return p.Detail }

func bad(detail string) error { return problem{Status: http.StatusBadRequest, Detail: detail} }

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	encode(w, status, v)
}

func encode(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // a time beyond year 9999; nothing else here can fail
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"type":"about:blank","title":"Internal Server Error","status":500}` + "\n")
	}
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may be gone; there is nobody left to tell
}

// fail answers an error and logs it where it is ours: once, here.
func (h *Handler) fail(ctx context.Context, w http.ResponseWriter, what string, err error) {
	var p problem
	switch {
	case errors.As(err, &p):
		p.write(w)
		return
	case errors.Is(err, ErrInvalid):
		problem{Status: http.StatusBadRequest, Detail: err.Error()}.write(w)
		return
	case errors.Is(err, ErrReused):
		problem{Status: http.StatusUnprocessableEntity, Detail: err.Error()}.write(w)
		return
	case errors.Is(err, ErrNotFound):
		problem{Status: http.StatusNotFound, Detail: err.Error()}.write(w)
		return
	case errors.Is(err, ErrConflict):
		p = problem{Status: http.StatusConflict, Detail: "somebody else kept changing this user; look again and retry"}
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		p = problem{Status: http.StatusServiceUnavailable, Detail: "the store does not answer; nothing is known to have changed"}
	default:
		p = problem{Status: http.StatusInternalServerError, Detail: "the gateway failed; its log has the cause"}
	}
	h.deps.Log.LogAttrs(ctx, slog.LevelError, "admin request failed", slog.String("request", w.Header().Get(requestID)), slog.String("what", what), slog.Any("error", err))
	p.write(w)
}
