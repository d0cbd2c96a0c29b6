package conformance

import (
	"strings"

	"github.com/sttgate/sttgate/config/secret/secrettest"
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
	return secrets{
		vendorKey: secrettest.Word("vendor"), adminToken: secrettest.Word("admin"), tokenSecret: secrettest.Word("secret"), clientKey: secrettest.Word("client"),
	}
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

// find lists what credentials show on surfaces; allowed are names of canaries that may.
func (s secrets) find(surfaces []surface, allowed ...string) (found []string) {
	for _, on := range surfaces {
		found = append(found, secrettest.Find([]secrettest.Surface{{Name: on.name, Text: on.text}}, s.canaries(), allowed...)...)
		if secrettest.Token(on.text) {
			found = append(found, on.name+": a token")
		}
	}
	return found
}
