package proxy

import (
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sttgate/sttgate/config/secret"
)

// sign makes a token with any header and claims, as an attacker or another library
// might.
func sign(t *testing.T, m jwt.SigningMethod, key any, head map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	tok := jwt.NewWithClaims(m, claims)
	maps.Copy(tok.Header, head)
	s, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// claimsOf are good claims with changes; a nil value removes one.
func claimsOf(change map[string]any) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "carol", "iss": "sttgate", "aud": "stt", "exp": day().Add(time.Hour).Unix()}
	for k, v := range change {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

// spare changes a base64url digit in its last two bits, which stand for nothing at
// the end of 32 bytes: a lenient reader takes both spellings for one token.
func spare(c byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, c)^1])
}

func TestCallerTokenIsGoodBadOrNotOurs(t *testing.T) {
	key := []byte(tokensConfig().Secret.Reveal())
	other := []byte("another-secret-of-more-than-32-bytes")
	at := func(d time.Duration) int64 { return day().Add(d).Unix() }
	hs := func(change map[string]any) string { return sign(t, jwt.SigningMethodHS256, key, nil, claimsOf(change)) }
	forged := func(head map[string]any, change map[string]any) string {
		return sign(t, jwt.SigningMethodHS256, other, head, claimsOf(change))
	}
	vendors := map[string]any{"iss": "deepgram", "aud": nil}
	good := goodToken(t, "carol", "pro")
	part := strings.Split(good, ".")
	raw := base64.RawURLEncoding.EncodeToString

	type kind int
	const (
		accepted kind = iota
		refused
		foreign // somebody else's: a trusted peer may pass it through
	)
	tests := []struct {
		name string
		tok  string
		want kind
		says string // in the refusal
	}{
		{"minted", good, accepted, ""},
		{"signed by a backend", hs(nil), accepted, ""},
		{"a list of audiences", hs(map[string]any{"aud": []string{"x", "stt"}}), accepted, ""},
		{"expired within the leeway", hs(map[string]any{"exp": at(-20 * time.Second)}), accepted, ""},
		{"not before within the leeway", hs(map[string]any{"nbf": at(20 * time.Second)}), accepted, ""},

		{"expired", hs(map[string]any{"exp": at(-31 * time.Second)}), refused, "expired"},
		{"without end", hs(map[string]any{"exp": nil}), refused, "lacks a claim"},
		{"an end that is text", hs(map[string]any{"exp": "tomorrow"}), refused, "caller token"},
		{"not yet valid", hs(map[string]any{"nbf": at(time.Minute)}), refused, "not valid yet"},
		{"another audience", hs(map[string]any{"aud": "tts"}), refused, "audience"},
		{"no audience", hs(map[string]any{"aud": nil}), refused, "caller token"},
		{"another issuer, our signature", hs(map[string]any{"iss": "somebody"}), refused, "issuer"},
		{"no user", hs(map[string]any{"sub": nil}), refused, "sub"},
		{"a user that is a number", hs(map[string]any{"sub": 7}), refused, "sub"},
		{"unknown critical header", sign(t, jwt.SigningMethodHS256, key, map[string]any{"crit": []string{"b64"}, "b64": false}, claimsOf(nil)), refused, "crit"},
		{"wrong signature, our type", forged(map[string]any{"typ": "sttgate+jwt"}, vendors), refused, "not signed"},
		{"wrong signature, our type in full", forged(map[string]any{"typ": "application/STTGATE+jwt"}, vendors), refused, "not signed"},
		{"wrong signature, our issuer", forged(nil, map[string]any{"aud": nil}), refused, "not signed"},
		{"wrong signature, our audience", forged(nil, map[string]any{"iss": nil}), refused, "not signed"},
		{"signature cut off", part[0] + "." + part[1] + ".", refused, "caller token"},
		{"claims changed", part[0] + "." + raw([]byte(`{"sub":"root","iss":"sttgate","aud":"stt","exp":9999999999}`)) + "." + part[2], refused, "not signed"},
		{"spare bits of the signature changed", good[:len(good)-1] + spare(good[len(good)-1]), refused, "caller token"},
		{"claims destroyed", part[0] + ".!!!." + part[2], refused, "malformed"},
		{"algorithm none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, claimsOf(nil)), refused, "not signed"},
		{"algorithm None in another case", raw([]byte(`{"alg":"nOnE","typ":"sttgate+jwt"}`)) + "." + part[1] + ".", refused, "caller token"},
		{"algorithm HS512 with our secret", sign(t, jwt.SigningMethodHS512, key, nil, claimsOf(nil)), refused, "HS256"},

		{"a vendor's JWT", forged(nil, vendors), foreign, ""},
		{"a vendor's JWT without type", forged(map[string]any{"typ": ""}, vendors), foreign, ""},
		{"a vendor's JWT with HS512", sign(t, jwt.SigningMethodHS512, other, nil, claimsOf(vendors)), foreign, ""},
		{"a vendor's key", "dg-" + canary, foreign, ""},
		{"a vendor's key with dots", "a.b.c", foreign, ""},
		{"a header that is null", raw([]byte("null")) + "." + part[1] + "." + part[2], foreign, ""},
		{"nothing", "", foreign, ""},
		{"five parts", good + ".x.y", foreign, ""},
		{"the word that JavaScript SDKs send", "proxy", foreign, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := identifier(t, identityConfig())
			// From outside, and from a trusted peer that names another user: a bad token of
			// ours must be an error from both, and never pass for the vendor's.
			c, _, err := i.Identify(ask(t, far, "/v1/listen"), tt.tok)
			peer, _, peerErr := i.Identify(ask(t, near, "/v1/listen", "X-Sttgate-User", "alice"), tt.tok)
			switch tt.want {
			case accepted:
				if err != nil || c.User != "carol" || !c.Token || c.Via != ViaToken {
					t.Errorf("got %+v, %v", c, err)
				}
				wantRefusal(t, peerErr, ErrBadIdentity)
			case refused:
				wantRefusal(t, err, ErrUnauthenticated)
				wantRefusal(t, peerErr, ErrUnauthenticated)
				if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "eyJ") {
					t.Errorf("the refusal says %q", err)
				}
			case foreign:
				wantRefusal(t, err, ErrUnauthenticated)
				if peerErr != nil || peer.User != "alice" || peer.Token {
					t.Errorf("from a trusted peer got %+v, %v", peer, peerErr)
				}
			}
		})
	}
}

func TestTokenWithoutIssuerAndAudienceIsKnownByItsSignature(t *testing.T) {
	c := identityConfig()
	c.Tokens.Issuer, c.Tokens.Audience = "", ""
	i := identifier(t, c)
	key := []byte(c.Tokens.Secret.Reveal())
	old := sign(t, jwt.SigningMethodHS256, key, nil, jwt.MapClaims{"sub": "carol", "exp": day().Add(-time.Hour).Unix()})
	_, _, err := i.Identify(ask(t, near, "/v1/listen", "X-Sttgate-User", "carol"), old)
	wantRefusal(t, err, ErrUnauthenticated)
	fresh := sign(t, jwt.SigningMethodHS256, key, nil, jwt.MapClaims{"sub": "carol", "exp": day().Add(time.Hour).Unix()})
	if got, _, err := i.Identify(ask(t, far, "/v1/listen"), fresh); err != nil || got.User != "carol" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestBadUserOrPlanInTokenIs400(t *testing.T) {
	key := []byte(tokensConfig().Secret.Reveal())
	for name, change := range map[string]map[string]any{
		"characters":    {"sub": "a b"},
		"empty":         {"sub": ""},
		"long":          {"sub": strings.Repeat("a", 129)},
		"reserved":      {"sub": "anonymous"},
		"plan":          {"plan": "p/ro"},
		"plan a number": {"plan": 3},
		"plan empty":    {"plan": ""},
	} {
		t.Run(name, func(t *testing.T) {
			tok := sign(t, jwt.SigningMethodHS256, key, nil, claimsOf(change))
			_, _, err := identifier(t, identityConfig()).Identify(ask(t, far, "/v1/listen"), tok)
			wantRefusal(t, err, ErrBadIdentity)
		})
	}
}

func TestOwnClaimNamesAreReadAndMinted(t *testing.T) {
	c := identityConfig()
	c.Tokens.UserClaim, c.Tokens.PlanClaim = "uid", "tier"
	m, err := NewMinter(c.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := m.Mint("carol", "pro", time.Minute, day())
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := identifier(t, c).Identify(ask(t, far, "/v1/listen"), tok)
	if want := (Caller{User: "carol", Plan: "pro", Via: ViaToken, Token: true, Expires: day().Add(time.Minute)}); err != nil || !got.Expires.Equal(want.Expires) || got.Plan != want.Plan || got.User != want.User || !got.Token {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestMintedTokenIsASubprotocol holds the promise to browsers: RFC 6455 wants each
// subprotocol to be an RFC 9110 token, and browsers throw on = / : @ and blanks.
func TestMintedTokenIsASubprotocol(t *testing.T) {
	tok := goodToken(t, "a.b_c@d:e-f", strings.Repeat("p", 128))
	if strings.Trim(tok, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		t.Errorf("token %q", tok)
	}
}

func TestMintRefusesWhatNoStreamCouldCarry(t *testing.T) {
	m, err := NewMinter(tokensConfig())
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]struct {
		user, plan string
		ttl        time.Duration
	}{
		"no user":       {"", "", time.Hour},
		"bad user":      {"a/b", "", time.Hour},
		"reserved user": {"anonymous", "", time.Hour},
		"bad plan":      {"alice", "p ro", time.Hour},
		"no time":       {"alice", "", 0},
		"negative time": {"alice", "", -time.Hour},
	} {
		if tok, err := m.Mint(try.user, try.plan, try.ttl, day()); err == nil || tok != "" {
			t.Errorf("%s: got a token", name)
		}
	}
}

func TestTokenConfigThatCouldMeanTwoThingsIsRefused(t *testing.T) {
	for name, change := range map[string]func(*TokensConfig){
		"short secret":      func(c *TokensConfig) { c.Secret = secret.New(strings.Repeat("x", 31)) },
		"no user claim":     func(c *TokensConfig) { c.UserClaim = "" },
		"user claim is exp": func(c *TokensConfig) { c.UserClaim = "exp" },
		"plan claim is aud": func(c *TokensConfig) { c.PlanClaim = "aud" },
		"one claim for two": func(c *TokensConfig) { c.PlanClaim = c.UserClaim },
	} {
		c := identityConfig()
		change(&c.Tokens)
		if _, err := NewIdentifier(c); err == nil {
			t.Errorf("%s: accepted by NewIdentifier", name)
		}
		_, err := NewMinter(c.Tokens)
		if err == nil {
			t.Errorf("%s: accepted by NewMinter", name)
		} else if strings.Contains(err.Error(), "xxxx") {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
	if _, err := NewMinter(TokensConfig{UserClaim: "sub", PlanClaim: "plan"}); !errors.Is(err, ErrNoTokens) {
		t.Errorf("without a secret: %v", err)
	}
}
