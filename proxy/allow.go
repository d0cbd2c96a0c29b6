package proxy

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/sttgate/sttgate/proxy/provider"
)

// allowed finds the route of a request that providers.X.allow lets through unmetered. The
// path must be plain: one that needs decoding or cleaning could mean another to the vendor.
func (v *vendor) allowed(r *http.Request) (provider.Route, bool) {
	if r.URL.RawPath != "" || path.Clean(r.URL.Path) != strings.TrimSuffix(r.URL.Path, "/") && r.URL.Path != "/" {
		return provider.Route{}, false
	}
	for _, rule := range v.config.Allow {
		method, pattern, _ := strings.Cut(rule, " ")
		below, open := strings.CutSuffix(pattern, "*")
		if method != r.Method || pattern != r.URL.Path && !(open && strings.HasPrefix(r.URL.Path, below)) {
			continue
		}
		return provider.Route{Provider: v.Name(), Mode: modePass, Path: r.URL.Path, Query: v.withoutKeys(r.URL.RawQuery)}, true
	}
	return provider.Route{}, false
}

// withoutKeys leaves a credential out of a query where the vendor's key is ours.
func (v *vendor) withoutKeys(raw string) string {
	if v.config.Key.Empty() || raw == "" {
		return raw
	}
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(key); err == nil {
			switch strings.ToLower(name) {
			case "jwt", "token", "access_token", "api_key", "apikey", "authorization":
				continue
			}
		}
		kept = append(kept, pair)
	}
	return strings.Join(kept, "&")
}
