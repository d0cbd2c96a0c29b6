package proxy

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
)

// What becomes of a stream without a user: IdentityConfig.Anonymous.
const (
	AnonymousRefuse = "refuse" // 401
	AnonymousShared = "shared" // one common user with one common budget
)

// PlanHeader stands beside the configurable identity header. It is read from
// trusted peers only and stripped from every request.
const PlanHeader = "X-Sttgate-Plan"

// Config is what the data listener is told. A zero field means its documented
// default, which WithDefaults fills in; to say "zero" or "off" where that is not
// the default, start from [Default] and change it there.
//
// The keys of the config file are the field names in snake case.
type Config struct {
	Listen    string // host:port; default 127.0.0.1:8080
	Providers map[string]ProviderConfig
	Identity  IdentityConfig
	Budgets   []policy.Budget // nil: the default one; empty: none
	Limits    LimitsConfig
	Meter     MeterConfig
	Refuse    RefuseConfig
	Drain     DrainConfig

	complete bool // came from Default: its zero fields are meant
}

// ProviderConfig is one vendor. The map's key is provider.Provider.Name.
type ProviderConfig struct {
	URL         string       // http or https; default the vendor's own
	RealtimeURL string       // ws, wss, http or https: of streams, with its path; default the vendor's own, "" for URL
	Key         secret.Value // empty: the caller's credential passes through
	Listen      string       // an extra port of its own; default none
	Allow       []string     // "METHOD /path" that passes unmetered, a trailing * for what stands below; default none
	Charge      string       // audio, reported, connection or larger; default the vendor's own, "" after Default: audio
	MaxStreams  int          // at once over all gateways on the ledger; 0: no limit
}

// What a stream costs: ProviderConfig.Charge.
const (
	ChargeAudio      = "audio"      // forwarded bytes as time: the gateway's own count
	ChargeReported   = "reported"   // what the vendor says it heard; audio until it says so
	ChargeConnection = "connection" // wall clock since the stream began
	ChargeLarger     = "larger"     // the larger of audio and connection
)

// IdentityConfig says where the user's name is read, and from whom.
type IdentityConfig struct {
	Header       string         // default X-Sttgate-User; "" after Default: not read
	Query        string         // default sttgate_user; "" after Default: not read
	Path         bool           // /u/{user}/…; default true
	Origins      []string       // of browsers that may connect, "*" for all; default none: see Identifier
	TrustedPeers []netip.Prefix // nil: loopback; empty: nobody
	PeerSecret   secret.Value   // trusts any peer that shows it; default none
	Tokens       TokensConfig
	Anonymous    string // refuse (default) or shared
}

// TokensConfig describes caller tokens (JWT, HS256).
type TokensConfig struct {
	Secret    secret.Value // at least 32 bytes (RFC 7518, 3.2); empty: no tokens
	Issuer    string       // empty: any
	Audience  string       // empty: any
	UserClaim string       // default sub
	PlanClaim string       // default plan
}

// LimitsConfig bounds what strangers can make the gateway hold.
type LimitsConfig struct {
	Streams        int           // at once in this gateway; default 10000
	StreamsPerUser int           // at once over all gateways on the ledger; 0: no limit
	StreamsTotal   int           // at once over all gateways on the ledger; 0: no limit
	MessageBytes   int64         // largest WebSocket message; default 1 MiB
	UploadBytes    int64         // largest request body; default 2 GiB
	UploadDuration time.Duration // longest audio of an upload or a job; 0: no limit, and then a URL job of a budgeted user is refused
	StreamDuration time.Duration // longest stream, wall clock; 0: no limit
	IdleTimeout    time.Duration // without a message from the client; default 60s
	HeaderTimeout  time.Duration // for the request's headers; default 5s
	DialTimeout    time.Duration // to the vendor, handshake included; default 5s
}

// What becomes of audio whose time cannot be told while it flows: MeterConfig.Unmeasured.
const (
	UnmeasuredRefuse = "refuse" // 415, or 1008 in a stream
	UnmeasuredVendor = "vendor" // it passes; the vendor's figure and the wall clock are charged
)

// MeterConfig says how audio is measured.
type MeterConfig struct {
	Unmeasured string // default refuse
}

// RefuseConfig shapes refusals.
type RefuseConfig struct {
	RetryAfter bool // send Retry-After, on which some SDKs sleep; default true
}

// DrainConfig is how the gateway goes down.
type DrainConfig struct {
	Grace time.Duration // how long streams may run on; default 30m
	Hard  time.Duration // when what is left is cut, from the start of the drain; default a minute after Grace
}

// Default returns the configuration of an empty file. Fields set to zero in it
// afterwards stay zero.
func Default() Config { return Config{}.WithDefaults() }

// WithDefaults fills the zero fields. It leaves a config that began as [Default]
// alone, so that calling it again is harmless, and never changes c's map.
func (c Config) WithDefaults() Config {
	if c.complete {
		return c
	}
	fill(&c.Listen, "127.0.0.1:8080")
	providers := defaultProviders()
	for name, p := range c.Providers {
		fill(&p.URL, providers[name].URL)
		fill(&p.RealtimeURL, providers[name].RealtimeURL)
		fill(&p.Charge, providers[name].Charge)
		if p.Allow == nil {
			p.Allow = []string{}
		}
		providers[name] = p
	}
	c.Providers = providers
	c.Identity = c.Identity.withDefaults()
	if c.Budgets == nil {
		c.Budgets = defaultBudgets()
	}
	c.Budgets = slices.Clone(c.Budgets)
	for i := range c.Budgets {
		c.Budgets[i] = c.Budgets[i].WithDefaults()
	}
	fill(&c.Limits.Streams, 10000)
	fill(&c.Limits.MessageBytes, 1<<20)
	fill(&c.Limits.UploadBytes, 2<<30)
	fill(&c.Limits.IdleTimeout, 60*time.Second)
	fill(&c.Limits.HeaderTimeout, 5*time.Second)
	fill(&c.Limits.DialTimeout, 5*time.Second)
	fill(&c.Meter.Unmeasured, UnmeasuredRefuse)
	c.Refuse.RetryAfter = true
	fill(&c.Drain.Grace, 30*time.Minute)
	fill(&c.Drain.Hard, c.Drain.Grace+time.Minute)
	c.complete = true
	return c
}

func (i IdentityConfig) withDefaults() IdentityConfig {
	fill(&i.Header, "X-Sttgate-User")
	fill(&i.Query, "sttgate_user")
	i.Path = true
	if i.Origins == nil {
		i.Origins = []string{}
	}
	if i.TrustedPeers == nil {
		i.TrustedPeers = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	fill(&i.Tokens.UserClaim, "sub")
	fill(&i.Tokens.PlanClaim, "plan")
	fill(&i.Anonymous, AnonymousRefuse)
	return i
}

// defaultProviders holds every vendor of this build: its keys are the words that
// are legal under "providers".
func defaultProviders() map[string]ProviderConfig {
	return map[string]ProviderConfig{
		"deepgram": {URL: "https://api.deepgram.com", Charge: ChargeAudio, Allow: []string{}},
		"soniox": {
			URL: "https://api.soniox.com", RealtimeURL: "wss://stt-rt.soniox.com/transcribe-websocket",
			Allow:  []string{},
			Charge: ChargeLarger, // the vendor charges "for the full stream duration"
		},
		"speechmatics": {
			URL: "https://asr.api.speechmatics.com", RealtimeURL: "wss://eu2.rt.speechmatics.com/v2",
			Charge: ChargeAudio, Allow: []string{},
		},
	}
}

func defaultBudgets() []policy.Budget {
	return []policy.Budget{{
		Name:      "deepgram-daily",
		Providers: []string{"deepgram"},
		Stages:    []policy.Stage{policy.Restrict},
		Limit:     30 * time.Minute,
	}}
}

func providerNames() []string { return slices.Sorted(maps.Keys(defaultProviders())) }

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
