package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/proxy/provider"
)

// verdict is one row of the table of refusals: the only place where a status or
// a close code is chosen.
type verdict struct {
	status int
	code   int // inside a stream
	title  string
	typ    string // RFC 9457 problem type
}

// Problem types of draft-ietf-httpapi-ratelimit-headers; about:blank where none fits.
const (
	typeQuota    = "https://iana.org/assignments/http-problem-types#quota-exceeded"
	typeAbnormal = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected"
	typeReduced  = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
	typeBlank    = "about:blank"
)

// verdictOf maps a reason to its status and close code (DESIGN 2.4). Every reason
// of the closed set has a row; a test holds that.
func verdictOf(r provider.Reason) verdict {
	switch r {
	case provider.BudgetExhausted:
		return verdict{http.StatusTooManyRequests, 1008, "Budget exhausted", typeQuota}
	case provider.StageRestrict:
		return verdict{http.StatusTooManyRequests, 1008, "Usage restricted", typeAbnormal}
	case provider.TooManyStreams:
		return verdict{http.StatusTooManyRequests, 1008, "Too many streams", typeQuota}
	case provider.BreakerOpen:
		return verdict{http.StatusServiceUnavailable, 1013, "Spending breaker open", typeReduced}
	case provider.StoreUnavailable:
		return verdict{http.StatusServiceUnavailable, 1013, "Budget store unavailable", typeReduced}
	case provider.Draining:
		return verdict{http.StatusServiceUnavailable, 1012, "Gateway is shutting down", typeReduced}
	case provider.Unauthenticated:
		return verdict{http.StatusUnauthorized, 1008, "Not authenticated", typeBlank}
	case provider.BadIdentity:
		return verdict{http.StatusBadRequest, 1008, "Bad identity", typeBlank}
	case provider.Unsupported:
		return verdict{http.StatusNotFound, 1008, "Not supported", typeBlank}
	case provider.TooLarge:
		return verdict{http.StatusRequestEntityTooLarge, 1009, "Too large", typeBlank}
	case provider.UpstreamTimeout:
		return verdict{http.StatusGatewayTimeout, 1011, "Vendor timed out", typeBlank}
	case provider.UpstreamUnreachable:
		return verdict{http.StatusBadGateway, 1011, "Vendor unreachable", typeBlank}
	}
	return verdict{http.StatusInternalServerError, 1011, "Gateway error", typeBlank}
}

// deny makes a Denial of a reason.
func deny(r provider.Reason, detail string) *provider.Denial {
	v := verdictOf(r)
	return &provider.Denial{Reason: r, Status: v.status, Code: v.code, Title: v.title, Detail: detail}
}

// denied carries a Denial as an error through the steps of the handler.
type denied struct {
	d     *provider.Denial
	grant *ledger.Grant // where budgets said no: what RateLimit tells
}

func (e denied) Error() string { return string(e.d.Reason) + ": " + e.d.Detail }

// refused is a vendor's own refusal of the handshake, to be passed unchanged.
type refused struct {
	status int
	header http.Header
	body   []byte
}

func (e refused) Error() string { return fmt.Sprintf("vendor refused with %d", e.status) }

// denialOf turns any step's error into a Denial. An error nobody classified is a
// gateway fault: it tells the client nothing about the inside.
func denialOf(err error) *provider.Denial {
	var (
		d  denied
		id *IdentityError
		pe *provider.Error
	)
	switch {
	case errors.As(err, &d):
		return d.d
	case errors.As(err, &id):
		r := provider.BadIdentity
		if errors.Is(err, ErrUnauthenticated) {
			r = provider.Unauthenticated
		}
		return withStatus(deny(r, id.Detail), id.Status)
	case errors.As(err, &pe):
		return withStatus(deny(provider.Unsupported, pe.Detail), pe.Status)
	case errors.Is(err, provider.ErrNoRoute):
		return deny(provider.Unsupported, "this path is not served here; the gateway passes only what it can meter")
	case errors.Is(err, ledger.ErrOutage):
		return deny(provider.StoreUnavailable, "the store of budgets does not answer; try again shortly")
	}
	return deny("", "the gateway failed; its log has the cause under this request id")
}

func withStatus(d *provider.Denial, status int) *provider.Denial {
	d.Status = status
	return d
}

// problem is the JSON body of a refusal: RFC 9457 and the vendor's members in one.
func problem(d *provider.Denial, members map[string]any) []byte {
	body := make(map[string]any, len(members)+6)
	maps.Copy(body, members)
	body["type"] = verdictOf(d.Reason).typ
	body["title"] = d.Title
	body["status"] = d.Status
	body["detail"] = d.Detail
	if len(d.Violated) > 0 {
		body["violated-policies"] = d.Violated
	}
	out, err := json.Marshal(body)
	if err != nil { // members are strings and numbers by construction
		return []byte(`{"type":"about:blank"}`)
	}
	return out
}

// seconds rounds up: a client that comes back a moment too early is refused again.
func seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

// writeRefusal answers a request that was not upgraded. p is nil where the path
// told no vendor.
func writeRefusal(w http.ResponseWriter, p provider.Provider, d *provider.Denial, retryAfter bool) {
	h := w.Header()
	var members map[string]any
	if p != nil {
		ref := p.Refuse(*d)
		members = ref.Members
		maps.Copy(h, ref.Header)
	}
	h.Set("Content-Type", "application/problem+json")
	if d.Reason != "" {
		h.Set("X-Sttgate-Reason", string(d.Reason))
	}
	h.Set("Cache-Control", "no-store")
	if d.RetryAfter > 0 && retryAfter {
		h.Set("Retry-After", strconv.FormatInt(seconds(d.RetryAfter), 10))
	}
	if d.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="sttgate"`)
	}
	if d.Reason == provider.Draining {
		h.Set("Connection", "close")
	}
	w.WriteHeader(d.Status)
	_, _ = w.Write(problem(d, members)) // the client may be gone; there is nobody left to tell
}
