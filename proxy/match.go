package proxy

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sttgate/sttgate/proxy/provider"
)

// locate finds the vendor that a request means: by its prefix, or, at the root, by
// who knows the path.
func (h *Handler) locate(r *http.Request) (*vendor, error) {
	path := r.URL.Path
	if _, rest, ok := splitUser(path); ok && h.paths {
		path = rest
	}
	for i, v := range h.vendors {
		if strings.HasPrefix(path, "/"+v.Name()+"/") {
			return &h.vendors[i], nil
		}
	}
	probe := withPath(r, path)
	for i, v := range h.vendors {
		if _, err := v.route(probe); !errors.Is(err, provider.ErrNoRoute) {
			return &h.vendors[i], nil
		}
	}
	if len(h.vendors) == 1 {
		return &h.vendors[0], provider.ErrNoRoute // so that its 404 has the vendor's shape
	}
	return nil, provider.ErrNoRoute
}

// route is the vendor's, or, where it has none, what its config lets pass.
func (v *vendor) route(r *http.Request) (provider.Route, error) {
	rt, err := v.Match(r)
	if errors.Is(err, provider.ErrNoRoute) {
		if passing, ok := v.allowed(r); ok {
			return passing, nil
		}
	}
	return rt, err
}

// withoutPrefix removes the vendor's prefix from a request's path.
func withoutPrefix(r *http.Request, name string) *http.Request {
	rest, ok := strings.CutPrefix(r.URL.Path, "/"+name+"/")
	if !ok {
		return r
	}
	c := withPath(r, "/"+rest)
	// An encoded path stays one: the vendor's Match refuses what two parsers could
	// read differently, and must be able to see it.
	c.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, "/"+name)
	return c
}

// withPath is the request under another path.
func withPath(r *http.Request, path string) *http.Request {
	u, c := *r.URL, *r
	u.Path, u.RawPath = path, ""
	c.URL = &u
	return &c
}
