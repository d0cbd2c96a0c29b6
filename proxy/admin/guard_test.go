package admin

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/config/secret"
)

// paths are one of each call of the API, and what is none.
func apiPaths() []string {
	return []string{
		"GET /admin/v1/users/alice", "PUT /admin/v1/users/alice/stage", "GET /admin/v1/streams", "DELETE /admin/v1/streams/s-1",
		"POST /admin/v1/drain", "POST /admin/v1/tokens", "GET /admin/v1/nothing", "GET /admin/v1", "GET /admin/v1/",
		"GET /%61dmin/v1/streams", "GET /admin%2Fv1/streams", "PATCH /admin/v1/drain",
	}
}

func TestWithoutTheTokenEveryCallIs401(t *testing.T) {
	for name, header := range map[string]string{
		"nothing":              "",
		"another token":        "Bearer wrong-c4n4ry",
		"a longer one":         "Bearer " + token + "x",
		"a shorter one":        "Bearer " + token[:len(token)-1],
		"no scheme":            token,
		"another scheme":       "Basic " + token,
		"an empty one":         "Bearer ",
		"two in one line":      "Bearer " + token + ", Bearer " + token,
		"the token's own hash": "Bearer token:0",
	} {
		t.Run(name, func(t *testing.T) {
			for _, call := range apiPaths() {
				s := serve(t)
				method, path, _ := strings.Cut(call, " ")
				a := s.do(t, method, path, "{}", "Authorization", header)
				a.wantProblem(t, http.StatusUnauthorized, "admin.token")
				if a.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s: no WWW-Authenticate", call)
				}
				if s.draining || len(s.killed)+len(s.minted)+len(s.states) > 0 || len(s.log.lines(t, "audit")) > 0 {
					t.Errorf("%s: something was changed", call)
				}
			}
		})
	}
}

func TestTwoAuthorizationLinesAreNoToken(t *testing.T) {
	s := serve(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/admin/v1/streams", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = []string{"Bearer " + token, "Bearer " + token}
	req.Close = true
	res, err := (&http.Transport{}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %s", res.Status)
	}
}

func TestTokenSchemeHasAnyCase(t *testing.T) {
	if a := serve(t).do(t, "GET", "/admin/v1/streams", "", "Authorization", "bEARER "+token); a.StatusCode != http.StatusOK {
		t.Errorf("got %s", a.Status)
	}
}

func TestTokenWorksUnderAnyHostName(t *testing.T) {
	a := serve(t).do(t, "GET", "/admin/v1/streams", "", "Host", "sttgate.svc.cluster.local", "Origin", "https://dashboards.example")
	if a.StatusCode != http.StatusOK {
		t.Errorf("got %s", a.Status)
	}
}

func TestWithoutATokenOnlyThisMachineAndNoForeignPage(t *testing.T) {
	tests := []struct {
		name   string
		header []string
		status int
	}{
		{"a program", nil, 200},
		{"localhost", []string{"Host", "localhost:9090"}, 200},
		{"LOCALHOST", []string{"Host", "LOCALHOST"}, 200},
		{"IPv6", []string{"Host", "[::1]:9090"}, 200},
		{"IPv6 without port", []string{"Host", "[::1]"}, 200},
		{"a typed address in a browser", []string{"Host", "127.0.0.1:9090", "Sec-Fetch-Site", "none"}, 200},
		{"our own page", []string{"Host", "127.0.0.1:9090", "Origin", "http://127.0.0.1:9090", "Sec-Fetch-Site", "same-origin"}, 200},
		{"a rebound name", []string{"Host", "evil.example"}, 403},
		{"a rebound name that looks like ours", []string{"Host", "localhost.evil.example:9090"}, 403},
		{"a rebound name that looks like an address", []string{"Host", "127.0.0.1.nip.example"}, 403},
		{"a rebound name, same origin", []string{"Host", "evil.example:9090", "Origin", "http://evil.example:9090", "Sec-Fetch-Site", "same-origin"}, 403},
		{"a foreign page", []string{"Origin", "https://evil.example"}, 403},
		{"a page on another port", []string{"Host", "localhost:9090", "Origin", "http://localhost:3000"}, 403},
		{"a sandboxed page", []string{"Origin", "null"}, 403},
		{"an extension", []string{"Host", "localhost:9090", "Origin", "chrome-extension://localhost:9090"}, 403},
		{"a form on a foreign page", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a sister site", []string{"Sec-Fetch-Site", "same-site"}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, open)
			a := s.do(t, "GET", "/admin/v1/streams", "", append([]string{"Authorization", ""}, tt.header...)...)
			if a.StatusCode != tt.status {
				t.Errorf("got %s: %s", a.Status, a.body)
			}
			drain := s.do(t, "POST", "/admin/v1/drain", "", append([]string{"Authorization", ""}, tt.header...)...)
			if s.Draining() != (tt.status == 200) {
				t.Errorf("POST answers %s and draining is %v", drain.Status, s.Draining())
			}
			// Probes and metrics are for whoever reaches the port.
			for _, path := range []string{"/livez", "/readyz", "/startupz", "/metrics", "/version"} {
				if a := s.do(t, "GET", path, "", tt.header...); a.StatusCode == http.StatusForbidden {
					t.Errorf("%s answers %s", path, a.Status)
				}
			}
		})
	}
}

func TestEmptyHostIsNotThisMachine(t *testing.T) {
	s := serve(t, open)
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("GET /admin/v1/streams HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 12)
	if _, err := c.Read(b); err != nil || string(b) != "HTTP/1.0 403" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestRefusalIsLoggedWithoutTheToken(t *testing.T) {
	s := serve(t)
	s.do(t, "GET", "/admin/v1/streams", "", "Authorization", "Bearer wrong-c4n4ry")
	if n := len(s.log.lines(t, "admin request refused")); n != 1 {
		t.Errorf("%d lines: %s", n, s.log)
	}
}

func TestConfigThatIsUnsafeOrIncompleteIsRefused(t *testing.T) {
	for name, change := range map[string]option{
		"open to the world without token": func(c *Config, _ *Deps) { c.Listen, c.Token = "0.0.0.0:9090", secret.Value{} },
		"no users":                        func(_ *Config, d *Deps) { d.Users = nil },
		"no streams":                      func(_ *Config, d *Deps) { d.Streams = nil },
		"no drainer":                      func(_ *Config, d *Deps) { d.Drainer = nil },
		"no health":                       func(_ *Config, d *Deps) { d.Health = nil },
		"no metrics":                      func(_ *Config, d *Deps) { d.Metrics = nil },
		"no log":                          func(_ *Config, d *Deps) { d.Log = nil },
		"no stages":                       func(_ *Config, d *Deps) { d.Stages = nil },
	} {
		c, d := Config{Token: secret.New(token)}.WithDefaults(), deps(&gateway{}, &lockedBuffer{})
		change(&c, &d)
		if _, err := New(c, d); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
