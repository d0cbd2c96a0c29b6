package proxy

import (
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// forwarded are the request headers that reach the vendor, besides those under
// the vendor's own prefix and what Provider.Authorize sets. It is an allowlist:
// cookies, forwarding headers and a mesh's internals are nobody's business upstream,
// and what Connection names is hop-by-hop by definition.
func forwarded(name, vendor string) bool {
	switch name {
	case "User-Agent", "X-Client-Info", "Traceparent", "Tracestate":
		return true
	}
	lower := strings.ToLower(name)
	return strings.HasPrefix(lower, "x-"+vendor+"-") || strings.HasPrefix(lower, "x-fern-")
}

// vendorHeader copies what may pass from the client's request to the vendor's.
func vendorHeader(in http.Header, vendor string) http.Header {
	hop := make(map[string]bool)
	for _, line := range in["Connection"] {
		for tok := range strings.SplitSeq(line, ",") {
			hop[http.CanonicalHeaderKey(strings.TrimSpace(tok))] = true
		}
	}
	out := make(http.Header)
	for name, values := range in {
		if forwarded(name, vendor) && !hop[name] {
			out[name] = values
		}
	}
	return out
}

// requestID keeps the caller's X-Request-ID where it is short and printable, so
// that one id follows a request through several systems, and makes one elsewhere.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if len(id) == 0 || len(id) > 128 || strings.ContainsFunc(id, func(c rune) bool { return !idRune(c) }) {
		return uuid.NewString()
	}
	return id
}

// streamID makes a stream's id. It begins with the time, so that streams of the same moment
// are neighbours in the ledger's file and share its pages.
func streamID() string { return uuid.Must(uuid.NewV7()).String() }

func idRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._@:-", c)
}
