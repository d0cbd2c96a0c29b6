package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// Deps is what a Server works with.
type Deps struct {
	Store     ledger.Store
	Policy    policy.Config // the zero one: the rules of an empty file
	Watch     Watch
	Slice     time.Duration // how much audio a stream buys ahead
	Sessions  Sessions
	Providers []provider.Provider
	Log       *slog.Logger
	Registry  prometheus.Registerer
	TLS       *tls.Config // to the vendors; nil: the system's roots

	// patience is with each call to the ledger and with a peer's last words; 0: their own. Tests that are
	// about something else have more of it: on a busy machine all of these are slow.
	patience time.Duration
}

// Server is the data side of the gateway: its listeners and its streams.
type Server struct {
	Users   *Users
	Streams *Streams

	config  Config
	engine  *relay.Engine
	courier *courier
	http    []*http.Server
	ls      []net.Listener
	log     *slog.Logger
}

// maxHeader bounds a request's line and headers. A hundred key terms make a query
// of several KiB; more than this is no SDK's.
const maxHeader = 16 << 10

// New builds the server. It opens no socket yet.
func New(c Config, d Deps) (*Server, error) {
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	ident, err := NewIdentifier(c.Identity)
	if err != nil {
		return nil, err
	}
	metrics := NewMetrics(d.Registry)
	g, err := newGate(Rules{c.Budgets, d.Policy.WithDefaults()}, d.Slice, d.Store, d.Log, metrics)
	if err != nil {
		return nil, err
	}
	g.unmeasured, g.watch, g.sessions, g.patience = c.Meter.Unmeasured, d.Watch, d.Sessions, d.patience
	minter, err := NewMinter(c.Identity.Tokens)
	if err != nil && !errors.Is(err, ErrNoTokens) {
		return nil, err
	}
	s := &Server{config: c, engine: relay.NewEngine(), courier: newCourier(c.Limits.DialTimeout, d.TLS, metrics), log: d.Log}
	var vendors []vendor
	var names []string
	perProvider := make(map[string]int)
	for _, p := range d.Providers {
		pc := c.Providers[p.Name()]
		vendors = append(vendors, vendor{p, pc})
		names = append(names, p.Name())
		metrics.vendor(p.Name())
		perProvider[p.Name()] = pc.MaxStreams
	}
	s.Users = &Users{gate: g, store: d.Store, vendors: names}
	s.Streams = newStreams(c.Limits.Streams, sharedLimits{slots: d.Store, total: c.Limits.StreamsTotal, perVendor: perProvider, metrics: metrics})
	h := Handler{
		vendors: vendors, paths: c.Identity.Path, identify: ident, gate: g, streams: s.Streams,
		dialer: newDialer(c.Limits.DialTimeout, d.TLS, metrics), relay: relayConfig(c.Limits, s.engine, d.patience),
		courier: s.courier, notes: d.Store, minter: minter, origins: Origins{c.Identity.Origins}, limits: c.Limits,
		helloTimeout: c.Limits.HeaderTimeout, retryAfter: c.Refuse.RetryAfter, log: d.Log,
		upgrader: websocket.Upgrader{
			HandshakeTimeout: c.Limits.HeaderTimeout,
			// Origins has judged every request before: see ServeHTTP and Identifier.
			CheckOrigin: func(*http.Request) bool { return true },
		},
	}
	s.serve(c.Listen, &h, map[string]http.Handler{
		ownPrefix + "usage":  &ownHandler{&h, s.Users, usage},
		ownPrefix + "limits": &ownHandler{&h, s.Users, limitsOf(c.Limits, c.Budgets, names)},
	})
	for _, v := range vendors {
		if v.config.Listen != "" {
			one := h
			one.vendors = []vendor{v}
			s.serve(v.config.Listen, &one, nil)
		}
	}
	return s, nil
}

// Follow puts other rules into force. Running streams follow with their next lease; what was used stays used.
func (s *Server) Follow(r Rules) error { return s.Users.gate.follow(r) }

func relayConfig(l LimitsConfig, e *relay.Engine, patience time.Duration) relay.Config {
	// Text may be as large as any message: audio in base64 is text with some vendors, and what is
	// not gathered cannot be metered.
	return relay.Config{
		Engine: e, MaxMessage: l.MessageBytes, MaxText: int(l.MessageBytes), IdleTimeout: l.IdleTimeout, PingEvery: min(20*time.Second, l.IdleTimeout/3),
		CloseTimeout: patience, FinishTimeout: patience,
	}
}

// serve adds a listener's HTTP server. own holds the gateway's own paths.
func (s *Server) serve(addr string, h *Handler, own map[string]http.Handler) {
	s.http = append(s.http, &http.Server{
		Addr: addr,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			deepen(len(r.URL.Path))
			// Not a ServeMux: it answers // with a redirect, which no vendor's client follows.
			if o := own[r.URL.Path]; o != nil {
				o.ServeHTTP(w, r)
				return
			}
			h.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: s.config.Limits.HeaderTimeout,
		IdleTimeout:       s.config.Limits.IdleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	})
}

// Listen opens the listeners, all or none.
func (s *Server) Listen(ctx context.Context) error {
	var lc net.ListenConfig
	for _, srv := range s.http {
		l, err := lc.Listen(ctx, "tcp", srv.Addr)
		if err != nil {
			s.closeListeners()
			return fmt.Errorf("listen for clients: %w", err)
		}
		s.ls = append(s.ls, l)
	}
	return nil
}

func (s *Server) closeListeners() {
	for _, l := range s.ls {
		_ = l.Close() // it never served anybody
	}
}

// Addr is the address of the listener for all vendors.
func (s *Server) Addr() string { return s.ls[0].Addr().String() }

// Serve takes connections until Shutdown.
func (s *Server) Serve() error {
	errs := make(chan error, len(s.http))
	for i, srv := range s.http {
		go func() { errs <- srv.Serve(s.ls[i]) }()
	}
	var all error
	for range s.http {
		if err := <-errs; !errors.Is(err, http.ErrServerClosed) {
			all = errors.Join(all, err)
			for _, srv := range s.http { // one dead listener is a dead gateway: say so, do not limp
				_ = srv.Close()
			}
		}
	}
	return all
}

// Shutdown refuses new streams, lets the running ones end as Streams.Drain says,
// and closes the listeners last, so that until then newcomers get a readable 503.
// Cancelling ctx is a second signal: it hurries.
func (s *Server) Shutdown(ctx context.Context) {
	s.Streams.Drain(ctx, s.config.Drain)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	for _, srv := range s.http {
		if srv.Shutdown(closing) != nil {
			_ = srv.Close()
		}
	}
	s.Streams.Close()
	s.engine.Close()
	s.courier.close()
}

// closeTimeout is how long answers in flight may take when no stream is left.
const closeTimeout = 2 * time.Second
