package proxy

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/fake"
)

// change puts another config into force, with the rules that are.
func (r *rig) change(edit func(*Config)) {
	r.t.Helper()
	if err := r.changed(edit); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) changed(edit func(*Config)) error {
	c := r.server.config()
	// What a config points to belongs to the setup in force.
	c.Providers, c.Budgets = maps.Clone(c.Providers), slices.Clone(c.Budgets)
	edit(&c)
	return r.server.Follow(c, r.server.Users.gate.rules.Load().Policy)
}

// follow puts other rules into force.
func (r *rig) follow(p policy.Config) {
	r.t.Helper()
	if err := r.server.Follow(r.server.config(), p); err != nil {
		r.t.Fatal(err)
	}
}

// refusedWith tries to stream.
func (r *rig) refusedWith(user string) (status int, reason string) {
	r.t.Helper()
	c, resp, err := r.dial(user, linear16, nil)
	if err == nil {
		_ = c.conn.Close()
		return 101, ""
	}
	if resp == nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("X-Sttgate-Reason")
}

func TestLimitsThatAreSetWhileStreamsRunCountThem(t *testing.T) {
	for name, tt := range map[string]struct {
		edit   func(c *Config, most int)
		status int
	}{
		"streams":          {func(c *Config, most int) { c.Limits.Streams = max(most, 1) }, 503},
		"streams_per_user": {func(c *Config, most int) { c.Limits.StreamsPerUser = most }, 429},
		"streams_total":    {func(c *Config, most int) { c.Limits.StreamsTotal = most }, 503},
		"max_streams": {func(c *Config, most int) {
			p := c.Providers["deepgram"]
			p.MaxStreams = most
			c.Providers["deepgram"] = p
		}, 429},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{})
			running := []*client{r.connect("ann", linear16), r.connect("ann", linear16)}
			r.change(func(c *Config) { tt.edit(c, 2) })
			if status, reason := r.refusedWith("ann"); status != tt.status || reason != "too_many_streams" {
				t.Errorf("a third stream under a limit of two: %d %s, want %d", status, reason, tt.status)
			}
			for _, c := range running { // nobody is cut off by a lower limit
				c.send(5, 20)
			}
			r.change(func(c *Config) { tt.edit(c, 3) })
			r.connect("ann", linear16)
			if status, _ := r.refusedWith("ann"); status != tt.status {
				t.Errorf("a fourth stream under a limit of three: %d", status)
			}
		})
	}
}

func TestAnotherConfigHoldsForWhatBeginsThen(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) { c.Identity.Tokens.Secret = secret.New(strings.Repeat("s", 32)) }})
	old := r.token("ann")
	running := r.connect("ann", linear16)
	running.send(1, 20)

	r.change(func(c *Config) {
		p := c.Providers["deepgram"]
		p.Key, p.Allow = secret.New(vendorKey+"-rotated"), []string{"GET /v1/projects"}
		c.Providers["deepgram"] = p
		c.Identity.Tokens.Secret = secret.New(strings.Repeat("n", 32))
		c.Limits.UploadBytes, c.Limits.MessageBytes, c.Limits.DialTimeout = 2048, 2048, hang
		c.Meter.Unmeasured, c.Refuse.RetryAfter = UnmeasuredVendor, false
	})
	if !r.server.Users.gate.unmeasured() {
		t.Error("meter.unmeasured does not follow")
	}
	bearer := func(tok string) int {
		return r.ask(http.MethodGet, "", "/sttgate/v1/usage", nil, 0, "Authorization", "Bearer "+tok, "X-Forwarded-For", "192.0.2.1").StatusCode
	}
	if a, b := bearer(old), bearer(r.token("ann")); a == 200 || b != 200 {
		t.Errorf("a token of the old secret: %d, of the new one: %d", a, b)
	}
	if m := r.server.Minter(); m == nil {
		t.Error("nobody mints tokens")
	}
	r.upload("ann", raw16, strings.NewReader(strings.Repeat("a", 4096)), 4096).wants(t, 413, "too_large")

	second := r.connect("ann", linear16)
	second.send(1, 100) // 3200 bytes
	if _, closed := second.read(); closed.Code != 1009 {
		t.Errorf("a message beyond the new limit: %v", closed)
	}
	running.send(1, 100) // the old stream keeps what it began with
	running.text(`{"type":"CloseStream"}`)
	if _, closed := running.read(); closed.Code != 1000 {
		t.Errorf("the stream that ran ended with %v", closed)
	}
	for i, rec := range r.heard(2) {
		if got := rec.Header.Get("Authorization"); strings.HasSuffix(got, "-rotated") != (i == 1) {
			t.Errorf("stream %d was authorized with %q", i, got)
		}
	}
}

func TestAConfigThatCannotBeIsRefusedWhole(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Minute)})
	before := r.server.now.Load()
	for name, edit := range map[string]func(*Config){
		"a limit":         func(c *Config) { c.Limits.Streams = 0 },
		"a window":        func(c *Config) { c.Budgets[0].Window = "never" },
		"a token secret":  func(c *Config) { c.Identity.Tokens.Secret = secret.New("short") },
		"an address":      func(c *Config) { c.Identity.TrustedPeers = []netip.Prefix{{}} },
		"a vendor's URL":  func(c *Config) { c.Providers["deepgram"] = ProviderConfig{URL: "ftp://x"} },
		"unknown vendors": func(c *Config) { c.Providers["acme"] = ProviderConfig{URL: "https://x"} },
	} {
		if err := r.changed(edit); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if r.server.now.Load() != before {
			t.Errorf("%s: something changed", name)
		}
	}
	r.change(func(c *Config) { c.Listen, c.Limits.HeaderTimeout = "127.0.0.1:1", time.Second })
	if c := r.server.config(); c.Listen != "127.0.0.1:0" || c.Limits.HeaderTimeout != 2*hang {
		t.Errorf("what only a start can change shows as changed: %s, %s", c.Listen, c.Limits.HeaderTimeout)
	}
}

// TestALoweredBudgetStopsARunningStreamWithinALease counts audio instead of time: what passes after the change is at most
// the lease in hand.
func TestALoweredBudgetStopsARunningStreamWithinALease(t *testing.T) {
	const slice = time.Second
	r := newRig(t, rigOptions{config: budgetOf(time.Hour), slice: slice, fake: fake.Options{}})
	r.restrict("bob")
	c := r.connect("bob", linear16)
	r.feed(c, 3000)
	at := r.server.Streams.List()[0].Progress().Forwarded
	r.change(func(c *Config) { c.Budgets[0].Limit = 2 * time.Second })
	if l := r.limits("bob"); l.Budgets[0].Limit != 2000 {
		t.Errorf("the limits say %d ms", l.Budgets[0].Limit)
	}
	st := r.server.Streams.List()[0]
	for st.Progress().Dropped == 0 {
		c.send(10, 20)
	}
	if over := st.Progress().Forwarded - at; over > slice+slice/3 { // the lease in hand, and the one that was bought when a third of it was left
		t.Errorf("%s passed after the limit was lowered, a lease is %s", over, slice)
	}
	used := r.used("bob")
	r.change(func(c *Config) { c.Budgets[0].Limit = time.Hour })
	r.feed(c, used+2000)
	if now := r.used("bob"); now < used {
		t.Errorf("a changed limit took %d ms of what was used to %d", used, now)
	}
}

func (r *rig) limits(user string) (a limitsAnswer) {
	r.t.Helper()
	got := r.ask(http.MethodGet, user, "/sttgate/v1/limits", nil, 0)
	got.wants(r.t, 200, "")
	if err := json.Unmarshal([]byte(got.text), &a); err != nil {
		r.t.Fatalf("%v: %s", err, got.text)
	}
	return a
}
