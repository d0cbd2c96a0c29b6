package admin

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// guard says who asks, or why they may not use the API.
//
// With a token, the token decides. Without one the listener is on loopback
// (Config.Validate sees to it) and everybody on the machine is an operator; but a
// browser on the machine speaks for any page it shows, so that what comes from a
// foreign page is refused:
//
//   - a Host that is a name other than localhost: a page may have made its own name
//     resolve to 127.0.0.1 (DNS rebinding), and would then be "same-origin";
//   - an Origin that is not ours, or Sec-Fetch-Site saying so (request forgery).
//
// curl and programs send neither header.
func (h *Handler) guard(r *http.Request) (caller, *problem) {
	if !h.token.Empty() {
		given := bearer(r)
		full, readOnly := h.token.Equal(given), !h.readToken.Empty() && h.readToken.Equal(given) // both, always: which of them it was takes the same time
		switch {
		case full:
			return caller{name: fingerprint(h.token), role: writer}, nil
		case readOnly:
			return caller{name: fingerprint(h.readToken), role: reader}, nil
		}
		return caller{}, &problem{Status: http.StatusUnauthorized, Detail: "send Authorization: Bearer with the value of admin.token, or of admin.read_token"}
	}
	switch {
	case !localHost(r.Host):
		return caller{}, &problem{Status: http.StatusForbidden, Detail: "without admin.token the API answers to localhost and addresses only, not to other host names"}
	case foreignPage(r):
		return caller{}, &problem{Status: http.StatusForbidden, Detail: "without admin.token the API does not answer to other sites' pages"}
	}
	return caller{name: "loopback", role: writer}, nil
}

// enter is the guard with everything that a refusal brings: a limit, and a line in the log.
func (h *Handler) enter(w http.ResponseWriter, r *http.Request) (caller, bool) {
	who, p := h.guard(r)
	if p == nil {
		return who, true
	}
	if p.Status == http.StatusUnauthorized {
		if wait := h.strikes.bad(r.RemoteAddr); wait > 0 {
			problem{
				Status: http.StatusTooManyRequests, after: wait,
				Detail: "too many requests with a wrong token; send the right one, which is always let in",
			}.write(w)
			return caller{}, false
		}
	}
	h.deps.Log.LogAttrs(r.Context(), slog.LevelInfo, "admin request refused", slog.String("request", requestOf(r)),
		slog.String("remote", r.RemoteAddr), slog.Int("status", p.Status), slog.String("why", p.Detail))
	p.write(w)
	return caller{}, false
}

// may says why a caller may not do a call, or nil.
func (h *Handler) may(who caller, c call) *problem {
	switch {
	case c.role() != writer:
		return nil
	case who.role != writer:
		return &problem{Status: http.StatusForbidden, Detail: "admin.read_token only looks; changes need admin.token"}
	case c.about.pure:
		return nil
	}
	if err := h.deps.Audit.Ready(); err != nil {
		h.deps.Log.Error("admin change refused", slog.Any("error", err))
		return &problem{Status: http.StatusServiceUnavailable, Detail: "nothing was changed: the audit log cannot be written (admin.audit_file: see the gateway's log, and the disk)"}
	}
	return nil
}

// bearer returns the one bearer token. Two Authorization lines are none: two readers
// could each take another.
func bearer(r *http.Request) string {
	lines := r.Header.Values("Authorization")
	if len(lines) != 1 {
		return ""
	}
	scheme, token, ok := strings.Cut(lines[0], " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func localHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(host) != nil
}

func foreignPage(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.EqualFold(u.Host, r.Host) {
			return true // "null" too: a sandboxed page or a file
		}
	}
	return false
}
