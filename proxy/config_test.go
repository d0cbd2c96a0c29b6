package proxy

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

func TestEveryVendorOfThisBuildHasADefault(t *testing.T) {
	var names []string
	for _, p := range provider.Builtin() {
		names = append(names, p.Name())
	}
	slices.Sort(names)
	if got := providerNames(); !slices.Equal(got, names) {
		t.Errorf("defaults for %v, vendors are %v", got, names)
	}
}

func TestTheZeroConfigMeansTheDocumentedDefaults(t *testing.T) {
	c := Config{}.WithDefaults()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("got %+v, want %+v", c, Default())
	}
	if !c.Identity.Path || !c.Refuse.RetryAfter || len(c.Identity.TrustedPeers) != 2 || c.Drain.Hard != 31*time.Minute {
		t.Errorf("got %+v", c)
	}
	if len(c.Budgets) != 1 || c.Budgets[0].Name != "deepgram-daily" || c.Budgets[0].Limit != 30*time.Minute || c.Budgets[0].Stages[0] != policy.Restrict {
		t.Errorf("budgets %+v", c.Budgets)
	}
}

func TestDefaultsFillOnlyWhatIsUnset(t *testing.T) {
	mine := Config{
		Listen:    "127.0.0.1:0",
		Providers: map[string]ProviderConfig{"deepgram": {Key: secret.New("k"), MaxStreams: 3}},
		Budgets:   []policy.Budget{},
		Identity:  IdentityConfig{TrustedPeers: []netip.Prefix{}, Header: "X-User"},
		Drain:     DrainConfig{Grace: time.Hour},
	}
	c := mine.WithDefaults()
	dg := c.Providers["deepgram"]
	if c.Listen != "127.0.0.1:0" || dg.Key.Reveal() != "k" || dg.MaxStreams != 3 || dg.URL != "https://api.deepgram.com" {
		t.Errorf("got %+v", c)
	}
	if len(c.Budgets) != 0 || len(c.Identity.TrustedPeers) != 0 || c.Identity.Header != "X-User" || c.Drain.Hard != time.Hour+time.Minute {
		t.Errorf("got %+v", c)
	}
	if mine.Providers["deepgram"].URL != "" {
		t.Error("the caller's map was changed")
	}
	c.Identity.Path, c.Refuse.RetryAfter, c.Limits.StreamsPerUser, c.Drain.Grace = false, false, 0, 0
	if again := c.WithDefaults(); !reflect.DeepEqual(again, c) {
		t.Errorf("a second call changed %+v into %+v", c, again)
	}
}

func TestEachFaultNamesItsKey(t *testing.T) {
	with := func(change func(*ProviderConfig)) func(*Config) {
		return func(c *Config) {
			p := c.Providers["deepgram"]
			change(&p)
			c.Providers["deepgram"] = p
		}
	}
	for _, tc := range []struct {
		key    string
		change func(*Config)
	}{
		{"listen", func(c *Config) { c.Listen = "" }},
		{"listen", func(c *Config) { c.Listen = "8080" }},
		{"listen", func(c *Config) { c.Listen = "127.0.0.1:http" }},
		{"listen", func(c *Config) { c.Listen = "127.0.0.1:65536" }},
		{"providers.assemblyai", func(c *Config) { c.Providers["assemblyai"] = ProviderConfig{} }},
		{"providers.deepgram.listen", with(func(p *ProviderConfig) { p.Listen = "nowhere" })},
		{"providers.deepgram.listen", with(func(p *ProviderConfig) { p.Listen = "127.0.0.1:8080" })},
		{"providers.deepgram.listen", with(func(p *ProviderConfig) { p.Listen = ":8080" })},
		{"providers.deepgram.url", with(func(p *ProviderConfig) { p.URL = "" })},
		{"providers.deepgram.url", with(func(p *ProviderConfig) { p.URL = "api.deepgram.com" })},
		{"providers.deepgram.url", with(func(p *ProviderConfig) { p.URL = "wss://api.deepgram.com" })},
		{"providers.deepgram.url", with(func(p *ProviderConfig) { p.URL = "https://" })},
		{"providers.deepgram.url", with(func(p *ProviderConfig) { p.URL = "https://:443" })},
		{"providers.deepgram.url", with(func(p *ProviderConfig) { p.URL = "https://u:secret@h" })},
		{"providers.deepgram.url", with(func(p *ProviderConfig) { p.URL = "https://h?key=secret" })},
		{"providers.deepgram.url", with(func(p *ProviderConfig) { p.URL = "https://h/%zzsecret" })},
		{"providers.deepgram.key", with(func(p *ProviderConfig) { p.Key = secret.New("secret\r\nX: y") })},
		{"providers.deepgram.max_streams", with(func(p *ProviderConfig) { p.MaxStreams = -1 })},
		{"identity.header", func(c *Config) { c.Identity.Header = "X User" }},
		{"identity.header", func(c *Config) { c.Identity.Header = "authorization" }},
		{"identity.header", func(c *Config) { c.Identity.Header = "sec-websocket-key" }},
		{"identity.header", func(c *Config) { c.Identity.Header = "x-sttgate-plan" }},
		{"identity.query", func(c *Config) { c.Identity.Query = "a&b" }},
		{"identity.trusted_peers[1]", func(c *Config) { c.Identity.TrustedPeers[1] = netip.Prefix{} }},
		{"identity.peer_secret", func(c *Config) { c.Identity.PeerSecret = secret.New("a secret") }},
		{"identity.tokens.secret", func(c *Config) { c.Identity.Tokens.Secret = secret.New(strings.Repeat("s", 31)) }},
		{"identity.tokens.user_claim", func(c *Config) { c.Identity.Tokens.UserClaim = "" }},
		{"identity.tokens.plan_claim", func(c *Config) { c.Identity.Tokens.PlanClaim = "" }},
		{"meter.unmeasured", func(c *Config) { c.Meter.Unmeasured = "guess" }},
		{"identity.anonymous", func(c *Config) { c.Identity.Anonymous = "allow" }},
		{"budgets[0].limit", func(c *Config) { c.Budgets[0].Limit = 0 }},
		{"budgets[0].providers", func(c *Config) { c.Budgets[0].Providers = []string{"assemblyai"} }},
		{"budgets[1].name", func(c *Config) { c.Budgets = append(c.Budgets, c.Budgets[0]) }},
		{"limits.streams", func(c *Config) { c.Limits.Streams = 0 }},
		{"limits.streams_per_user", func(c *Config) { c.Limits.StreamsPerUser = -1 }},
		{"limits.streams_total", func(c *Config) { c.Limits.StreamsTotal = -1 }},
		{"limits.message_bytes", func(c *Config) { c.Limits.MessageBytes = 1023 }},
		{"limits.message_bytes", func(c *Config) { c.Limits.MessageBytes = 1<<30 + 1 }},
		{"limits.idle_timeout", func(c *Config) { c.Limits.IdleTimeout = 0 }},
		{"limits.header_timeout", func(c *Config) { c.Limits.HeaderTimeout = -1 }},
		{"limits.dial_timeout", func(c *Config) { c.Limits.DialTimeout = 0 }},
		{"drain.grace", func(c *Config) { c.Drain.Grace = -1 }},
		{"drain.hard", func(c *Config) { c.Drain.Hard = 0 }},
		{"drain.hard", func(c *Config) { c.Drain.Hard = c.Drain.Grace - 1 }},
	} {
		c := Default()
		tc.change(&c)
		err := c.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), tc.key+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one fault of this key", tc.key, err)
			continue
		}
		if _, what, _ := strings.Cut(err.Error(), ": "); strings.Contains(what, "secret@") || strings.Contains(what, "=secret") || strings.Contains(what, "zzsecret") {
			t.Errorf("%s: the error shows the value: %v", tc.key, err)
		}
	}
}

func TestWhatIsUnusualButMeantIsAllowed(t *testing.T) {
	c := Default()
	c.Listen = "[::1]:0"
	c.Providers["deepgram"] = ProviderConfig{URL: "http://127.0.0.1:1234/base", Listen: "[::1]:0"}
	c.Identity.Header, c.Identity.Query, c.Identity.TrustedPeers = "", "", nil
	c.Identity.Anonymous = AnonymousShared
	c.Identity.Tokens.Secret = secret.New(strings.Repeat("s", 32))
	c.Budgets = nil
	c.Drain = DrainConfig{Hard: time.Second}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestSameAddress(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{":80", "127.0.0.1:80", true},
		{"[::]:80", "10.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:0", "127.0.0.1:0", false},
		{"x", "x", false},
	} {
		if got := SameAddress(tc.a, tc.b); got != tc.want || SameAddress(tc.b, tc.a) != tc.want {
			t.Errorf("%s and %s: %v", tc.a, tc.b, got)
		}
	}
}
