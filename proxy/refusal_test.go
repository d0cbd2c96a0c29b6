package proxy

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/fake"
	"github.com/sttgate/sttgate/proxy/provider"
)

func body(t *testing.T, resp *http.Response) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		t.Fatalf("the body is not JSON: %v", err)
	}
	return m
}

func TestEveryRefusalHasItsStatusReasonAndBothBodies(t *testing.T) {
	for _, tt := range []struct {
		name, user, path string
		header           http.Header
		config           func(*Config)
		status           int
		reason           provider.Reason
	}{
		{name: "nobody", path: linear16, status: 401, reason: provider.Unauthenticated},
		{name: "bad user", user: "a b", path: linear16, status: 400, reason: provider.BadIdentity},
		{name: "two users", user: "ann", path: linear16 + "&sttgate_user=bob", status: 400, reason: provider.BadIdentity},
		{name: "unknown path", user: "ann", path: "/deepgram/v1/projects", status: 404, reason: provider.Unsupported},
		{name: "grant", user: "ann", path: "/deepgram/v1/auth/grant", status: 404, reason: provider.Unsupported},
		{name: "encoded path", user: "ann", path: "/v1%2flisten?encoding=linear16&sample_rate=16000", status: 404, reason: provider.Unsupported},
		{name: "double slash", user: "ann", path: "/deepgram//v1/listen?encoding=linear16&sample_rate=16000", status: 404, reason: provider.Unsupported},
		{name: "dots", user: "ann", path: "/deepgram/x/../v1/listen?encoding=linear16&sample_rate=16000", status: 404, reason: provider.Unsupported},
		{name: "other vendor's prefix", user: "ann", path: "/deepgram/soniox" + linear16, status: 404, reason: provider.Unsupported},
		{name: "codec", user: "ann", path: "/v1/listen?encoding=vorbis&sample_rate=16000", status: 415, reason: provider.Unsupported},
		{name: "two rates", user: "ann", path: linear16 + "&sample_rate=8000", status: 400, reason: provider.Unsupported},
		{name: "semicolon", user: "ann", path: linear16 + ";encoding=mulaw", status: 400, reason: provider.Unsupported},
		{name: "stranger", user: "ann", path: linear16, config: func(c *Config) { c.Identity.TrustedPeers = c.Identity.TrustedPeers[1:] }, status: 401, reason: provider.Unauthenticated},
		{name: "vendor down", user: "ann", path: linear16, config: vendorAt("http://127.0.0.1:1"), status: 502, reason: provider.UpstreamUnreachable},
		{name: "vendor hangs", user: "ann", path: linear16, config: func(c *Config) {
			c.Limits.DialTimeout = 100 * time.Millisecond
			key(c, fake.Hang)
		}, status: 504, reason: provider.UpstreamTimeout},
		{name: "vendor redirects", user: "ann", path: linear16, config: func(c *Config) { key(c, fake.Redirect) }, status: 502, reason: provider.UpstreamUnreachable},
		{name: "vendor breaks the handshake", user: "ann", path: linear16, config: func(c *Config) { key(c, fake.BadAccept) }, status: 502, reason: provider.UpstreamUnreachable},
		{name: "vendor compresses", user: "ann", path: linear16, config: func(c *Config) { key(c, fake.Extension) }, status: 502, reason: provider.UpstreamUnreachable},
		{name: "vendor picks a subprotocol", user: "ann", path: linear16, config: func(c *Config) { key(c, fake.Subprotocol) }, status: 502, reason: provider.UpstreamUnreachable},
		{name: "headers too large", user: "ann", path: linear16, header: http.Header{"X-Big": {strings.Repeat("x", 32<<10)}}, status: 431},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: tt.config})
			_, resp, err := r.dial(tt.user, tt.path, tt.header)
			if err == nil {
				t.Fatal("it was let in")
			}
			if resp == nil {
				t.Fatalf("no answer: %v", err)
			}
			if resp.StatusCode != tt.status || resp.Header.Get("X-Sttgate-Reason") != string(tt.reason) {
				t.Fatalf("refused with %d %q, want %d %q", resp.StatusCode, resp.Header.Get("X-Sttgate-Reason"), tt.status, tt.reason)
			}
			if tt.reason == "" {
				return // Go's own answer
			}
			m := body(t, resp)
			for _, k := range []string{"type", "title", "status", "detail", "err_code", "err_msg", "request_id"} {
				if v, ok := m[k]; !ok || v == "" {
					t.Errorf("the body has no %s: %v", k, m)
				}
			}
			r.settled()
			if n := len(r.vendor.Streams()); n != 0 {
				t.Errorf("%d streams at the vendor", n)
			}
		})
	}
}

func vendorAt(url string) func(*Config) {
	return func(c *Config) {
		p := c.Providers["deepgram"]
		p.URL = url
		c.Providers["deepgram"] = p
	}
}

func key(c *Config, sc fake.Scenario) {
	p := c.Providers["deepgram"]
	p.Key = secret.New(string(sc))
	c.Providers["deepgram"] = p
}

func TestTheVendorsOwnRefusalPassesUnchangedAndCostsNothing(t *testing.T) {
	for sc, status := range map[fake.Scenario]int{
		fake.Refuse400: 400, fake.Refuse401: 401, fake.Refuse402: 402, fake.Refuse403: 403,
		fake.Refuse429: 429, fake.Refuse500: 500, fake.Refuse503: 503, fake.BigError: 400,
	} {
		t.Run(string(sc), func(t *testing.T) {
			r := newRig(t, rigOptions{config: func(c *Config) {
				budgetOf(time.Minute)(c)
				key(c, sc)
			}})
			r.restrict("ann")
			direct, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.server.config().Providers["deepgram"].URL+linear16, nil)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range map[string]string{
				"Authorization": "Token " + string(sc), "Upgrade": "websocket", "Connection": "Upgrade",
				"Sec-Websocket-Version": "13", "Sec-Websocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
			} {
				direct.Header.Set(k, v)
			}
			through := direct.Clone(t.Context())
			through.URL.Host = r.server.Addr()
			through.Header.Set("X-Sttgate-User", "ann")
			through.Header.Set("Authorization", "Token the-callers-own")
			_, want := answerTo(t, direct)
			resp, got := answerTo(t, through)
			if resp.StatusCode != status || resp.Header.Get("Dg-Error") == "" || resp.Header.Get("Dg-Request-Id") == "" {
				t.Errorf("status %d, header %v", resp.StatusCode, resp.Header)
			}
			if resp.Header.Get("X-Sttgate-Reason") != "" {
				t.Error("the vendor's refusal carries a reason of the gateway's")
			}
			// The vendor gives each answer an id of its own.
			delete(want, "request_id")
			delete(got, "request_id")
			if a, b := asJSON(t, got), asJSON(t, want); a != b {
				t.Errorf("body %s, the vendor's is %s", a, b)
			}
			if used := r.used("ann"); used != 0 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

func answerTo(t *testing.T, req *http.Request) (*http.Response, map[string]any) {
	t.Helper()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp, body(t, resp)
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCapsOnStreams(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config func(*Config)
		status int
	}{
		{"in one gateway", func(c *Config) { c.Limits.Streams = 1 }, 503},
		{"in all gateways", func(c *Config) { c.Limits.StreamsTotal = 1 }, 503},
		{"per user", func(c *Config) { c.Limits.StreamsPerUser = 1 }, 429},
		{"per provider", func(c *Config) {
			p := c.Providers["deepgram"]
			p.MaxStreams = 1
			c.Providers["deepgram"] = p
		}, 429},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: tt.config})
			c := r.connect("ann", linear16)
			_, resp, err := r.dial("ann", linear16, nil)
			if err == nil {
				t.Fatal("one more was let in")
			}
			if resp.StatusCode != tt.status || resp.Header.Get("X-Sttgate-Reason") != "too_many_streams" {
				t.Errorf("refused with %d %s", resp.StatusCode, resp.Header.Get("X-Sttgate-Reason"))
			}
			if n, err := r.server.Users.Running(t.Context(), "ann"); n != 1 || err != nil {
				t.Errorf("%d of ann's streams run, %v", n, err)
			}
			c.text(`{"type":"CloseStream"}`)
			c.read()
			_ = c.conn.Close()
			r.settled()
			r.connect("ann", linear16)
		})
	}
}

func TestAcceptTellsASpentBudgetInBand(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) {
		budgetOf(time.Second)(c)
		c.Budgets[0].OnConnect = policy.Accept
	}})
	r.restrict("bob")
	c := r.connect("bob", linear16)
	c.send(100, 20)
	c.until("Error")
	c = r.connect("bob", linear16)
	texts, closed := c.read()
	if len(texts) != 1 || texts[0]["type"] != "Error" || closed.Code != 1008 {
		t.Errorf("got %v and %v", texts, closed)
	}
	if n := len(r.vendor.Streams()); n != 1 {
		t.Errorf("%d streams at the vendor, want only the first", n)
	}
}

func TestCredentialsOfEveryFormAreSwappedAndTheSubprotocolIsAnswered(t *testing.T) {
	const own = "CANARY-callers-key"
	for _, tt := range []struct {
		name, header, value, answer string
	}{
		{"Token", "Authorization", "Token " + own, ""},
		{"token", "Authorization", "token " + own, ""},
		{"bearer", "Authorization", "bearer " + own, ""},
		{"subprotocol pair", "Sec-WebSocket-Protocol", "token, " + own, "token"},
		{"bearer pair", "Sec-WebSocket-Protocol", "bearer, " + own, "bearer"},
		{"four entries", "Sec-WebSocket-Protocol", "token, " + own + ", x-deepgram-session-id, 712e9474-adb3-4050-89bf-08ebc80e62ff", "token"},
	} {
		for _, injected := range []bool{true, false} {
			name := tt.name + " swapped"
			if !injected {
				name = tt.name + " passed"
			}
			t.Run(name, func(t *testing.T) {
				r := newRig(t, rigOptions{config: func(c *Config) {
					if !injected {
						key(c, "")
					}
				}})
				c, resp, err := r.dial("ann", linear16, http.Header{tt.header: {tt.value}})
				if err != nil {
					t.Fatal(err)
				}
				if got := c.conn.Subprotocol(); got != tt.answer {
					t.Errorf("subprotocol %q, want %q", got, tt.answer)
				}
				if resp.Header.Get("Dg-Request-Id") == "" {
					t.Error("no dg-request-id on the 101")
				}
				c.text(`{"type":"CloseStream"}`)
				c.read()
				rec := r.heard(1)[0]
				want := vendorKey
				if !injected {
					want = own
				}
				if rec.Credential != want {
					t.Errorf("the vendor got credential %q, want %q", rec.Credential, want)
				}
				if leaks := asJSON(t, rec.Header) + rec.Query; injected && strings.Contains(leaks, own) {
					t.Errorf("the caller's credential reached the vendor: %s", leaks)
				}
				if strings.Contains(r.log.String(), own) {
					t.Errorf("the caller's credential is in the log: %s", r.log)
				}
			})
		}
	}
}

func TestWhereClientsConnect(t *testing.T) {
	r := newRig(t, rigOptions{})
	paths := []struct{ user, path string }{
		{"ann", linear16},
		{"ann", "/deepgram" + linear16},
		{"", "/u/ann" + linear16},
		{"", "/u/ann/deepgram" + linear16},
		{"", linear16 + "&sttgate_user=ann"},
		{"", "/u/a%40b.c" + linear16},
		{"ann", "/deepgram" + flux},
	}
	for i, p := range paths {
		c := r.connect(p.user, p.path)
		c.text(`{"type":"CloseStream"}`)
		c.read()
		rec := r.heard(i + 1)[i]
		if !slices.Contains([]string{"/v1/listen", "/v2/listen"}, rec.Path) || strings.Contains(rec.Query, "sttgate") {
			t.Errorf("%s reached the vendor as %s?%s", p.path, rec.Path, rec.Query)
		}
	}
}

func TestUsageTellsCallersTheirOwnBudget(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Minute)})
	r.restrict("bob")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.server.Addr()+"/sttgate/v1/usage", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Sttgate-User", "bob")
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a usageAnswer
	if err := json.Unmarshal(b, &a); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if a.User != "bob" || a.Stage != policy.Restrict || len(a.Budgets) != 1 || a.Budgets[0].Remaining != 60_000 {
		t.Errorf("usage %s", b)
	}
}

func TestEveryReasonHasAStatusAndACloseCode(t *testing.T) {
	for _, reason := range []provider.Reason{
		provider.BudgetExhausted, provider.StageRestrict, provider.TooManyStreams, provider.BreakerOpen, provider.StoreUnavailable,
		provider.Draining, provider.Unauthenticated, provider.BadIdentity, provider.Unsupported, provider.TooLarge,
		provider.UpstreamUnreachable, provider.UpstreamTimeout,
	} {
		d := deny(reason, "")
		if d.Status < 400 || d.Status == http.StatusInternalServerError || d.Code < 1008 || d.Code > 1013 || d.Title == "" {
			t.Errorf("%s: %+v", reason, d)
		}
	}
	if websocket.CloseServiceRestart != verdictOf(provider.Draining).code {
		t.Error("a drain does not say that the service restarts")
	}
}
