package provider

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Refuse gives the members of the vendor's REST errors. The official JavaScript SDK
// shows only errors of a closed list: "Forbidden" reaches its user with our code
// and detail, where "Rate Limited", or any other word for 429 that the released one
// does not know, becomes an unexpected response without them.
func (Speechmatics) Refuse(d Denial) Refusal {
	return Refusal{Header: make(http.Header), Members: map[string]any{
		"code": d.Status, "error": speechmaticsError(d.Status), "detail": d.Detail, "message": d.Detail,
	}}
}

// speechmaticsError is a word of the vendor's closed list (spec/batch.yaml, ErrorResponse).
func speechmaticsError(status int) string {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return "Bad Request"
	case http.StatusUnauthorized:
		return "Permission Denied"
	case http.StatusNotFound:
		return "Not Implemented"
	case http.StatusUnsupportedMediaType:
		return "Format Not Supported"
	case http.StatusUnprocessableEntity:
		return "Unprocessable Entity"
	case http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "Forbidden"
	}
	return "Internal Server Error"
}

// speechmaticsEnd is how a stream ends in-band: an Error's type, and the code and payload of
// the Close behind it. Only what the vendor documents is said: a released SDK throws at a message that it does
// not know, and at least one reads the types into a closed list.
type speechmaticsEnd struct {
	typ     string
	code    int
	payload string
}

// speechmaticsEnding maps a reason. Which code says what decides whether clients come back: the docs
// tell them to retry 4005, 4013 and 1011 after a while, and nothing else. So a spent
// budget must not be 4005.
func speechmaticsEnding(d Denial) speechmaticsEnd {
	switch d.Reason {
	case BudgetExhausted, StageRestrict:
		return speechmaticsEnd{"timelimit_exceeded", 4006, "timelimit_exceeded"}
	case TooManyStreams:
		return speechmaticsEnd{"quota_exceeded", 4005, "quota_exceeded"}
	case BreakerOpen, StoreUnavailable, Draining:
		return speechmaticsEnd{"job_error", 4013, "job_error"}
	case Unauthenticated, BadIdentity:
		return speechmaticsEnd{"not_authorised", 4001, "not_authorised"}
	case Unsupported:
		if d.Status == http.StatusUnsupportedMediaType {
			return speechmaticsEnd{"invalid_audio_type", 1003, "protocol_error"}
		}
		return speechmaticsEnd{"protocol_error", 1003, "protocol_error"}
	case TooLarge: // of a stream that runs it means too long
		return speechmaticsEnd{"session_timeout", 1008, "policy_violation"}
	case UpstreamUnreachable, UpstreamTimeout:
	}
	return speechmaticsEnd{"unknown_error", 1011, "internal_error"}
}

// Farewell is an Error message, then a Close. Never a Close alone: several SDKs wait
// for ever on one.
func (s *speechmaticsSession) Farewell(d Denial) ([]Message, int, string) {
	end := speechmaticsEnding(d)
	b, err := json.Marshal(struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Reason  string `json:"reason"`
		Code    int    `json:"code"`
	}{"Error", end.typ, d.Detail, end.code})
	if err != nil { // strings and a number: cannot happen
		b = []byte(`{"message":"Error","type":"unknown_error","reason":""}`)
	}
	return []Message{{To: ToClient, Op: Text, Payload: b}}, end.code, end.payload
}

// speechmaticsWarning says that audio behind heard is not heard any more.
func speechmaticsWarning(d Denial, heard time.Duration) Message {
	b, err := json.Marshal(struct {
		Message string          `json:"message"`
		Type    string          `json:"type"`
		Reason  string          `json:"reason"`
		Limit   json.RawMessage `json:"duration_limit"`
	}{"Warning", "duration_limit_exceeded", d.Detail, appendSeconds(nil, heard.Truncate(time.Millisecond), nil)})
	if err != nil { // strings and a number: cannot happen
		b = []byte(`{"message":"Warning","type":"duration_limit_exceeded","reason":""}`)
	}
	return Message{To: ToClient, Op: Text, Payload: b}
}

func appendInt(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
