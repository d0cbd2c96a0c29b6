package admin

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestProbesTellTheStateOfTheGateway(t *testing.T) {
	down := errors.New("dial tcp 10.1.2.3:6379: refused\nsecond line")
	tests := []struct {
		name                  string
		set                   func(*gateway)
		live, started, ready  int
		verbose, verboseByOps string // of /readyz
	}{
		{"well", func(*gateway) {}, 200, 200, 200, "[+]startup ok\n[+]drain ok\nok\n", "[+]startup ok\n[+]drain ok\nok\n"},
		{
			"starting", func(g *gateway) { g.started = errors.New("opening the store") }, 200, 503, 503,
			"[-]startup failed: reason withheld\n[+]drain ok\nnot ok\n", "[-]startup failed: opening the store\n[+]drain ok\nnot ok\n",
		},
		{
			"draining", func(g *gateway) { g.draining = true }, 200, 200, 503,
			"[+]startup ok\n[-]drain failed: reason withheld\nnot ok\n", "[+]startup ok\n[-]drain failed: draining: new streams are refused\nnot ok\n",
		},
		{
			"without its store", func(g *gateway) { g.ready = []Check{{"store", down}} }, 200, 200, 503,
			"[+]startup ok\n[+]drain ok\n[-]store failed: reason withheld\nnot ok\n",
			"[+]startup ok\n[+]drain ok\n[-]store failed: dial tcp 10.1.2.3:6379: refused; second line\nnot ok\n",
		},
		{
			"with its store", func(g *gateway) { g.ready = []Check{{"store", nil}} }, 200, 200, 200,
			"[+]startup ok\n[+]drain ok\n[+]store ok\nok\n", "[+]startup ok\n[+]drain ok\n[+]store ok\nok\n",
		},
		{
			"stuck", func(g *gateway) { g.live = errors.New("stuck") }, 503, 200, 200,
			"[+]startup ok\n[+]drain ok\nok\n", "[+]startup ok\n[+]drain ok\nok\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t)
			tt.set(s.gateway)
			for path, want := range map[string]int{"/livez": tt.live, "/startupz": tt.started, "/readyz": tt.ready} {
				a := s.do(t, "GET", path, "", "Authorization", "")
				text := map[bool]string{true: "ok\n", false: "not ok\n"}[want == 200]
				if a.StatusCode != want || a.body != text {
					t.Errorf("%s: %d %q, want %d %q", path, a.StatusCode, a.body, want, text)
				}
			}
			if got := s.do(t, "GET", "/readyz?verbose", "", "Authorization", "").body; got != tt.verbose {
				t.Errorf("verbose for anybody: %q", got)
			}
			if got := s.do(t, "GET", "/readyz?verbose", "").body; got != tt.verboseByOps {
				t.Errorf("verbose for the operator: %q", got)
			}
		})
	}
}

func TestMetricsComeInBothFormats(t *testing.T) {
	s := serve(t)
	a := s.do(t, "GET", "/metrics", "", "Accept", "application/openmetrics-text; version=1.0.0")
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/openmetrics-text") || !strings.HasSuffix(a.body, "# EOF\n") {
		t.Errorf("got %q: %s", a.Header.Get("Content-Type"), a.body)
	}
	if a := s.do(t, "GET", "/metrics", ""); !strings.Contains(a.body, "sttgate_store_up 1\n") {
		t.Errorf("got %s", a.body)
	}
}

func TestWrongMethodIs405WithAllow(t *testing.T) {
	for call, allow := range map[string]string{
		"POST /livez":                      "GET, HEAD",
		"DELETE /metrics":                  "GET, HEAD",
		"POST /version":                    "GET, HEAD",
		"DELETE /admin/v1/users/alice":     "GET, HEAD",
		"POST /admin/v1/users/alice/stage": "PUT",
		"GET /admin/v1/users/alice/stage":  "PUT",
		"HEAD /admin/v1/drain":             "POST",
		"GET /admin/v1/tokens":             "POST",
		"POST /admin/v1/streams":           "GET, HEAD",
		"GET /admin/v1/streams/s-1":        "DELETE",
		"OPTIONS /admin/v1/streams":        "GET, HEAD",
		"get /admin/v1/streams":            "GET, HEAD",
	} {
		method, path, _ := strings.Cut(call, " ")
		a := serve(t).do(t, method, path, "", "X-Http-Method-Override", "PUT")
		if a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != allow {
			t.Errorf("%s: %s, Allow %q", call, a.Status, a.Header.Get("Allow"))
		}
	}
}

func TestOtherPathsAre404AndNeverARedirect(t *testing.T) {
	for _, path := range []string{
		"/nothing", "/dashboard/", "/dashboard/..%2fdeps.go", "/dashboard/main.js/", "/index.html", "/livez/", "//livez", "/admin", "/admin/v1", "/admin/v1/", "/admin/v1//users/alice",
		"/admin/v1/users/alice/", "/admin/v1/users/alice/../bob", "/admin/v2/streams", "/debug/pprof/", "/v1/listen",
	} {
		serve(t).do(t, "GET", path, "").wantProblem(t, http.StatusNotFound, "nothing")
	}
}
