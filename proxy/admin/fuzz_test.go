package admin

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
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

// counted is the gateway that stands in, and how often it was asked to change something.
type counted struct {
	*gateway
	calls int
	log   strings.Builder
}

func (c *counted) SetStage(ctx context.Context, id string, ch StageChange) (before, after State, err error) {
	c.calls++
	return c.gateway.SetStage(ctx, id, ch)
}

func (c *counted) Reset(ctx context.Context, id string, ch StageChange) (before, after State, err error) {
	c.calls++
	return c.gateway.Reset(ctx, id, ch)
}

func (c *counted) Exempt(ctx context.Context, id string, on bool, ch StageChange) (before, after State, err error) {
	c.calls++
	return c.gateway.Exempt(ctx, id, on, ch)
}

func (c *counted) Resolve(ctx context.Context, id, ref string, ch StageChange) error {
	c.calls++
	return c.gateway.Resolve(ctx, id, ref, ch)
}

func (c *counted) Grant(ctx context.Context, id string, g Grant) (Granted, error) {
	c.calls++
	return c.gateway.Grant(ctx, id, g)
}

func (c *counted) Kill(id string) bool {
	c.calls++
	return c.gateway.Kill(id)
}

func (c *counted) Drain() {
	c.calls++
	c.gateway.Drain()
}

func (c *counted) Mint(user, plan string, ttl time.Duration, at time.Time) (string, error) {
	c.calls++
	return c.gateway.Mint(user, plan, ttl, at)
}

func (c *counted) Reload() (before string, d ConfigDiff, err error) {
	c.calls++
	return c.gateway.Reload()
}

// audits is how many audit lines there are.
func (c *counted) audits() int { return strings.Count(c.log.String(), `"msg":"audit"`) }

// handler serves it under a config. It is made once: its document takes longer than a hundred requests.
func (c *counted) handler(f *testing.F, conf Config) *Handler {
	f.Helper()
	d := deps(c.gateway, &c.log)
	d.Users, d.Policy, d.Streams, d.Drainer, d.Configs, d.Minter = c, c, c, c, c, c
	h, err := New(conf.WithDefaults(), d)
	if err != nil {
		f.Fatal(err)
	}
	return h
}

// fresh forgets everything.
func (c *counted) fresh(h *Handler) {
	*c.gateway, c.calls = gateway{}, 0 //nolint:govet // nobody holds its lock between two inputs
	c.log.Reset()
	twoStreams(stand{gateway: c.gateway})
	h.strikes = newStrikes(now)
}

// whose is what Authorization a whole input has, so that what the fuzzer changes does not only ever hit the token.
func whose(r *http.Request, who uint8) {
	switch who % 4 {
	case 1:
		r.Header.Set("Authorization", "Bearer "+token)
	case 2:
		r.Header.Set("Authorization", "Bearer "+readToken)
	case 3:
		r.Header.Del("Authorization")
	}
}

// FuzzAPI sends sequences of requests to a handler with its state in memory. Whatever they are:
//
//   - nothing panics, and nothing answers 5xx while nothing is broken;
//   - every status is one that the document has for the call, or that a path or a method gets that is not there;
//   - every error is a problem with the id of its answer;
//   - without a good token the API says 401 or 429 alone, and with the one that only looks nothing is changed, or even asked for;
//   - a change that was made is one audit line, whatever was not is none.
func FuzzAPI(f *testing.F) {
	for _, x := range exercises() {
		for _, body := range []string{x.body, x.bad, x.missing} {
			for who := range uint8(4) {
				f.Add(x.method+" "+x.path+"\nAuthorization: Bearer "+token+"\n\n"+body, false, who)
			}
			f.Add(x.method+" "+x.path+"\n\n"+body, true, uint8(0))
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT"} {
			f.Add(method+" "+x.path+"\n\n"+x.body, false, uint8(1))
		}
	}
	f.Add("PUT /admin/v1/users/a/stage\n\n{\"stage\":\"restrict\",\"reason\":\"r\"}"+between+"GET /admin/v1/users/a\n\n"+between+"DELETE /admin/v1/streams/s-1\n\n", true, uint8(0))
	f.Add("POST /admin/v1/drain\nAuthorization: Bearer "+readToken+"\n\n", false, uint8(0))
	f.Add("POST /admin/v1/users/alice/grants\nIdempotency-Key: again\n\n{\"budget\":\"deepgram-daily\",\"milliseconds\":-1,\"reason\":\"r\"}", false, uint8(1))
	f.Add("GET /admin/v1/streams?cursor=MTcwMCBzLTE\nHost: x\n\n", true, uint8(0))
	f.Add("POST /%61dmin/v1/drain\n\n"+between+"POST /admin//v1/drain\n\n"+between+"POST /admin/v1/../v1/drain\n\n", false, uint8(3))
	g := &counted{gateway: &gateway{}}
	closed, open := g.handler(f, Config{Token: secretToken, ReadToken: secretReadToken}), g.handler(f, Config{})
	f.Fuzz(func(t *testing.T, input string, anybodys bool, who uint8) {
		h := closed
		if anybodys {
			h = open
		}
		g.fresh(h)
		for i, s := range strings.Split(input, between) {
			if i == 20 {
				return
			}
			if r, ok := parseRequest(s); ok {
				whose(r, who)
				fuzzed(t, h, g, r)
			}
		}
	})
}

// fuzzed sends one request and looks at its answer.
func fuzzed(t *testing.T, h *Handler, g *counted, r *http.Request) {
	t.Helper()
	calls, audits := g.calls, g.audits()
	who, refused := h.guard(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	what := r.Method + " " + r.URL.String()
	if refused != nil && guarded(r) && !slices.Contains([]int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusForbidden}, w.Code) {
		t.Errorf("%s without a token: %d", what, w.Code)
	}
	if (refused != nil || who.role != writer) && g.calls != calls {
		t.Errorf("%s asked for a change", what)
	}
	var is *call
	for _, c := range h.calls {
		if _, ok := c.match(r.URL.EscapedPath()); ok && (c.method == r.Method || r.Method == http.MethodHead && c.method == http.MethodGet) {
			is = &c
		}
	}
	changed := is != nil && is.role() == writer && !is.about.pure && w.Code < 300
	if want := map[bool]int{true: 1}[changed]; g.audits()-audits != want || changed && g.calls == calls {
		t.Errorf("%s: %d, with %d audit lines, want %d", what, w.Code, g.audits()-audits, want)
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
