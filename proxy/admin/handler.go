package admin

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sttgate/sttgate/config/secret"
)

// apiPrefix begins everything that needs the token.
const apiPrefix = "/admin/v1/"

// Handler serves the operator's listener.
type Handler struct {
	deps   Deps
	token  secret.Value
	routes []route
}

var _ http.Handler = (*Handler)(nil)

// New builds the handler from a config that WithDefaults has filled.
func New(c Config, d Deps) (*Handler, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch {
	case d.Users == nil, d.Policy == nil, d.Streams == nil, d.Drainer == nil, d.Health == nil, d.Metrics == nil, d.Log == nil:
		return nil, errors.New("admin: a dependency is missing")
	case len(d.Stages) == 0:
		return nil, errors.New("admin: no stages")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	h := &Handler{deps: d, token: c.Token}
	metrics := promhttp.HandlerFor(d.Metrics, promhttp.HandlerOpts{
		ErrorLog:          slog.NewLogLogger(d.Log.Handler(), slog.LevelError),
		EnableOpenMetrics: true,
	})
	h.routes = []route{
		{http.MethodGet, "/livez", h.livez},
		{http.MethodGet, "/readyz", h.readyz},
		{http.MethodGet, "/startupz", h.startupz},
		{http.MethodGet, "/metrics", func(w http.ResponseWriter, r *http.Request, _ string) { metrics.ServeHTTP(w, r) }},
		{http.MethodGet, "/version", h.version},
		{http.MethodGet, apiPrefix + "users/{id}", h.user},
		{http.MethodPut, apiPrefix + "users/{id}/stage", h.setStage},
		{http.MethodGet, apiPrefix + "users", h.flagged},
		{http.MethodPost, apiPrefix + "users/{id}/reset", h.reset},
		{http.MethodPut, apiPrefix + "users/{id}/exempt", h.exempt},
		{http.MethodPost, apiPrefix + "users/{id}/resolve", h.resolve},
		{http.MethodGet, apiPrefix + "users/{id}/explain", h.explain},
		{http.MethodGet, apiPrefix + "cases/{id}", h.oneCase},
		{http.MethodGet, apiPrefix + "streams", h.streams},
		{http.MethodDelete, apiPrefix + "streams/{id}", h.killStream},
		{http.MethodPost, apiPrefix + "drain", h.drain},
		{http.MethodPost, apiPrefix + "tokens", h.mint},
	}
	return h, nil
}

// ServeHTTP guards, then routes.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if guarded(r) {
		if p := h.guard(r); p != nil {
			h.deps.Log.LogAttrs(r.Context(), slog.LevelInfo, "admin request refused",
				slog.String("remote", r.RemoteAddr), slog.Int("status", p.Status), slog.String("why", p.Detail))
			p.write(w)
			return
		}
	}
	h.route(w, r)
}

// guarded is about the decoded path: /%61dmin/v1/… is the API too.
func guarded(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path+"/", apiPrefix)
}

func (h *Handler) version(w http.ResponseWriter, _ *http.Request, _ string) {
	writeJSON(w, http.StatusOK, h.deps.Version)
}

func (h *Handler) knownStage(s string) bool { return slices.Contains(h.deps.Stages, s) }
