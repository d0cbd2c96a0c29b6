package proxy

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ErrNoTokens answers NewMinter where identity.tokens.secret is empty.
var ErrNoTokens = errors.New("identity.tokens.secret is not set: this gateway has no caller tokens")

// Minter makes caller tokens. Safe for concurrent use.
type Minter struct {
	config TokensConfig
	secret []byte
}

// NewMinter builds a Minter from a config that WithDefaults has filled.
func NewMinter(c TokensConfig) (*Minter, error) {
	if c.Secret.Empty() {
		return nil, ErrNoTokens
	}
	if err := checkTokens(c); err != nil {
		return nil, err
	}
	return &Minter{config: c, secret: []byte(c.Secret.Reveal())}, nil
}

// Mint returns a token for user that is good from now for ttl, which is at least a
// second; plan may be empty. The token is made of A-Z a-z 0-9 - _ . and so passes
// as a subprotocol, which is a browser's only place for it (RFC 6455, 4.1). A user or
// plan that no stream could carry is an *IdentityError.
func (m *Minter) Mint(user, plan string, ttl time.Duration, now time.Time) (string, error) {
	if err := checkUser(user, "the user"); err != nil {
		return "", err
	}
	if plan != "" && !validID(plan) {
		return "", badIdentity("the plan is not 1 to 128 of A-Z a-z 0-9 . _ @ : -")
	}
	if ttl < time.Second {
		return "", errors.New("ttl: must be at least a second")
	}
	claims := jwt.MapClaims{
		m.config.UserClaim: user,
		"iat":              now.Unix(),
		"exp":              now.Add(ttl).Unix(),
	}
	if plan != "" {
		claims[m.config.PlanClaim] = plan
	}
	if m.config.Issuer != "" {
		claims["iss"] = m.config.Issuer
	}
	if m.config.Audience != "" {
		claims["aud"] = m.config.Audience
	}
	tok := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	tok.Header["typ"] = tokenType
	return tok.SignedString(m.secret)
}
