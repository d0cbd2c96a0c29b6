package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/config/secret"
)

const token = "admin-t0k3n-c4n4ry"

const readToken = "look-t0k3n-c4n4ry"

var secretToken, secretReadToken = secret.New(token), secret.New(readToken)

func now() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// gateway stands in for what cmd wires: all the interfaces, in memory. The next error
// of errs is returned instead of an answer.
type gateway struct {
	mu       sync.Mutex
	states   map[string]State
	list     []Stream
	killed   []string
	errs     []error
	draining bool
	live     error
	started  error
	ready    []Check
	minted   []string
	exempted []string
}

func (g *gateway) fault() error {
	if len(g.errs) == 0 {
		return nil
	}
	err := g.errs[0]
	g.errs = g.errs[1:]
	return err
}

func (g *gateway) state(id string) State {
	if s, ok := g.states[id]; ok {
		return s
	}
	return State{Stage: "none"}
}

func (g *gateway) User(_ context.Context, id string) (User, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fault(); err != nil {
		return User{}, err
	}
	u := User{Events: []Event{
		{At: now().Add(-2 * time.Hour), From: "none", To: "warning", Cause: "cap", Case: "FU-00A1B2C3D4E5"},
		{At: now().Add(-time.Hour), From: "warning", To: "restrict", Cause: "manual", By: "admin:loopback", Reason: "resells"},
	}, ID: id, State: g.state(id), At: now().In(time.FixedZone("X", 3600))}
	if id == "alice" {
		u.Usage = []Usage{{24 * time.Hour, 90_000}, {72 * time.Hour, 120_000}, {168 * time.Hour, 7_200_000}}
		u.Budgets = []Budget{
			{Budget: "deepgram-daily", Per: "user", Window: "day", Limit: 1_800_000, Used: 90_000, Remaining: 1_710_000, Resets: now().Add(12 * time.Hour)},
			{Budget: "trial", Per: "user", Window: "24h", Limit: 60_000, Used: 90_000, Shadow: true},
			{Budget: "house", Per: "provider", Provider: "deepgram", Window: "day", Limit: 7_200_000, Used: 7_200_000, Resets: now().Add(12 * time.Hour)},
		}
	}
	return u, nil
}

func (g *gateway) SetStage(_ context.Context, id string, c StageChange) (before, after State, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fault(); err != nil {
		return State{}, State{}, err
	}
	before = g.state(id)
	after = State{Stage: c.Stage, Since: now(), Until: c.Until, Reason: c.Reason, By: c.By}
	if g.states == nil {
		g.states = map[string]State{}
	}
	g.states[id] = after
	return before, after, nil
}

func (g *gateway) List() []Stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Stream(nil), g.list...)
}

func (g *gateway) Detail(s *Stream) {
	s.Mode, s.Stage, s.Plan, s.Variant, s.Charged = "stream", "none", "pro", "v1", s.Forwarded
	if s.User == "alice" {
		s.Budget, s.Left = "deepgram-daily", 421_000
	}
}

func (g *gateway) Figures(context.Context) Figured {
	return Figured{
		Instance: "gate-0", Started: now().Add(-time.Hour).In(time.FixedZone("X", 3600)),
		Totals:  Totals{Forwarded: 3_060_000, Dropped: 20, Charged: 1000, Results: map[string]int64{"ok": 3, "budget_exhausted": 2}, Refusals: map[string]int64{"budget_exhausted": 2}},
		Users:   StageCounts{Stages: map[string]int64{"throttle": 1}, Exempt: 1, Whole: true, At: now()},
		Vendors: []VendorHealth{{Provider: "deepgram", State: "failing", Failure: "5xx", At: now(), Seen: 5, Failed: 1, Median: 80_000, P99: 120_000}, {Provider: "soniox", State: "unknown"}},
		Store:   StoreHealth{Kind: "redis", Up: true, Errors: map[string]int64{"timeout": 1}, Leases: 40, Median: 500, P99: 2500},
	}
}

func (g *gateway) Kill(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.list {
		if s.ID == id {
			g.killed = append(g.killed, id)
			return true
		}
	}
	return false
}

func (g *gateway) Draining() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining
}

func (g *gateway) Drain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.draining = true
}

func (g *gateway) Mint(user, plan string, ttl time.Duration, at time.Time) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fault(); err != nil {
		return "", err
	}
	tok := strings.Join([]string{"minted-c4n4ry", user, plan, ttl.String(), at.Format(time.RFC3339)}, "|")
	g.minted = append(g.minted, tok)
	return tok, nil
}

func (g *gateway) InForce() ConfigView {
	return ConfigView{
		Hash: "abc123", File: "gate.yaml", Loaded: now().Add(-time.Hour).In(time.FixedZone("X", 3600)), By: "start",
		Last:    ConfigAttempt{At: now(), By: "file", Faults: ConfigFaults{{File: "gate.yaml", Line: 3, Key: "limits.streams", What: "must be a whole number"}}},
		Restart: []ConfigChange{{Key: "listen", From: "127.0.0.1:1", To: "127.0.0.1:2"}},
		Values: []ConfigValue{
			{"listen", "127.0.0.1:1", "gate.yaml:1"},
			{"limits.streams", 100, "env STTGATE_LIMITS_STREAMS"},
			{"providers.deepgram.key", "***", "gate.yaml:2 via env:KEY"},
			{"identity.path", true, "default"},
			{"policy.exempt_users", []string{"ann"}, "gate.yaml:4"},
		},
	}
}

func (g *gateway) Standing() ConfigStanding {
	return ConfigStanding{
		Hash: "abc123", Loaded: now().Add(-time.Hour).In(time.FixedZone("X", 3600)), By: "start",
		Last: ConfigOutcome{At: now(), By: "file", Fault: "gate.yaml:3: limits.streams: must be a whole number", Faults: 1},
	}
}

func (g *gateway) Try(contents []byte) (ConfigDiff, error) {
	if strings.Contains(string(contents), "bad") {
		return ConfigDiff{}, ConfigFaults{{File: "gate.yaml", Line: 1, Key: "bad", What: "unknown key"}}
	}
	return ConfigDiff{Hash: "def456", Changes: []ConfigChange{{Key: "budgets[trial]", To: "{name: trial}"}}}, nil
}

func (g *gateway) Reload() (before string, d ConfigDiff, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fault(); err != nil {
		return "abc123", ConfigDiff{}, err
	}
	return "abc123", ConfigDiff{Hash: "def456", Changes: []ConfigChange{{Key: "limits.streams", From: "100", To: "200"}}, Restart: []ConfigChange{{Key: "listen", From: "a", To: "b"}}}, nil
}

func (g *gateway) Live() error                   { return g.live }
func (g *gateway) Started() error                { return g.started }
func (g *gateway) Ready(context.Context) []Check { return g.ready }

// stand is a handler behind a real socket.
type stand struct {
	*gateway
	url     string
	log     *lockedBuffer
	handler *Handler
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// lines returns the log's lines with this message.
func (l *lockedBuffer) lines(t *testing.T, msg string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(l.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("log line is not JSON: %q", line)
		}
		if m["msg"] == msg {
			out = append(out, m)
		}
	}
	return out
}

type option func(*Config, *Deps)

func open(c *Config, _ *Deps)          { c.Token = secret.Value{} }
func withReader(c *Config, _ *Deps)    { c.ReadToken = secretReadToken }
func withoutMinter(_ *Config, d *Deps) { d.Minter = nil }

func deps(g *gateway, log io.Writer) Deps {
	reg := prometheus.NewRegistry()
	up := prometheus.NewGauge(prometheus.GaugeOpts{Name: "sttgate_store_up", Help: "Whether the store answers."})
	up.Set(1)
	reg.MustRegister(up)
	return Deps{
		Users: g, Policy: g, Streams: g, Figures: g, Drainer: g, Configs: g, Health: g, Minter: g, Metrics: reg,
		Log:     slog.New(slog.NewJSONHandler(log, nil)),
		Stages:  []string{"none", "warning", "throttle", "restrict"},
		Vendors: []string{"deepgram", "soniox", "speechmatics"},
		Version: Version{Version: "1.2.3", Commit: "abc", Go: "go1.26"},
		Now:     now,
	}
}

func handler(t *testing.T) *Handler {
	t.Helper()
	h, err := New(Config{Token: secretToken}.WithDefaults(), deps(&gateway{}, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func serve(t *testing.T, opts ...option) stand {
	t.Helper()
	g, log := &gateway{}, &lockedBuffer{}
	c, d := Config{Token: secretToken}.WithDefaults(), deps(g, log)
	for _, o := range opts {
		o(&c, &d)
	}
	h, err := New(c, d)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.Close()
		if strings.Contains(log.String(), "c4n4ry") {
			t.Errorf("the log holds a token: %s", log)
		}
	})
	return stand{g, s.URL, log, h}
}

type answer struct {
	*http.Response
	body string
}

// do sends a request with the good token, unless header sets Authorization; an empty
// value takes a header away.
func (s stand) do(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		switch {
		case header[i] == "Host":
			req.Host = header[i+1]
		case header[i+1] == "":
			req.Header.Del(header[i])
		default:
			req.Header.Set(header[i], header[i+1])
		}
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{res, string(b)}
	a.keepsContract(t)
	return a
}

// wantProblem checks an RFC 9457 answer.
func (a answer) wantProblem(t *testing.T, status int, says string) {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%d with a body that is not JSON: %q", a.StatusCode, a.body)
	}
	if a.StatusCode != status || p.Status != status || p.Type != "about:blank" || p.Instance != "urn:uuid:"+a.Header.Get("X-Request-ID") || p.Title != http.StatusText(status) {
		t.Errorf("got %d %+v, want %d", a.StatusCode, p, status)
	}
	if a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("content type %q", a.Header.Get("Content-Type"))
	}
	if !strings.Contains(p.Detail, says) {
		t.Errorf("detail %q does not say %q", p.Detail, says)
	}
	if strings.Contains(a.body, "c4n4ry") {
		t.Errorf("the answer holds a secret: %s", a.body)
	}
}

var errInside = errors.New("bolt at 10.1.2.3 c0rrupt")

func (a answer) decode(t *testing.T, into any) {
	t.Helper()
	if a.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", a.Status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		t.Fatal(err)
	}
}
