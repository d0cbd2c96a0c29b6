package proxy

import (
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

// mint answers a request for a temporary key with a caller token in the vendor's shape: the
// vendor's own would lead past the gateway. A token may ask for another one, for its own user and
// no longer than it is good itself.
func (x *exchange) mint() error {
	g, ok := x.v.Provider.(provider.Granter)
	if !ok {
		return provider.ErrNoRoute
	}
	switch {
	case x.minter == nil:
		return noMint("temporary keys are caller tokens here: its operator has to set identity.tokens.secret")
	case x.v.config.Key.Empty():
		return noMint("temporary keys need the gateway's own key of " + x.v.Name() + ": its operator has to set providers." + x.v.Name() + ".key")
	case x.caller.Via == ViaShared:
		return unauthenticated("nobody says for whom the key shall be")
	}
	ask, err := x.readOrder()
	if err != nil {
		return err
	}
	ttl, err := g.Grant(x.rt, ask)
	if err != nil {
		return err
	}
	now := time.Now()
	if x.caller.Token {
		if ttl = min(ttl, x.caller.Expires.Sub(now).Truncate(time.Second)); ttl < time.Second {
			return unauthenticated("the caller token is about to expire")
		}
	}
	token, err := x.minter.Mint(x.caller.User, x.caller.Plan, ttl, now)
	if err != nil {
		return err
	}
	status, body := g.Granted(x.rt, token, ttl, now)
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	x.body.before(h)
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client may be gone; nobody else to tell
	x.gate.metrics.refused(x.v.Name(), "minted")
	return nil
}

// noMint is a 404: a 5xx would be asked again and again.
func noMint(detail string) error {
	d := deny(provider.Unsupported, detail)
	d.Title = "No temporary keys"
	return denied{d: d}
}
