package proxy

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
)

// canary is the one string that no error may hold, in every place where a
// credential can stand.
const canary = "k4n4r13nv0g3l"

const (
	near  = "127.0.0.1:40000"
	far   = "203.0.113.7:40000"
	proof = "peer-secret-" + canary
)

func day() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func tokensConfig() TokensConfig {
	return TokensConfig{
		Secret: secret.New("signing-" + canary + "-0123456789abcdef"), Issuer: "sttgate", Audience: "stt",
		UserClaim: "sub", PlanClaim: "plan",
	}
}

// identityConfig is the default with tokens and a peer secret, and 10.0.0.0/8 as
// an address that was written the IPv6 way.
func identityConfig() IdentityConfig {
	c := Default().Identity
	c.TrustedPeers = append(c.TrustedPeers, netip.MustParsePrefix("::ffff:10.0.0.0/104"))
	c.PeerSecret = secret.New(proof)
	c.Tokens = tokensConfig()
	return c
}

func identifier(tb testing.TB, c IdentityConfig) *Identifier {
	tb.Helper()
	i, err := newIdentifier(c, day)
	if err != nil {
		tb.Fatal(err)
	}
	return i
}

func goodToken(tb testing.TB, user, plan string) string {
	tb.Helper()
	m, err := NewMinter(tokensConfig())
	if err != nil {
		tb.Fatal(err)
	}
	tok, err := m.Mint(user, plan, time.Hour, day())
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

// ask builds a request as the server would have read it.
func ask(tb testing.TB, remote, target string, header ...string) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, target, nil)
	r.RemoteAddr = remote
	for n := 0; n+1 < len(header); n += 2 {
		r.Header.Add(header[n], header[n+1])
	}
	return r
}

const listen = "/v1/listen?encoding=linear16"

func TestCallerIsFoundOrRefused(t *testing.T) {
	long := strings.Repeat("a", 128)
	alice := Caller{User: "alice", Via: ViaHeader}
	tests := []struct {
		name   string
		remote string
		target string
		header []string
		token  string // credential
		change func(*IdentityConfig)
		want   Caller
		err    error
	}{
		// A trusted peer speaks.
		{name: "header", remote: near, header: []string{"X-Sttgate-User", "alice"}, want: alice},
		{name: "header in another case", remote: near, header: []string{"x-sttgate-USER", "alice"}, want: alice},
		{name: "header and plan", remote: near, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-Plan", "pro"}, want: Caller{User: "alice", Plan: "pro", Via: ViaHeader}},
		{name: "every character of an id", remote: near, header: []string{"X-Sttgate-User", "aZ0._@:-"}, want: Caller{User: "aZ0._@:-", Via: ViaHeader}},
		{name: "128 bytes", remote: near, header: []string{"X-Sttgate-User", long}, want: Caller{User: long, Via: ViaHeader}},
		{name: "query", remote: near, target: listen + "&sttgate_user=alice", want: Caller{User: "alice", Via: ViaQuery}},
		{name: "query with escapes", remote: near, target: listen + "&sttgate_user=a%40b.com", want: Caller{User: "a@b.com", Via: ViaQuery}},
		{name: "path", remote: near, target: "/u/alice" + listen, want: Caller{User: "alice", Via: ViaPath}},
		{name: "path with escapes", remote: near, target: "/u/a%40b.com" + listen, want: Caller{User: "a@b.com", Via: ViaPath}},
		{name: "three places that agree", remote: near, target: "/u/alice" + listen + "&sttgate_user=alice", header: []string{"X-Sttgate-User", "alice"}, want: alice},
		{name: "own header name", remote: near, header: []string{"X-Uid", "alice"}, change: func(c *IdentityConfig) { c.Header = "X-Uid" }, want: alice},
		{name: "a vendor's key beside the header is no error", remote: near, header: []string{"X-Sttgate-User", "alice"}, token: "dg-" + canary, want: alice},
		{name: "Connection names the header", remote: near, header: []string{"Connection", "upgrade, x-sttgate-user", "X-Sttgate-User", "alice"}, want: alice},

		// Who is trusted.
		{name: "IPv6 loopback", remote: "[::1]:1", header: []string{"X-Sttgate-User", "alice"}, want: alice},
		{name: "IPv4 in IPv6", remote: "[::ffff:127.0.0.9]:1", header: []string{"X-Sttgate-User", "alice"}, want: alice},
		{name: "a prefix written as IPv4 in IPv6", remote: "10.9.8.7:1", header: []string{"X-Sttgate-User", "alice"}, want: alice},
		{name: "zone", remote: "[fe80::1%eth0]:1", header: []string{"X-Sttgate-User", "alice"}, change: func(c *IdentityConfig) { c.TrustedPeers = []netip.Prefix{netip.MustParsePrefix("fe80::/10")} }, want: alice},
		{name: "peer secret", remote: far, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-Peer-Secret", proof}, want: alice},
		{name: "a near peer needs no secret, and a stale one harms nobody", remote: near, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-Peer-Secret", "old-" + canary}, want: alice},

		// Spoofing.
		{name: "header from outside", remote: far, header: []string{"X-Sttgate-User", "alice"}, err: ErrUnauthenticated},
		{name: "query from outside", remote: far, target: listen + "&sttgate_user=alice", err: ErrUnauthenticated},
		{name: "path from outside", remote: far, target: "/u/alice" + listen, err: ErrUnauthenticated},
		{name: "plan from outside", remote: far, header: []string{"X-Sttgate-Plan", "pro"}, err: ErrUnauthenticated},
		{name: "a bad id from outside is no other answer than a good one", remote: far, header: []string{"X-Sttgate-User", "a b"}, err: ErrUnauthenticated},
		{name: "header from outside where strangers share", remote: far, header: []string{"X-Sttgate-User", "alice"}, change: share, err: ErrUnauthenticated},
		{name: "forwarded addresses prove nothing", remote: far, header: []string{"X-Sttgate-User", "alice", "X-Forwarded-For", "127.0.0.1", "Forwarded", "for=127.0.0.1", "X-Real-Ip", "127.0.0.1"}, err: ErrUnauthenticated},
		{name: "an address that is none", remote: "@", header: []string{"X-Sttgate-User", "alice"}, err: ErrUnauthenticated},
		{name: "wrong peer secret", remote: far, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-Peer-Secret", "x" + canary}, err: ErrUnauthenticated},
		{name: "empty peer secret", remote: far, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-Peer-Secret", ""}, err: ErrUnauthenticated},
		{name: "empty peer secret where none is set", remote: far, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-Peer-Secret", ""}, change: func(c *IdentityConfig) { c.PeerSecret = secret.Value{} }, err: ErrUnauthenticated},
		{name: "two peer secrets", remote: far, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-Peer-Secret", proof, "X-Sttgate-Peer-Secret", proof}, err: ErrUnauthenticated},
		{name: "wrong peer secret where strangers share", remote: far, header: []string{"X-Sttgate-Peer-Secret", "x" + canary}, change: share, err: ErrUnauthenticated},
		{name: "nobody is trusted", remote: near, header: []string{"X-Sttgate-User", "alice"}, change: func(c *IdentityConfig) { c.TrustedPeers = []netip.Prefix{} }, err: ErrUnauthenticated},
		{name: "underscores", remote: near, header: []string{"X_Sttgate_User", "alice"}, err: ErrBadIdentity},
		{name: "underscores beside the header", remote: near, header: []string{"X-Sttgate-User", "alice", "X-Sttgate_User", "alice"}, err: ErrBadIdentity},
		{name: "the shared user by name", remote: near, header: []string{"X-Sttgate-User", "anonymous"}, err: ErrBadIdentity},
		{name: "the shared user by name where strangers share", remote: near, target: "/u/anonymous" + listen, change: share, err: ErrBadIdentity},

		// Two ids.
		{name: "header twice", remote: near, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-User", "bob"}, err: ErrBadIdentity},
		{name: "header twice alike", remote: near, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-User", "alice"}, err: ErrBadIdentity},
		{name: "comma list", remote: near, header: []string{"X-Sttgate-User", "alice, bob"}, err: ErrBadIdentity},
		{name: "comma list without blank", remote: near, header: []string{"X-Sttgate-User", "alice,bob"}, err: ErrBadIdentity},
		{name: "query twice", remote: near, target: listen + "&sttgate_user=alice&sttgate_user=bob", err: ErrBadIdentity},
		{name: "query twice in other spellings", remote: near, target: listen + "&sttgate_user=alice&STTGATE%5FUSER=bob", err: ErrBadIdentity},
		{name: "query behind a semicolon", remote: near, target: "/v1/listen?a=b;sttgate_user=bob", header: []string{"X-Sttgate-User", "alice"}, err: ErrBadIdentity},
		{name: "header and query", remote: near, target: listen + "&sttgate_user=bob", header: []string{"X-Sttgate-User", "alice"}, err: ErrBadIdentity},
		{name: "path and query", remote: near, target: "/u/alice" + listen + "&sttgate_user=bob", err: ErrBadIdentity},
		{name: "path and header", remote: near, target: "/u/alice" + listen, header: []string{"X-Sttgate-User", "bob"}, err: ErrBadIdentity},
		{name: "two users in the path", remote: near, target: "/u/alice/u/bob" + listen, err: ErrBadIdentity},
		{name: "two users in the path, the second hidden", remote: near, target: "/u/alice/%75/bob" + listen, err: ErrBadIdentity},
		{name: "plan twice", remote: near, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-Plan", "pro", "X-Sttgate-Plan", "max"}, err: ErrBadIdentity},
		{name: "plan without a user", remote: near, header: []string{"X-Sttgate-Plan", "pro"}, err: ErrBadIdentity},

		// Bad ids.
		{name: "empty header", remote: near, header: []string{"X-Sttgate-User", ""}, err: ErrBadIdentity},
		{name: "empty header where strangers share", remote: near, header: []string{"X-Sttgate-User", ""}, change: share, err: ErrBadIdentity},
		{name: "empty query", remote: near, target: listen + "&sttgate_user=", err: ErrBadIdentity},
		{name: "query without value", remote: near, target: listen + "&sttgate_user", err: ErrBadIdentity},
		{name: "empty path", remote: near, target: "/u/" + listen, err: ErrBadIdentity},
		{name: "129 bytes", remote: near, header: []string{"X-Sttgate-User", long + "a"}, err: ErrBadIdentity},
		{name: "a megabyte", remote: near, header: []string{"X-Sttgate-User", strings.Repeat("a", 1<<20)}, err: ErrBadIdentity},
		{name: "blank inside", remote: near, header: []string{"X-Sttgate-User", "al ice"}, err: ErrBadIdentity},
		{name: "blank around", remote: near, header: []string{"X-Sttgate-User", " alice"}, err: ErrBadIdentity},
		{name: "tab", remote: near, header: []string{"X-Sttgate-User", "alice\t"}, err: ErrBadIdentity},
		{name: "plus is a blank", remote: near, target: listen + "&sttgate_user=al+ice", err: ErrBadIdentity},
		{name: "newline", remote: near, target: listen + "&sttgate_user=alice%0Abob", err: ErrBadIdentity},
		{name: "null byte", remote: near, target: listen + "&sttgate_user=alice%00", err: ErrBadIdentity},
		{name: "braces", remote: near, target: listen + "&sttgate_user=%7Balice%7D", err: ErrBadIdentity},
		{name: "lookalike letter", remote: near, header: []string{"X-Sttgate-User", "аlice"}, err: ErrBadIdentity},
		{name: "wide letter", remote: near, target: "/u/%EF%BD%81lice" + listen, err: ErrBadIdentity},
		{name: "bad UTF-8", remote: near, header: []string{"X-Sttgate-User", "al\xffice"}, err: ErrBadIdentity},
		{name: "slash in the path's id", remote: near, target: "/u/a%2Fb" + listen, err: ErrBadIdentity},
		{name: "twice escaped", remote: near, target: "/u/a%2540b" + listen, err: ErrBadIdentity},
		{name: "hidden prefix", remote: near, target: "/%75/alice" + listen, err: ErrBadIdentity},
		{name: "hidden slash", remote: near, target: "/u%2Falice" + listen, err: ErrBadIdentity},
		{name: "bad plan", remote: near, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-Plan", "p/ro"}, err: ErrBadIdentity},
		{name: "empty plan", remote: near, header: []string{"X-Sttgate-User", "alice", "X-Sttgate-Plan", ""}, err: ErrBadIdentity},

		// Nobody.
		{name: "nobody", remote: near, err: ErrUnauthenticated},
		{name: "nobody from outside", remote: far, err: ErrUnauthenticated},
		{name: "a vendor's key is nobody", remote: far, token: "dg-" + canary, err: ErrUnauthenticated},
		{name: "nobody shares", remote: far, change: share, want: Caller{User: "anonymous", Via: ViaShared}},
		{name: "a vendor's key shares", remote: near, token: "dg-" + canary, change: share, want: Caller{User: "anonymous", Via: ViaShared}},
		{name: "path that is switched off", remote: near, target: "/u/alice" + listen, change: func(c *IdentityConfig) { c.Path = false }, err: ErrUnauthenticated},
		{name: "query that is switched off", remote: near, target: listen + "&sttgate_user=alice", change: func(c *IdentityConfig) { c.Query = "" }, err: ErrUnauthenticated},
		{name: "header that is switched off", remote: near, header: []string{"X-Sttgate-User", "alice"}, change: func(c *IdentityConfig) { c.Header = "" }, err: ErrUnauthenticated},

		// Tokens beside the rest. What makes a token good is tested with tokens.
		{name: "token from outside", remote: far, token: goodToken(t, "carol", "pro"), want: Caller{User: "carol", Plan: "pro", Via: ViaToken, Token: true}},
		{name: "token comes before sharing", remote: far, token: goodToken(t, "carol", ""), change: share, want: Caller{User: "carol", Via: ViaToken, Token: true}},
		{name: "token and the same header", remote: near, token: goodToken(t, "carol", ""), header: []string{"X-Sttgate-User", "carol"}, want: Caller{User: "carol", Via: ViaToken, Token: true}},
		{name: "token and the same id from outside", remote: far, target: "/u/carol" + listen, token: goodToken(t, "carol", ""), want: Caller{User: "carol", Via: ViaToken, Token: true}},
		{name: "token and another header", remote: near, token: goodToken(t, "carol", ""), header: []string{"X-Sttgate-User", "alice"}, err: ErrBadIdentity},
		{name: "token and another path from outside", remote: far, target: "/u/alice" + listen, token: goodToken(t, "carol", ""), err: ErrBadIdentity},
		{name: "token and a peer's plan", remote: near, token: goodToken(t, "carol", ""), header: []string{"X-Sttgate-Plan", "pro"}, want: Caller{User: "carol", Plan: "pro", Via: ViaToken, Token: true}},
		{name: "token and a stranger's plan", remote: far, token: goodToken(t, "carol", ""), header: []string{"X-Sttgate-Plan", "pro"}, err: ErrBadIdentity},
		{name: "token and the same plan", remote: far, token: goodToken(t, "carol", "pro"), header: []string{"X-Sttgate-Plan", "pro"}, want: Caller{User: "carol", Plan: "pro", Via: ViaToken, Token: true}},
		{name: "token and another plan", remote: near, token: goodToken(t, "carol", "free"), header: []string{"X-Sttgate-Plan", "pro"}, err: ErrBadIdentity},
		{name: "token where there are none", remote: far, token: goodToken(t, "carol", ""), change: func(c *IdentityConfig) { c.Tokens.Secret = secret.Value{} }, err: ErrUnauthenticated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := identityConfig()
			if tt.change != nil {
				tt.change(&c)
			}
			if tt.target == "" {
				tt.target = listen
			}
			i := identifier(t, c)
			r := ask(t, tt.remote, tt.target, tt.header...)
			before, url := r.Header.Clone(), r.URL.String()
			got, out, err := i.Identify(r, tt.token)
			if !maps.EqualFunc(before, r.Header, slices.Equal) || r.URL.String() != url {
				t.Error("the request itself was changed")
			}
			if tt.err != nil {
				wantRefusal(t, err, tt.err)
				if out != nil || got != (Caller{}) {
					t.Errorf("a refused request came with %+v", got)
				}
				return
			}
			if got.Token != !got.Expires.IsZero() {
				t.Errorf("a caller with token %v expires at %v", got.Token, got.Expires)
			}
			got.Expires = time.Time{}
			if err != nil || got != tt.want {
				t.Fatalf("got %+v, %v; want %+v", got, err, tt.want)
			}
			if traces := tracesOf(i, out, tt.token, got.Token); traces != "" {
				t.Errorf("the request still holds %s", traces)
			}
		})
	}
}

func share(c *IdentityConfig) { c.Anonymous = AnonymousShared }

// wantRefusal checks an error's kind and status, and that it repeats no secret.
func wantRefusal(t *testing.T, err, want error) {
	t.Helper()
	var id *IdentityError
	if !errors.Is(err, want) || !errors.As(err, &id) {
		t.Fatalf("got %v, want %v", err, want)
	}
	status := map[error]int{ErrUnauthenticated: 401, ErrBadIdentity: 400}[want]
	if id.Status != status || id.Detail == "" {
		t.Errorf("status %d with detail %q, want %d", id.Status, id.Detail, status)
	}
	if strings.Contains(err.Error(), canary) || len(err.Error()) > 400 {
		t.Errorf("the error repeats what the caller sent: %q", err)
	}
}

// tracesOf names what is left of our identity in a request; "" is good.
func tracesOf(i *Identifier, r *http.Request, credential string, ours bool) string {
	for name := range r.Header {
		for _, own := range []string{i.header, PlanHeader, PeerSecretHeader} {
			if own != "" && strings.EqualFold(name, own) {
				return "the header " + name
			}
		}
	}
	if i.query != "" {
		if values, odd := readQuery(r.URL.RawQuery, i.query); len(values) > 0 || odd {
			return "the query parameter"
		}
	}
	if i.path && strings.HasPrefix(r.URL.Path, "/u/") {
		return "the path's prefix"
	}
	if r.RequestURI != r.URL.RequestURI() {
		return "the old request line"
	}
	if !ours || credential == "" {
		return ""
	}
	for name, values := range r.Header {
		if strings.Contains(strings.Join(values, "\n"), credential) {
			return "the token in " + name
		}
	}
	if strings.Contains(r.URL.String(), credential) {
		return "the token in the URL"
	}
	return ""
}

func TestIdentityConfigIsCheckedHereToo(t *testing.T) {
	for name, change := range map[string]func(*IdentityConfig){
		"a word for anonymous that is none": func(c *IdentityConfig) { c.Anonymous = "allow" },
		"a header that is the credential's": func(c *IdentityConfig) { c.Header = "Authorization" },
		"a range of addresses that is none": func(c *IdentityConfig) { c.TrustedPeers = []netip.Prefix{{}} },
	} {
		c := identityConfig()
		change(&c)
		if _, err := NewIdentifier(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
