package proxy

import (
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/relay"
)

// setup is how requests are served under one config. It is never changed: another one takes its place as a whole, and a
// request is served to its end under the one that it came in with.
type setup struct {
	config  Config
	doors   []door // one per listener; the first is for every vendor
	dialer  *dialer
	courier *courier
	minter  *Minter // nil: no caller tokens
}

// door is what one listener serves.
type door struct {
	addr string
	all  *Handler
	own  map[string]http.Handler // the gateway's own paths
}

// ServeHTTP is no ServeMux: that answers // with a redirect, which no vendor's client follows.
func (d door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if o := d.own[r.URL.Path]; o != nil {
		o.ServeHTTP(w, r)
		return
	}
	d.all.ServeHTTP(w, r)
}

// setUp builds a config's handlers. Connections to the vendors are those of last, where there was one and their
// timeouts are the same.
func (s *Server) setUp(c Config, last *setup) (*setup, error) {
	ident, err := NewIdentifier(c.Identity)
	if err != nil {
		return nil, err
	}
	minter, err := NewMinter(c.Identity.Tokens)
	if err != nil && !errors.Is(err, ErrNoTokens) {
		return nil, err
	}
	next := &setup{config: c, minter: minter}
	if last != nil && last.config.Limits.DialTimeout == c.Limits.DialTimeout {
		next.dialer, next.courier = last.dialer, last.courier
	} else {
		next.dialer = newDialer(c.Limits.DialTimeout, s.deps.TLS, s.metrics)
		next.courier = newCourier(c.Limits.DialTimeout, s.deps.TLS, s.metrics, s.Users.gate.spans)
	}
	h := s.handler(next, ident)
	next.doors = []door{{c.Listen, h, map[string]http.Handler{
		ownPrefix + "usage":  &ownHandler{h, s.Users, usage},
		ownPrefix + "limits": &ownHandler{h, s.Users, limitsOf(c.Limits, c.Budgets, s.Users.vendors)},
	}}}
	for _, v := range h.vendors {
		if v.config.Listen != "" {
			one := *h
			one.vendors = []vendor{v}
			next.doors = append(next.doors, door{addr: v.config.Listen, all: &one})
		}
	}
	return next, nil
}

// handler serves every vendor.
func (s *Server) handler(next *setup, ident *Identifier) *Handler {
	c := next.config
	h := &Handler{
		paths: c.Identity.Path, identify: ident, gate: s.Users.gate, streams: s.Streams,
		dialer: next.dialer, relay: relayConfig(c.Limits, s.engine, s.deps.patience),
		courier: next.courier, notes: s.deps.Store, minter: next.minter, origins: Origins{c.Identity.Origins}, limits: c.Limits,
		helloTimeout: c.Limits.HeaderTimeout, retryAfter: c.Refuse.RetryAfter, log: s.log,
		upgrader: websocket.Upgrader{
			HandshakeTimeout: c.Limits.HeaderTimeout,
			// Origins has judged every request before: see ServeHTTP and Identifier.
			CheckOrigin: func(*http.Request) bool { return true },
		},
	}
	for _, p := range s.deps.Providers {
		h.vendors = append(h.vendors, vendor{p, c.Providers[p.Name()]})
	}
	return h
}

// rulesOf are those of a config and the policy beside it.
func rulesOf(c Config, p policy.Config) Rules { return Rules{c.Budgets, p, c.Meter.Unmeasured} }

func relayConfig(l LimitsConfig, e *relay.Engine, patience time.Duration) relay.Config {
	// Text may be as large as any message: audio in base64 is text with some vendors, and what is
	// not gathered cannot be metered.
	return relay.Config{
		Engine: e, MaxMessage: l.MessageBytes, MaxText: int(l.MessageBytes), IdleTimeout: l.IdleTimeout, PingEvery: min(20*time.Second, l.IdleTimeout/3),
		CloseTimeout: patience, FinishTimeout: patience,
	}
}
