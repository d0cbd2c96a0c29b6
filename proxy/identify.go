package proxy

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/sttgate/sttgate/config/secret"
)

// PeerSecretHeader is where a peer shows identity.peer_secret. It is stripped
// from every request.
const PeerSecretHeader = "X-Sttgate-Peer-Secret"

// AnonymousUser is whose budget everybody without an identity spends from, where
// identity.anonymous is shared. Nobody may claim the name, whatever the setting: a
// user of that name would inherit, or empty, the strangers' budget the day it changes.
const AnonymousUser = "anonymous"

// How the caller was found: Caller.Via, a closed set.
const (
	ViaToken  = "token"
	ViaHeader = "header"
	ViaQuery  = "query"
	ViaPath   = "path"
	ViaShared = "shared"
)

// Caller is who a stream is for.
type Caller struct {
	User string // 1 to 128 of [A-Za-z0-9._@:-]
	Plan string // the same, or empty
	Via  string // one of the Via constants
	// Token says that the credential was ours, so that the vendor cannot know it:
	// without a key of the gateway's own there is nothing to send upstream.
	Token bool
	// Expires is when the token does; zero without one.
	Expires time.Time
}

// Identifier finds out who is calling. Safe for concurrent use.
//
//	request ──► caller token? ── ours, good ──────────────────► Caller
//	              │     └─────── ours, bad ───────────────────► 401
//	              ▼ no, or the vendor's
//	            a page that is not listed (Origins)? ─────────► 401
//	              ▼ no
//	            header, query, path? ── from a trusted peer ──► Caller
//	              │            └─────── from anybody else ────► 401
//	              ▼ none
//	            anonymous: shared ────────────────────────────► Caller "anonymous"
//	            anonymous: refuse ────────────────────────────► 401
//
// Whatever is said twice has to agree, or the answer is 400. Whether the peer is
// trusted is asked before what it says is read, so that a stranger's 401 is the
// same for every id.
type Identifier struct {
	header, query string
	path          bool
	peers         []netip.Prefix
	secret        secret.Value
	shared        bool
	origins       Origins
	tokens        *tokens // nil: no caller tokens
}

// NewIdentifier builds an Identifier from a config that WithDefaults has filled.
func NewIdentifier(c IdentityConfig) (*Identifier, error) {
	return newIdentifier(c, time.Now)
}

func newIdentifier(c IdentityConfig, now func() time.Time) (*Identifier, error) {
	var f faults
	if c.validate(&f); len(f) > 0 {
		return nil, f[0]
	}
	i := &Identifier{
		header: c.Header, query: c.Query, path: c.Path, secret: c.PeerSecret,
		shared: c.Anonymous == AnonymousShared, origins: Origins{c.Origins},
	}
	for _, p := range c.TrustedPeers {
		i.peers = append(i.peers, unmapPrefix(p))
	}
	if c.Tokens.Secret.Empty() {
		return i, nil
	}
	t, err := newTokens(c.Tokens, now)
	if err != nil {
		return nil, err
	}
	i.tokens = t
	return i, nil
}

// Identify returns the caller, and a copy of the request without any trace of our
// identity: header, plan, peer secret, query parameter, path prefix, and the caller
// token wherever it stands. r itself is not changed. credential is what the vendor's
// provider found in the vendor's own slot. An error is an *IdentityError.
func (i *Identifier) Identify(r *http.Request, credential string) (Caller, *http.Request, error) {
	if r.URL.Opaque != "" { // "p:r/u/x": no path, no query, and so no place that could be stripped
		return Caller{}, nil, badIdentity("the request target must be a path")
	}
	s := i.read(r)
	c, err := i.decide(r, credential, s)
	if err != nil {
		return Caller{}, nil, err
	}
	own := ""
	if c.Token {
		own = credential
	}
	out := i.strip(r, own)
	if own != "" && strings.Contains(out.URL.String(), own) {
		return Caller{}, nil, badIdentity("the caller token stands in the request target where it cannot be taken out")
	}
	return c, out, nil
}

func (i *Identifier) decide(r *http.Request, credential string, s said) (Caller, error) {
	trusted, err := i.trusts(r)
	if err != nil {
		return Caller{}, err
	}
	if i.tokens != nil {
		c, ours, err := i.tokens.read(credential)
		if err != nil {
			return Caller{}, err
		}
		if ours {
			return s.beside(c, trusted)
		}
	}
	switch {
	case i.origins.foreign(r) && !i.shows(r):
		return Caller{}, unauthenticated(i.advice("a page in a browser is not believed for where it runs, unless its origin is listed in identity.origins"))
	case s.silent() && i.shared:
		return Caller{User: AnonymousUser, Via: ViaShared}, nil
	case s.silent():
		return Caller{}, unauthenticated(i.advice("nobody says who is calling"))
	case !trusted:
		return Caller{}, unauthenticated(i.advice("this address may not say who is calling (identity.trusted_peers, or identity.peer_secret in " + PeerSecretHeader + ")"))
	}
	return s.caller()
}

// advice says what would have worked, without telling anything about a user.
func (i *Identifier) advice(what string) string {
	if i.tokens != nil {
		return what + ": put a caller token in the place of the vendor's key (" + mintAdvice + ")"
	}
	if i.header != "" {
		return what + ": a trusted peer has to send " + i.header
	}
	return what
}
