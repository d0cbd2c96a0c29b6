package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// between divides the requests of one input.
const between = "\x1e"

// parseRequest reads "METHOD /path", header lines, an empty line and a body; ok is false for what net/http would not let through.
func parseRequest(s string) (r *http.Request, ok bool) {
	head, body, _ := strings.Cut(s, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	u, err := url.ParseRequestURI(target)
	if err != nil || method == "" || strings.ContainsFunc(method, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, false
	}
	r = &http.Request{Method: method, URL: u, Host: "localhost", Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), RemoteAddr: "127.0.0.1:1", ContentLength: int64(len(body))}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ": ")
		r.Header.Add(name, value)
	}
	return r, true
}

// FuzzAPI sends sequences of requests to one handler with its state in memory. Whatever they are:
//
//   - nothing panics, and nothing answers 5xx while nothing is broken;
//   - every status is one that the document has for the call, or that a path or a method gets that is not there;
//   - every error is a problem with the id of its answer;
//   - without a good token the API says 401 or 429 alone, and with the one that only looks nothing is changed.
func FuzzAPI(f *testing.F) {
	for _, x := range exercises() {
		for _, body := range []string{x.body, x.bad, x.missing} {
			f.Add(x.method+" "+x.path+"\nAuthorization: Bearer "+token+"\n\n"+body, false)
		}
	}
	f.Add("PUT /admin/v1/users/a/stage\n\n{\"stage\":\"restrict\",\"reason\":\"r\"}"+between+"GET /admin/v1/users/a\n\n"+between+"DELETE /admin/v1/streams/s-1\n\n", true)
	f.Add("POST /admin/v1/drain\nAuthorization: Bearer "+readToken+"\n\n", false)
	f.Add("GET /admin/v1/streams?cursor=MTcwMCBzLTE\nHost: x\n\n", true)
	f.Fuzz(func(t *testing.T, input string, anybodys bool) {
		g := &gateway{}
		twoStreams(stand{gateway: g})
		c := Config{Token: secretToken, ReadToken: secretReadToken}.WithDefaults()
		if anybodys {
			c = Config{}.WithDefaults()
		}
		h, err := New(c, deps(g, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range strings.Split(input, between) {
			if i == 20 {
				return
			}
			if r, ok := parseRequest(s); ok {
				fuzzed(t, h, g, r)
			}
		}
	})
}

// fuzzed sends one request and looks at its answer.
func fuzzed(t *testing.T, h *Handler, g *gateway, r *http.Request) {
	t.Helper()
	before := fmt.Sprint(g.states, g.killed, g.draining, g.minted, g.exempted)
	who, refused := h.guard(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	what := r.Method + " " + r.URL.String()
	if refused != nil && guarded(r) && !slices.Contains([]int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusForbidden}, w.Code) {
		t.Errorf("%s without a token: %d", what, w.Code)
	}
	if (refused != nil || who.role != writer) && fmt.Sprint(g.states, g.killed, g.draining, g.minted, g.exempted) != before {
		t.Errorf("%s changed something", what)
	}
	var is *call
	for _, c := range h.calls {
		if _, ok := c.match(r.URL.EscapedPath()); ok && (c.method == r.Method || r.Method == http.MethodHead && c.method == http.MethodGet) {
			is = &c
		}
	}
	probe := is != nil && is.role() == anybody
	if w.Code >= 500 && (!probe || w.Code != http.StatusServiceUnavailable) {
		t.Errorf("%s: %d %s", what, w.Code, w.Body)
	}
	if is != nil && !slices.Contains(is.statuses(), w.Code) && !slices.ContainsFunc(is.about.answers, func(a good) bool { return a.status == w.Code }) {
		t.Errorf("%s: %d is not documented", what, w.Code)
	}
	if w.Code < 400 || probe {
		return
	}
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || p.Instance != "urn:uuid:"+w.Header().Get(requestID) || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %d is no problem: %s", what, w.Code, w.Body)
	}
}
