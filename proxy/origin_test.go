package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
)

func TestAPageInABrowserIsNotBelievedForWhereItRuns(t *testing.T) {
	const page = "https://app.example.com"
	for _, tt := range []struct {
		name    string
		origins []string
		origin  string
		token   bool
		shared  bool
		header  []string
		status  int // of an upload
		reason  string
		cors    string
	}{
		{name: "no browser", status: 200},
		{name: "a page that nobody listed", origin: page, status: 401, reason: "unauthenticated"},
		{name: "with a token", origin: page, token: true, status: 200},
		{name: "where strangers share", origin: page, shared: true, status: 401, reason: "unauthenticated"},
		{name: "behind a peer that proves itself", origin: page, header: []string{PeerSecretHeader, "a-peers-secret"}, status: 200},
		{name: "a listed page", origins: []string{page}, origin: page, status: 200, cors: page},
		{name: "in another case", origins: []string{page}, origin: "HTTPS://App.Example.com", status: 200, cors: "HTTPS://App.Example.com"},
		{name: "another page", origins: []string{page}, origin: "https://evil.example", status: 403, reason: "unauthenticated"},
		{name: "another page with a token", origins: []string{page}, origin: "https://evil.example", token: true, status: 403, reason: "unauthenticated"},
		{name: "no page at all", origins: []string{page}, origin: "null", status: 403, reason: "unauthenticated"},
		{name: "no browser beside a list", origins: []string{page}, status: 200},
		{name: "any page", origins: []string{"*"}, origin: page, status: 401, reason: "unauthenticated", cors: page},
		{name: "any page with a token", origins: []string{"*"}, origin: page, token: true, status: 200, cors: page},
		{name: "a page called *", origins: []string{"*"}, origin: "*", status: 401, reason: "unauthenticated", cors: "*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newSonioxRig(t, rigOptions{config: func(c *Config) {
				c.Identity.Origins = tt.origins
				if tt.origins == nil {
					c.Identity.Origins = []string{}
				}
				c.Identity.PeerSecret = secret.New("a-peers-secret")
				if tt.shared {
					c.Identity.Anonymous = AnonymousShared
				}
			}})
			header, user := append([]string{}, tt.header...), "ann"
			if tt.origin != "" {
				header = append(header, "Origin", tt.origin)
			}
			if tt.token {
				header, user = append(header, "Authorization", "Token "+r.token("ann")), ""
			}
			if tt.shared {
				user = ""
			}
			a := r.upload(user, raw16, zeros(100*bytesPerMS), -1, header...)
			a.wants(t, tt.status, tt.reason)
			if got := a.Header.Get("Access-Control-Allow-Origin"); got != tt.cors {
				t.Errorf("allowed for %q, want %q", got, tt.cors)
			}
			if want := tt.cors != ""; want != strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), "X-Sttgate-Reason") {
				t.Errorf("%v", a.Header)
			}
			if len(tt.origins) > 0 && a.Header.Get("Vary") != "Origin" {
				t.Errorf("Vary: %q", a.Header.Get("Vary"))
			}
			h := http.Header{}
			for i := 0; i < len(header); i += 2 {
				h.Set(header[i], header[i+1])
			}
			c, resp, err := r.dial(user, linear16, h)
			if ok := tt.status == 200; ok != (err == nil) || !ok && resp.StatusCode != tt.status {
				t.Errorf("a stream: %v, %v", err, resp)
			}
			if c != nil {
				c.text(`{"type":"CloseStream"}`)
				c.read()
			}
		})
	}
}

func TestPreflights(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) { c.Identity.Origins = []string{"https://app.example.com"} }})
	ask := func(origin string, more ...string) answer {
		return r.ask(http.MethodOptions, "", "/v1/listen", nil, 0, append([]string{
			"Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "Authorization, content-type,X-Fern-SDK-Name, cookie, x-sttgate-peer-secret",
		}, more...)...)
	}
	a := ask("https://app.example.com", "Access-Control-Request-Private-Network", "true")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Allow-Headers": "authorization, content-type, x-fern-sdk-name",
		"Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, HEAD", "Access-Control-Max-Age": "7200", "Access-Control-Allow-Private-Network": "true",
		"Access-Control-Allow-Credentials": "",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a.StatusCode != 204 || len(a.Header.Values("Vary")) != 2 {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	ask("https://evil.example").wants(t, 403, "unauthenticated")
	if n := len(r.vendor.Uploads()); n != 0 {
		t.Errorf("%d preflights at the vendor", n)
	}
	t.Run("without a list there is no CORS", func(t *testing.T) {
		r := newRig(t, rigOptions{})
		a := r.ask(http.MethodOptions, "", "/v1/listen", nil, 0, "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST")
		a.wants(t, 403, "unauthenticated")
	})
	t.Run("the usage of a caller", func(t *testing.T) {
		a := r.ask(http.MethodGet, "ann", "/sttgate/v1/usage", nil, 0, "Origin", "https://app.example.com")
		if a.StatusCode != 200 || a.Header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%d %v", a.StatusCode, a.Header)
		}
	})
}

func TestAStreamThatRunsTooLongEndsPolitely(t *testing.T) {
	r := newRig(t, rigOptions{config: all(budgetOf(time.Hour), func(c *Config) { c.Limits.StreamDuration = 50 * time.Millisecond })})
	r.restrict("ann")
	c := r.connect("ann", linear16)
	c.send(5, 20)
	texts, closed := c.read()
	if closed.Code != 1009 || closed.Text != "too_large" || texts[len(texts)-1]["variant"] != "too_large" {
		t.Errorf("%v behind %v", closed, texts)
	}
	r.settled()
	if used := r.used("ann"); used != 100 {
		t.Errorf("charged %d ms", used)
	}
}

func TestAStreamMayBeChargedTheVendorsFigure(t *testing.T) {
	r := newRig(t, rigOptions{config: all(budgetOf(time.Hour), func(c *Config) {
		p := c.Providers["deepgram"]
		p.Charge = ChargeReported
		c.Providers["deepgram"] = p
	})})
	r.restrict("ann")
	c := r.connect("ann", linear16+"&multichannel=false")
	c.send(100, 20)
	if err := c.conn.WriteMessage(2, make([]byte, 1)); err != nil { // half a sample: the vendor does not hear it
		t.Fatal(err)
	}
	c.text(`{"type":"CloseStream"}`)
	c.read()
	r.settled()
	if used := r.used("ann"); used != 2000 {
		t.Errorf("charged %d ms of 2000.03 that the vendor calls 2000", used)
	}
}

func TestWhatIsAllowedPassesUnmetered(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) {
		p := c.Providers["deepgram"]
		p.Allow = []string{"GET /fake/totals", "GET /v1/models/*"}
		c.Providers["deepgram"] = p
	}})
	a := r.ask(http.MethodGet, "ann", "/fake/totals?token=CANARY&a=b&sttgate_user=ann", nil, 0)
	a.wants(t, 200, "")
	if !strings.Contains(a.text, `"streams"`) {
		t.Errorf("%s", a.text)
	}
	r.ask(http.MethodGet, "ann", "/deepgram/v1/models/nova", nil, 0).wants(t, 404, "") // the vendor's own
	r.ask(http.MethodGet, "", "/fake/totals", nil, 0).wants(t, 401, "unauthenticated")
	for _, path := range []string{"/v1/models/../projects", "/v1/models//x", "/v1/models/%2e%2e/projects", "/v1/projects", "/fake/totals/"} {
		if a := r.ask(http.MethodGet, "ann", "/deepgram"+path, nil, 0); a.StatusCode != 404 || a.Header.Get("X-Sttgate-Reason") == "" {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.text)
		}
	}
	r.ask(http.MethodPost, "ann", "/deepgram/fake/totals", nil, 0).wants(t, 404, "unsupported")
}
