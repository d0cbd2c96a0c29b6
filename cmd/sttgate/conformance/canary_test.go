package conformance

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// secrets are the credentials of one run: random words that occur nowhere else.
type secrets struct {
	vendorKey   string // the gateway's own, which the vendor gets
	adminToken  string
	tokenSecret string // signs caller tokens
	clientKey   string // what a client has in its slot besides: its own key
	callerToken string // minted with tokenSecret
}

func newSecrets() secrets {
	word := func(kind string) string {
		b := make([]byte, 24)
		_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
		return "canary" + kind + hex.EncodeToString(b)
	}
	return secrets{vendorKey: word("vendor"), adminToken: word("admin"), tokenSecret: word("secret"), clientKey: word("client")}
}

// canaries are what must not be found, by name. A token's first part is the same for all; its
// claims and its signature are its own.
func (s secrets) canaries() map[string]string {
	m := map[string]string{
		"the vendor's key": s.vendorKey, "the admin token": s.adminToken, "the tokens' secret": s.tokenSecret, "the client's key": s.clientKey,
	}
	if p := strings.Split(s.callerToken, "."); len(p) == 3 {
		m["the caller token's claims"], m["the caller token's signature"] = p[1], p[2]
	}
	return m
}

// surface is a place where credentials might show.
type surface struct {
	name string
	text []byte
}

// jwt is any token, also one that the gateway minted and the test has never seen.
var jwt = regexp.MustCompile(`eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}`)

// find lists what credentials show on surfaces; allowed are names of canaries that may.
func (s secrets) find(surfaces []surface, allowed ...string) []string {
	var found []string
	for _, on := range surfaces {
		for name, word := range s.canaries() {
			if !slices.Contains(allowed, name) && shows(on.text, word) {
				found = append(found, fmt.Sprintf("%s: %s", on.name, name))
			}
		}
		if jwt.Match(on.text) {
			found = append(found, on.name+": a token")
		}
	}
	return found
}

// shows looks for a word as it is, in any case, and in base64, wherever it begins there.
func shows(text []byte, word string) bool {
	if bytes.Contains(bytes.ToLower(text), []byte(strings.ToLower(word))) {
		return true
	}
	for shift := range 3 {
		enc := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + word))
		enc = enc[(shift*8+5)/6 : len(enc)-2] // what neighbours change is left out
		if bytes.Contains(text, []byte(enc)) || bytes.Contains(text, []byte(strings.NewReplacer("+", "-", "/", "_").Replace(enc))) {
			return true
		}
	}
	return false
}
