package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// guard says why a request may not use the API, or nil.
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
func (h *Handler) guard(r *http.Request) *problem {
	if !h.token.Empty() {
		if h.token.Equal(bearer(r)) {
			return nil
		}
		return &problem{Status: http.StatusUnauthorized, Detail: "send Authorization: Bearer with the value of admin.token"}
	}
	switch {
	case !localHost(r.Host):
		return &problem{Status: http.StatusForbidden, Detail: "without admin.token the API answers to localhost and addresses only, not to other host names"}
	case foreignPage(r):
		return &problem{Status: http.StatusForbidden, Detail: "without admin.token the API does not answer to other sites' pages"}
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

// who is the operator in the audit line: the start of the token's hash, which tells
// tokens apart and is of no use to whoever reads the log.
func (h *Handler) who() string {
	if h.token.Empty() {
		return "loopback"
	}
	sum := sha256.Sum256([]byte(h.token.Reveal()))
	return "token:" + hex.EncodeToString(sum[:6])
}
