package provider

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Refuse gives the members and headers of Deepgram's own refusals: SDKs show
// err_code and err_msg, support asks for the request id, and the JavaScript SDK
// reads dg-error because it cannot see the body of a refused upgrade.
func (Deepgram) Refuse(d Denial) Refusal {
	h := make(http.Header)
	if d.RequestID != "" {
		h.Set("Dg-Request-Id", oneLine(d.RequestID))
	}
	h.Set("Dg-Error", oneLine(d.Detail))
	return Refusal{Header: h, Members: map[string]any{
		"err_code":   deepgramCode(d.Status),
		"err_msg":    d.Detail,
		"request_id": d.RequestID,
	}}
}

// deepgramCode is the vendor's err_code for a status. Those of 400, 401 and 429
// are documented; the others follow the status text, as the vendor's "Bad
// Request" does.
func deepgramCode(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "INVALID_AUTH"
	case http.StatusForbidden:
		return "INSUFFICIENT_PERMISSIONS"
	case http.StatusTooManyRequests:
		return "TOO_MANY_REQUESTS"
	case http.StatusInternalServerError:
		return "INTERNAL_SERVER_ERROR"
	}
	if s := http.StatusText(status); s != "" {
		return s
	}
	return "INTERNAL_SERVER_ERROR"
}

// oneLine makes a text fit for a header value.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)
}

// errorV1 is an error message that all official SDKs show: Go reads err_code,
// err_msg, description and variant, Python description, message and variant,
// JavaScript hands over the whole.
type errorV1 struct {
	Type        string `json:"type"`
	ErrCode     string `json:"err_code"`
	ErrMsg      string `json:"err_msg"`
	Description string `json:"description"`
	Message     string `json:"message"`
	Variant     string `json:"variant"`
	RequestID   string `json:"request_id"`
}

// errorV2 is Flux's fatal error.
type errorV2 struct {
	Type        string `json:"type"`
	SequenceID  int64  `json:"sequence_id"`
	Code        string `json:"code"`
	Description string `json:"description"`
	RequestID   string `json:"request_id"`
}

func messageV1(d Denial) Message {
	return clientJSON(errorV1{
		Type: "Error", ErrCode: deepgramCode(d.Status), ErrMsg: d.Detail, Description: d.Detail, Message: d.Title,
		Variant: string(d.Reason), RequestID: d.RequestID,
	})
}

func messageV2(d Denial, seq int64) Message {
	return clientJSON(errorV2{
		Type: "Error", SequenceID: seq, Code: deepgramCode(d.Status), Description: d.Detail, RequestID: d.RequestID,
	})
}

func clientJSON(v any) Message {
	b, err := json.Marshal(v)
	if err != nil { // strings and numbers only: cannot happen
		b = []byte(`{"type":"Error"}`)
	}
	return Message{To: ToClient, Op: Text, Payload: b}
}
