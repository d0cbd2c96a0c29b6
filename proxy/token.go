package proxy

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// tokenType is the typ header of the tokens that we mint (RFC 8725, 3.11: say what
// a token is for, so that it is never taken for another kind).
const tokenType = "sttgate+jwt"

// tokenLeeway forgives clocks that differ.
const tokenLeeway = 30 * time.Second

const mintAdvice = "sttgate token mint, or POST /admin/v1/tokens"

// tokens reads caller tokens: JWTs (RFC 7519) signed with HS256 and one shared
// secret. Safe for concurrent use.
type tokens struct {
	secret           []byte
	user, plan       string // claim names
	issuer, audience string
	parser           *jwt.Parser
}

func newTokens(c TokensConfig, now func() time.Time) (*tokens, error) {
	if err := checkTokens(c); err != nil {
		return nil, err
	}
	opts := []jwt.ParserOption{
		// The algorithm is ours to choose, never the token's (RFC 8725, 3.1).
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(tokenLeeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(now),
	}
	if c.Issuer != "" {
		opts = append(opts, jwt.WithIssuer(c.Issuer))
	}
	if c.Audience != "" {
		opts = append(opts, jwt.WithAudience(c.Audience))
	}
	return &tokens{
		secret: []byte(c.Secret.Reveal()), user: c.UserClaim, plan: c.PlanClaim,
		issuer: c.Issuer, audience: c.Audience, parser: jwt.NewParser(opts...),
	}, nil
}

// checkTokens refuses what would make a token mean two things.
func checkTokens(c TokensConfig) error {
	if len(c.Secret.Reveal()) < minTokenSecret {
		return fmt.Errorf("identity.tokens.secret: is shorter than %d bytes, which HS256 demands (RFC 7518, 3.2)", minTokenSecret)
	}
	meant := []string{"", "exp", "iat", "nbf", "iss", "aud"}
	switch {
	case slices.Contains(meant, c.UserClaim):
		return fmt.Errorf("identity.tokens.user_claim: %q has a meaning of its own; use another claim", c.UserClaim)
	case slices.Contains(meant, c.PlanClaim):
		return fmt.Errorf("identity.tokens.plan_claim: %q has a meaning of its own; use another claim", c.PlanClaim)
	case c.UserClaim == c.PlanClaim:
		return errors.New("identity.tokens.plan_claim: is the user_claim too")
	}
	return nil
}

// read returns the caller of a token of ours. ours is false, without an error,
// for anything else: a vendor's key, and a vendor's JWT as well, which a trusted peer
// may send. A token is ours when it is a JWT and any of these holds:
//
//   - its typ is "sttgate+jwt": we minted it;
//   - its iss is the configured issuer, or its aud the configured audience;
//   - its signature is good under our secret: a backend minted it for us.
//
// The first two are only words, and are enough to refuse on, never to accept: a token
// that calls itself ours and is not good is an error, so that an expired token does
// not travel to the vendor as if it were a key. To accept, everything has to hold.
// A backend that mints its own tokens should set an issuer: without one, a token that
// was signed with the wrong secret cannot be told from a vendor's.
func (t *tokens) read(credential string) (c Caller, ours bool, err error) {
	head, body, ok := peek(credential)
	if !ok {
		return Caller{}, false, nil
	}
	claims := jwt.MapClaims{}
	tok, err := t.parser.ParseWithClaims(credential, claims, func(*jwt.Token) (any, error) { return t.secret, nil })
	signed := err == nil || errors.Is(err, jwt.ErrTokenInvalidClaims) // the parser checks the signature first
	if !signed && !t.claimed(head, body) {
		return Caller{}, false, nil
	}
	if err != nil {
		return Caller{}, true, unauthenticated(tokenFault(err))
	}
	if _, critical := tok.Header["crit"]; critical { // RFC 7515, 4.1.11
		return Caller{}, true, unauthenticated("the caller token demands extensions that this gateway does not know (crit)")
	}
	c, err = t.caller(claims)
	return c, true, err
}

func (t *tokens) caller(claims jwt.MapClaims) (Caller, error) {
	user, ok := claims[t.user].(string)
	if !ok {
		return Caller{}, unauthenticated("the caller token has no text in its claim " + t.user + ": get a new one (" + mintAdvice + ")")
	}
	if err := checkUser(user, "the user in the caller token"); err != nil {
		return Caller{}, err
	}
	c := Caller{User: user, Via: ViaToken, Token: true}
	if exp, err := claims.GetExpirationTime(); err == nil && exp != nil { // required: it is there
		c.Expires = exp.Time
	}
	if plan, there := claims[t.plan]; there {
		if c.Plan, ok = plan.(string); !ok || !validID(c.Plan) {
			return Caller{}, badIdentity("the plan in the caller token is not 1 to 128 of A-Z a-z 0-9 . _ @ : -")
		}
	}
	return c, nil
}

// claimed reports whether a token says of itself that it is ours.
func (t *tokens) claimed(head map[string]any, body jwt.MapClaims) bool {
	typ, _ := head["typ"].(string)
	if strings.EqualFold(strings.TrimPrefix(strings.ToLower(typ), "application/"), tokenType) {
		return true
	}
	iss, _ := body["iss"].(string)
	if t.issuer != "" && iss == t.issuer {
		return true
	}
	aud, err := body.GetAudience()
	return t.audience != "" && err == nil && slices.Contains(aud, t.audience)
}

// peek reads a JWT without believing it. ok is false for what is no JWT.
func peek(credential string) (head map[string]any, body jwt.MapClaims, ok bool) {
	parts := strings.Split(credential, ".")
	if len(parts) != 3 {
		return nil, nil, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || json.Unmarshal(raw, &head) != nil || head == nil {
		return nil, nil, false
	}
	// A broken body is still a JWT's: its header may call it ours.
	if raw, err = base64.RawURLEncoding.DecodeString(parts[1]); err == nil && json.Unmarshal(raw, &body) != nil {
		body = nil
	}
	return head, body, true
}

// tokenFault says what is wrong with a token that is, or says it is, ours.
func tokenFault(err error) string {
	what := "is malformed"
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		what = "has expired"
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		what = "is not valid yet"
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		what = "is meant for another audience"
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		what = "has another issuer"
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		what = "lacks a claim that is required (exp, and iss and aud where configured)"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		what = "is not signed with this gateway's secret and HS256"
	}
	return "the caller token " + what + ": get a new one (" + mintAdvice + ")"
}
