package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// probeTimeout bounds the checks behind /readyz: a kubelet gives up after a second,
// and a probe that hangs piles up.
const probeTimeout = 900 * time.Millisecond

// probeCalls are open: whoever reaches the port may ask them.
func (h *Handler) probeCalls() []call {
	probe := func(path, name, says string, serve func(w http.ResponseWriter, r *http.Request, id string), fails string) call {
		return call{http.MethodGet, path, serve, about{
			name: name, tag: "probes", says: says, more: "Open. One word in text; with ?verbose a line per check, with the cause for whoever passes the guard of the API.",
			query: []param{{"verbose", "a line per check", object{"type": "string"}}},
			answers: []good{
				{status: http.StatusOK, says: "ok", kinds: []string{"text/plain"}},
				{status: http.StatusServiceUnavailable, says: fails, kinds: []string{"text/plain"}},
			},
		}}
	}
	return []call{
		probe("/livez", "livez", "Would only a restart help?", h.livez, "only a restart helps"),
		probe("/readyz", "readyz", "May new streams come?", h.readyz, "starting, draining, or without what new streams need"),
		probe("/startupz", "startupz", "Is start-up done?", h.startupz, "not yet"),
		{http.MethodGet, "/version", h.version, about{
			name: "version", tag: "probes", says: "Which build this is", more: "Open.",
			answers: []good{{status: http.StatusOK, says: "the build", of: Version{}}},
		}},
		{http.MethodGet, "/openapi.json", h.openapi, about{
			name: "openapi", tag: "probes", says: "This document", more: "Open. OpenAPI 3.1.",
			answers: []good{{status: http.StatusOK, says: "the document", of: map[string]any{}}},
		}},
	}
}

var errDraining = errors.New("draining: new streams are refused")

func (h *Handler) version(w http.ResponseWriter, _ *http.Request, _ string) {
	writeJSON(w, http.StatusOK, h.deps.Version)
}

func (h *Handler) livez(w http.ResponseWriter, r *http.Request, _ string) {
	h.probe(w, r, []Check{{"live", h.deps.Health.Live()}})
}

func (h *Handler) startupz(w http.ResponseWriter, r *http.Request, _ string) {
	h.probe(w, r, []Check{{"startup", h.deps.Health.Started()}})
}

// readyz fails before start-up has finished, while draining, and when one of
// Health's own checks does.
func (h *Handler) readyz(w http.ResponseWriter, r *http.Request, _ string) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	defer cancel()
	checks := []Check{{"startup", h.deps.Health.Started()}, {"drain", nil}}
	if h.deps.Drainer.Draining() {
		checks[1].Err = errDraining
	}
	h.probe(w, r, append(checks, h.deps.Health.Ready(ctx)...))
}

// probe answers 200 or 503 in text; with ?verbose one line per check. The cause of a
// failure may name an inner address, and probes are open: only whoever passes the
// guard sees it.
func (h *Handler) probe(w http.ResponseWriter, r *http.Request, checks []Check) {
	_, verbose := r.URL.Query()["verbose"]
	cause := false
	if verbose {
		_, p := h.guard(r)
		cause = p == nil
	}
	status, last := http.StatusOK, "ok"
	var b strings.Builder
	for _, c := range checks {
		if c.Err != nil {
			status, last = http.StatusServiceUnavailable, "not ok"
		}
		if verbose {
			b.WriteString(line(c, cause))
		}
	}
	b.WriteString(last + "\n")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String())) // a probe that hung up has its answer
}

func line(c Check, cause bool) string {
	switch {
	case c.Err == nil:
		return "[+]" + c.Name + " ok\n"
	case cause:
		return "[-]" + c.Name + " failed: " + strings.ReplaceAll(c.Err.Error(), "\n", "; ") + "\n"
	}
	return "[-]" + c.Name + " failed: reason withheld\n"
}
