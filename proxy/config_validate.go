package proxy

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
)

// The bounds of limits.message_bytes: below, a single frame of audio would be too
// large; above, one stream could hold more than a small pod has.
const (
	minMessageBytes = 1 << 10
	maxMessageBytes = 1 << 30
)

// minTokenSecret is what RFC 7518, 3.2 demands of an HS256 key, in bytes.
const minTokenSecret = 32

// faults collects errors of the form "key: what is wrong".
type faults []error

func (f *faults) add(key, format string, args ...any) {
	*f = append(*f, fmt.Errorf(key+": "+format, args...))
}

// Validate checks a config that WithDefaults has filled. The error joins one
// error per fault, each of the form "key.path: what is wrong" with the key as the
// config file has it. No error shows a secret or a URL.
func (c Config) Validate() error {
	var f faults
	c.validateListeners(&f)
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		c.Providers[name].validate(&f, name)
	}
	c.Identity.validate(&f)
	validateBudgets(&f, c.Budgets)
	c.Limits.validate(&f)
	if u := c.Meter.Unmeasured; u != UnmeasuredRefuse && u != UnmeasuredVendor {
		f.add("meter.unmeasured", "%q is not known: use refuse or vendor", u)
	}
	if c.Drain.Grace < 0 {
		f.add("drain.grace", "is negative")
	}
	if c.Drain.Hard <= 0 {
		f.add("drain.hard", "must be more than 0")
	}
	if c.Drain.Grace >= 0 && c.Drain.Hard > 0 && c.Drain.Hard < c.Drain.Grace {
		f.add("drain.hard", "%s is shorter than drain.grace (%s): streams would be cut before they were asked to end", c.Drain.Hard, c.Drain.Grace)
	}
	return errors.Join(f...)
}

// validateListeners makes sure that each port can be opened at all.
func (c Config) validateListeners(f *faults) {
	type door struct{ key, addr string }
	doors := []door{{"listen", c.Listen}}
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		if addr := c.Providers[name].Listen; addr != "" {
			doors = append(doors, door{"providers." + name + ".listen", addr})
		}
	}
	for i, d := range doors {
		if !hostPort(d.addr) {
			f.add(d.key, "is no host:port, such as 127.0.0.1:8080")
			continue
		}
		for _, other := range doors[:i] {
			if SameAddress(d.addr, other.addr) {
				f.add(d.key, "is the same address as %s", other.key)
			}
		}
	}
}

func (p ProviderConfig) validate(f *faults, name string) {
	key := "providers." + name
	if !slices.Contains(providerNames(), name) {
		f.add(key, "is not a vendor of this build: use %s", strings.Join(providerNames(), ", "))
		return
	}
	checkURL(f, key+".url", p.URL, "https", "http")
	if p.RealtimeURL != "" {
		checkURL(f, key+".realtime_url", p.RealtimeURL, "wss", "ws", "https", "http")
	}
	if p.Charge != "" && !slices.Contains([]string{ChargeAudio, ChargeReported, ChargeConnection, ChargeLarger}, p.Charge) {
		f.add(key+".charge", "%q is not known: use audio, reported, connection or larger", p.Charge)
	}
	for i, a := range p.Allow {
		method, path, ok := strings.Cut(a, " ")
		if !ok || !token(method, "") || method != strings.ToUpper(method) || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " ?#%") || strings.Contains(strings.TrimSuffix(path, "*"), "*") {
			f.add(fmt.Sprintf("%s.allow[%d]", key, i), "is no method and path such as \"GET /v1/models\" or \"GET /v1/projects/*\"")
		}
	}
	if !headerSafe(p.Key) {
		f.add(key+".key", "has characters that no header can carry, such as a space or a line break")
	}
	if p.MaxStreams < 0 {
		f.add(key+".max_streams", "is negative: use 0 for no limit")
	}
}

// checkURL adds what is wrong with a vendor's URL. schemes are those it may have.
func checkURL(f *faults, key, raw string, schemes ...string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		f.add(key, "is no URL such as %s://host", schemes[0])
	case !slices.Contains(schemes, u.Scheme):
		f.add(key, "must begin with %s://", strings.Join(schemes, ":// or "))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		f.add(key, "must not carry a user, a query or a fragment: a credential belongs beside it, in key")
	}
}

func (i IdentityConfig) validate(f *faults) {
	for n, o := range i.Origins {
		u, err := url.Parse(o)
		if o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil) {
			f.add(fmt.Sprintf("identity.origins[%d]", n), "is no origin such as https://app.example.com, nor *")
		}
	}
	if i.Header != "" && !token(i.Header, "!#$%&'*+-.^_`|~") {
		f.add("identity.header", "is no header name")
	}
	if taken(i.Header) {
		f.add("identity.header", "%s has a meaning of its own; use another name", i.Header)
	}
	if i.Query != "" && !token(i.Query, "-._") {
		f.add("identity.query", "is no name for a query parameter: use letters, digits, _, - and dots")
	}
	for n, p := range i.TrustedPeers {
		if !p.IsValid() {
			f.add(fmt.Sprintf("identity.trusted_peers[%d]", n), "is no address range such as 10.0.0.0/8")
		}
	}
	if !headerSafe(i.PeerSecret) {
		f.add("identity.peer_secret", "has characters that no header can carry, such as a space or a line break")
	}
	if n := len(i.Tokens.Secret.Reveal()); n > 0 && n < minTokenSecret {
		f.add("identity.tokens.secret", "is shorter than %d bytes, which HS256 demands (RFC 7518, 3.2)", minTokenSecret)
	}
	if i.Tokens.UserClaim == "" {
		f.add("identity.tokens.user_claim", "must not be empty")
	}
	if i.Tokens.PlanClaim == "" {
		f.add("identity.tokens.plan_claim", "must not be empty")
	}
	if i.Anonymous != AnonymousRefuse && i.Anonymous != AnonymousShared {
		f.add("identity.anonymous", "%q is not known: use refuse or shared", i.Anonymous)
	}
}

func validateBudgets(f *faults, budgets []policy.Budget) {
	first := map[string]int{}
	for i, b := range budgets {
		key := fmt.Sprintf("budgets[%d]", i)
		for _, err := range each(b.Validate()) {
			*f = append(*f, fmt.Errorf("%s.%w", key, err))
		}
		if n, seen := first[b.Name]; seen && b.Name != "" {
			f.add(key+".name", "%q is the name of budgets[%d] too: two budgets would share one balance", b.Name, n)
		} else {
			first[b.Name] = i
		}
		for _, p := range b.Providers {
			if p != "" && !slices.Contains(providerNames(), p) {
				f.add(key+".providers", "%q is not a vendor of this build: use %s", p, strings.Join(providerNames(), ", "))
			}
		}
	}
}

func (l LimitsConfig) validate(f *faults) {
	if l.Streams < 1 {
		f.add("limits.streams", "must be at least 1: it is what keeps the gateway within its memory")
	}
	if l.StreamsPerUser < 0 {
		f.add("limits.streams_per_user", "is negative: use 0 for no limit")
	}
	if l.StreamsTotal < 0 {
		f.add("limits.streams_total", "is negative: use 0 for no limit")
	}
	if l.MessageBytes < minMessageBytes || l.MessageBytes > maxMessageBytes {
		f.add("limits.message_bytes", "must be from 1KiB to 1GiB")
	}
	if l.UploadBytes < minMessageBytes {
		f.add("limits.upload_bytes", "must be at least 1KiB")
	}
	if l.UploadDuration < 0 {
		f.add("limits.upload_duration", "is negative: use 0 for no limit")
	}
	if l.StreamDuration < 0 {
		f.add("limits.stream_duration", "is negative: use 0 for no limit")
	}
	for _, t := range []struct {
		key string
		d   time.Duration
	}{{"idle_timeout", l.IdleTimeout}, {"header_timeout", l.HeaderTimeout}, {"dial_timeout", l.DialTimeout}} {
		if t.d <= 0 {
			f.add("limits."+t.key, "must be more than 0: a peer that says nothing would stay for ever")
		}
	}
}

// SameAddress reports whether two listen addresses ask for one port of one
// interface. Port 0 never does: the system picks a free one.
func SameAddress(a, b string) bool {
	ah, ap, err1 := net.SplitHostPort(a)
	bh, bp, err2 := net.SplitHostPort(b)
	if err1 != nil || err2 != nil || ap != bp || ap == "0" {
		return false
	}
	return ah == bh || wildcard(ah) || wildcard(bh)
}

func wildcard(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }

func hostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// taken keeps the user's name out of headers that the handshake needs.
func taken(header string) bool {
	h := http.CanonicalHeaderKey(header)
	return strings.HasPrefix(h, "Sec-Websocket-") ||
		slices.Contains([]string{"Authorization", "Connection", "Content-Length", "Host", "Upgrade", PlanHeader}, h)
}

// token reports whether s is of letters, digits and signs alone; a header's name
// may have the signs of RFC 9110, 5.6.2.
func token(s, signs string) bool {
	for _, r := range s {
		word := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !word && !strings.ContainsRune(signs, r) {
			return false
		}
	}
	return s != ""
}

func headerSafe(v secret.Value) bool {
	for _, r := range v.Reveal() {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return true
}

// each takes apart what errors.Join put together.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}
