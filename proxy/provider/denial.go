package provider

import (
	"cmp"
	"net/http"
	"time"
)

// Reason is why a request or a stream was refused, as X-Sttgate-Reason tells it.
type Reason string

// The closed set of reasons.
const (
	BudgetExhausted     Reason = "budget_exhausted"
	StageRestrict       Reason = "stage_restrict"
	TooManyStreams      Reason = "too_many_streams"
	BreakerOpen         Reason = "breaker_open"
	StoreUnavailable    Reason = "store_unavailable"
	Draining            Reason = "draining"
	Unauthenticated     Reason = "unauthenticated"
	BadIdentity         Reason = "bad_identity"
	Unsupported         Reason = "unsupported"
	TooLarge            Reason = "too_large"
	UpstreamUnreachable Reason = "upstream_unreachable"
	UpstreamTimeout     Reason = "upstream_timeout"
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{
		BudgetExhausted, StageRestrict, TooManyStreams, BreakerOpen, StoreUnavailable, Draining, Unauthenticated, BadIdentity, Unsupported, TooLarge,
		UpstreamUnreachable, UpstreamTimeout,
	}
}

// Denial is a refusal before it has a vendor's shape. The status and close code
// come from one table in package proxy.
type Denial struct {
	Reason     Reason
	Own        string // what metrics, the log and events call it where clients are told another word; "": Reason
	Status     int    // HTTP status before the upgrade
	Code       int    // WebSocket close code inside a stream
	Title      string
	Detail     string   // what happened, to what, what to do
	Violated   []string // names of the budgets that said no
	RetryAfter time.Duration
	RequestID  string
}

// Cause is the word for it in metrics, the log and events.
func (d *Denial) Cause() string { return cmp.Or(d.Own, string(d.Reason)) }

// Refusal is a denial in the vendor's shape, before the upgrade.
type Refusal struct {
	Header  http.Header
	Members map[string]any // the vendor's error members; RFC 9457's are added beside them
}
