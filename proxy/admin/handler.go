package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sttgate/sttgate/config/secret"
)

// apiPrefix begins everything that needs the token.
const apiPrefix = "/admin/v1/"

// Handler serves the operator's listener.
type Handler struct {
	deps      Deps
	token     secret.Value
	readToken secret.Value
	strikes   *strikes
	calls     []call
	document  []byte // the OpenAPI document
}

var _ http.Handler = (*Handler)(nil)

// New builds the handler from a config that WithDefaults has filled.
func New(c Config, d Deps) (*Handler, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch {
	case d.Users == nil, d.Policy == nil, d.Streams == nil, d.Figures == nil, d.Drainer == nil, d.Configs == nil, d.Health == nil, d.Metrics == nil, d.Log == nil:
		return nil, errors.New("admin: a dependency is missing")
	case len(d.Stages) == 0:
		return nil, errors.New("admin: no stages")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Audit == nil {
		var err error
		if d.Audit, err = NewAudit(c.AuditFile, d.Log); err != nil {
			return nil, err
		}
	}
	h := &Handler{deps: d, token: c.Token, readToken: c.ReadToken, strikes: newStrikes(d.Now)}
	metrics := promhttp.HandlerFor(d.Metrics, promhttp.HandlerOpts{
		ErrorLog:          slog.NewLogLogger(d.Log.Handler(), slog.LevelError),
		EnableOpenMetrics: true,
	})
	h.calls = slices.Concat(h.probeCalls(), []call{{http.MethodGet, "/metrics", func(w http.ResponseWriter, r *http.Request, _ string) { metrics.ServeHTTP(w, r) }, about{
		name: "metrics", tag: "probes", says: "Metrics for Prometheus", more: "Open. In the format that Accept asks for.",
		answers: []good{{status: http.StatusOK, says: "every metric", kinds: []string{"text/plain", "application/openmetrics-text", "application/vnd.google.protobuf"}}},
	}}}, h.dashboardCalls(), h.userCalls(), h.policyCalls(), h.streamCalls(), h.overviewCalls(), h.operateCalls(), h.configCalls())
	if err := checkCalls(h.calls); err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	var err error
	if h.document, err = document(h.calls, map[string][]string{"stages": d.Stages, "vendors": d.Vendors}); err != nil {
		return nil, fmt.Errorf("admin: openapi.json: %w", err)
	}
	return h, nil
}

// ServeHTTP guards, then routes. Every answer has an id, which the log and the audit line have, too.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := uuid.NewString()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set(requestID, id)
	r = caller{id: id}.on(r)
	if guarded(r) {
		who, ok := h.enter(w, r)
		if !ok {
			return
		}
		who.id = id
		r = who.on(r)
	}
	h.route(w, r)
}

// requestID is the header of an answer's id.
const requestID = "X-Request-Id"

// guarded is about the decoded path: /%61dmin/v1/… is the API too.
func guarded(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path+"/", apiPrefix)
}
