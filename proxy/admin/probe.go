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

var errDraining = errors.New("draining: new streams are refused")

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
	cause := verbose && h.guard(r) == nil
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
