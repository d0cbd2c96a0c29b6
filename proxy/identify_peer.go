package proxy

import (
	"net/http"
	"net/netip"
)

// trusts reports whether the peer's word about users counts: by its address, or by
// the secret it shows. The address is the socket's; X-Forwarded-For is only another
// thing that a stranger can write.
//
// A secret that is wrong is an error even where no identity is needed: a peer that
// meant to prove itself must not go on as a stranger without noticing.
func (i *Identifier) trusts(r *http.Request) (bool, error) {
	if i.near(r.RemoteAddr) && !i.origins.foreign(r) {
		return true, nil
	}
	shown := fold(r.Header, PeerSecretHeader)
	switch {
	case len(shown) == 0:
		return false, nil
	case len(shown) == 1 && i.secret.Equal(shown[0]):
		return true, nil
	}
	return false, unauthenticated(PeerSecretHeader + " is not this gateway's identity.peer_secret")
}

// known is trusts, where a wrong secret is somebody else's to tell.
func (i *Identifier) known(r *http.Request) bool {
	ok, err := i.trusts(r)
	return ok && err == nil
}

// shows reports whether the peer shows the secret, which no page in a browser knows.
func (i *Identifier) shows(r *http.Request) bool {
	shown := fold(r.Header, PeerSecretHeader)
	return len(shown) == 1 && i.secret.Equal(shown[0])
}

// near reports whether the address is in identity.trusted_peers. A dual-stack
// listener shows IPv4 peers as ::ffff:a.b.c.d; they are the same peers.
func (i *Identifier) near(remote string) bool {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := ap.Addr().Unmap().WithZone("")
	for _, p := range i.peers {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// unmapPrefix turns ::ffff:10.0.0.0/104 into 10.0.0.0/8: an unmapped address is in
// no mapped prefix.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}
