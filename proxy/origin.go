package proxy

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sttgate/sttgate/proxy/provider"
)

// Origins decides what a web page may do. A browser says with Origin whose page a
// request comes from; nobody else sends it, and no page can leave it out or forge it.
//
//	identity.origins        a page of a listed origin      any other page
//	empty                   -                              streams and requests with a caller token; no CORS
//	a list                  as any client, with CORS       403, before anything else
//	"*" in the list         the same                       with a caller token, with CORS
//
// A page that is not listed by its name is never believed for where it runs: the operator's own
// browser is on a trusted address, and every page in it would be, too.
type Origins struct{ list []string }

// corsAge is how long a browser may remember a preflight: Chromium's own limit, in seconds.
const corsAge = "7200"

// listed reports whether an origin is in the list by its name.
func (o Origins) listed(origin string) bool {
	return origin != "*" && slices.ContainsFunc(o.list, func(l string) bool { return strings.EqualFold(l, origin) })
}

// shared reports whether pages of an origin may read answers.
func (o Origins) shared(origin string) bool { return o.listed(origin) || slices.Contains(o.list, "*") }

// origin is the page's, "" where the client is no browser. Of two the first is as good as
// any: no browser sends two, and neither is believed then.
func origin(r *http.Request) string {
	switch lines := fold(r.Header, "Origin"); len(lines) {
	case 0:
		return ""
	case 1:
		return lines[0]
	}
	return "null"
}

// foreign reports a page that is not believed for where it runs.
func (o Origins) foreign(r *http.Request) bool {
	page := fold(r.Header, "Origin")
	return len(page) > 0 && !o.listed(origin(r))
}

// admit sets the answer's CORS headers. done says that the request was a preflight and
// has its answer; an error refuses the page.
func (o Origins) admit(w http.ResponseWriter, r *http.Request) (done bool, err error) {
	if len(o.list) > 0 {
		w.Header().Add("Vary", "Origin")
	}
	if len(fold(r.Header, "Origin")) == 0 {
		return false, nil
	}
	page := origin(r)
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	if !o.shared(page) {
		if len(o.list) == 0 && !preflight {
			return false, nil // identify wants a caller token
		}
		d := deny(provider.Unauthenticated, "pages of this origin may not use this gateway: see identity.origins")
		d.Status, d.Title = http.StatusForbidden, "Origin not allowed"
		return false, denied{d: d}
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", page)
	h.Set("Access-Control-Expose-Headers", exposed)
	if !preflight {
		return false, nil
	}
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, HEAD")
	if names := askable(r.Header.Values("Access-Control-Request-Headers")); names != "" {
		h.Set("Access-Control-Allow-Headers", names)
	}
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true") // a public page, and a gateway at home
	}
	h.Set("Access-Control-Max-Age", corsAge)
	w.WriteHeader(http.StatusNoContent)
	return true, nil
}

// exposed are the headers of answers that a page may read.
const exposed = "Content-Disposition, Dg-Char-Count, Dg-Error, Dg-Model-Name, Dg-Model-Uuid, Dg-Request-Id, RateLimit, RateLimit-Policy, " +
	"Request-Id, Retry-After, X-Request-Id, X-Sttgate-Charged-Ms, X-Sttgate-Reason"

// askable are those of the headers a page wants to send that SDKs have a use for.
func askable(lines []string) string {
	var out []string
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			plain := slices.Contains([]string{"authorization", "content-type", "accept", "accept-language", "cache-control", "traceparent", "tracestate"}, name)
			if token(name, "-_") && (plain || strings.HasPrefix(name, "x-")) && !strings.EqualFold(name, PeerSecretHeader) {
				out = append(out, name)
			}
		}
	}
	return strings.Join(out, ", ")
}
