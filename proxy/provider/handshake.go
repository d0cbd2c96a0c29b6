package provider

import (
	"net/http"
	"strings"
)

// upgrade reports whether r asks for a WebSocket. Connection is a list of tokens
// of any case ("keep-alive, Upgrade"); comparing it whole would send such
// requests down an unmetered path.
func upgrade(r *http.Request) bool {
	return hasToken(headerLines(r.Header, "Connection"), "upgrade") && hasToken(headerLines(r.Header, "Upgrade"), "websocket")
}

// headerLines returns the lines of a header whatever the case of its key in the
// map: WebSocket libraries write "Sec-WebSocket-…", which is not canonical in Go.
func headerLines(h http.Header, name string) []string {
	if v, ok := h[http.CanonicalHeaderKey(name)]; ok {
		return v
	}
	for k, v := range h {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func hasToken(lines []string, token string) bool {
	for _, t := range list(lines) {
		if strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}

// list splits a header that is a comma-separated list, which may stand in several
// lines (RFC 9110, 5.3); empty elements are no elements.
func list(lines []string) []string {
	var out []string
	for _, line := range lines {
		for t := range strings.SplitSeq(line, ",") {
			if t = strings.Trim(t, " \t"); t != "" {
				out = append(out, t)
			}
		}
	}
	return out
}

// offered returns the subprotocols in order.
func offered(h http.Header) []string { return list(headerLines(h, "Sec-WebSocket-Protocol")) }

// remove deletes a header in every spelling of its key.
func remove(h http.Header, name string) {
	for k := range h {
		if strings.EqualFold(k, name) {
			delete(h, k)
		}
	}
}
