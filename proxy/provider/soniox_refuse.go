package provider

import (
	"net/http"
)

// Refuse gives the members of Soniox's REST errors. soniox-python reads all of them
// and calls an error that lacks one unreadable.
func (Soniox) Refuse(d Denial) Refusal {
	return Refusal{Header: make(http.Header), Members: map[string]any{
		"status_code":       d.Status,
		"error_type":        sonioxType(d.Status),
		"message":           d.Detail,
		"validation_errors": []any{},
		"request_id":        d.RequestID,
		"more_info":         d.Title,
	}}
}

// sonioxError is an error in-band: the last message of a stream.
type sonioxError struct {
	Tokens    []struct{} `json:"tokens"`
	Code      int        `json:"error_code"`
	Type      string     `json:"error_type"`
	Message   string     `json:"error_message"`
	RequestID string     `json:"request_id"`
}

func sonioxFarewell(d Denial) Message {
	code, typ := sonioxVerdict(d)
	return clientJSON(sonioxError{Tokens: []struct{}{}, Code: code, Type: typ, Message: d.Detail, RequestID: d.RequestID})
}

// sonioxVerdict is the error code in-band and its type. SDKs read the code: 402 and
// 429 are a quota error that is not repeated, 408, 500 and 503 are network errors
// after which some connect again for ever. So a user's budget is always 429, and what
// passes by itself always 503. An open breaker is 402, which blames the house and nobody else: it may
// stay open for hours, and clients that take it for a fault of the network would come back every second.
func sonioxVerdict(d Denial) (code int, typ string) {
	switch {
	case d.Reason == BudgetExhausted, d.Reason == StageRestrict:
		return http.StatusTooManyRequests, "limit_exceeded"
	case d.Reason == BreakerOpen:
		return http.StatusPaymentRequired, sonioxType(http.StatusPaymentRequired)
	case d.Reason == TooLarge: // inside a stream: it has lasted too long
		return http.StatusRequestEntityTooLarge, "max_duration_reached"
	case d.Reason == TooManyStreams && d.Status == http.StatusTooManyRequests:
		return http.StatusTooManyRequests, "max_concurrent_connections_reached"
	}
	switch d.Status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusTooManyRequests:
		return d.Status, sonioxType(d.Status)
	case http.StatusInternalServerError:
		return d.Status, "internal_error"
	}
	switch {
	case d.Status >= 500, d.Status == http.StatusRequestTimeout:
		return http.StatusServiceUnavailable, "service_unavailable"
	}
	return http.StatusBadRequest, "invalid_request"
}

// sonioxType is the vendor's error_type for a status.
func sonioxType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "unauthenticated"
	case http.StatusPaymentRequired:
		return "organization_balance_exhausted"
	case http.StatusForbidden:
		return "permission_denied"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusTooManyRequests:
		return "limit_exceeded"
	case http.StatusInternalServerError:
		return "internal_error"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "service_unavailable"
	}
	return "invalid_request"
}
