package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route finds the call of a request. http.ServeMux would answer in plain text, and
// redirect a user called ".." to somewhere else.
func (h *Handler) route(w http.ResponseWriter, r *http.Request) {
	var allow []string
	for _, c := range h.calls {
		id, ok := c.match(r.URL.EscapedPath())
		if !ok {
			continue
		}
		if r.Method == c.method || r.Method == http.MethodHead && c.method == http.MethodGet {
			if p := h.may(callerOf(r), c); p != nil {
				p.write(w)
				return
			}
			c.serve(w, r, id)
			return
		}
		allow = append(allow, c.method)
	}
	if allow == nil {
		problem{Status: http.StatusNotFound, Detail: "there is nothing at this path"}.write(w)
		return
	}
	if slices.Contains(allow, http.MethodGet) {
		allow = append(allow, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	problem{Status: http.StatusMethodNotAllowed, Detail: "this path takes " + strings.Join(allow, ", ")}.write(w)
}

// match compares segment by segment as they were written, so that an encoded slash
// is part of an id. What an id may be is for the call to say.
func (c call) match(escaped string) (id string, ok bool) {
	want, got := strings.Split(c.path, "/"), strings.Split(escaped, "/")
	if len(want) != len(got) {
		return "", false
	}
	for i, segment := range got {
		s, err := url.PathUnescape(segment)
		switch {
		case err != nil:
			return "", false
		case want[i] == "{id}":
			id = s
		case s != want[i]:
			return "", false
		}
	}
	return id, true
}
