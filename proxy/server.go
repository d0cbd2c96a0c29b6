package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

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
	Events    Events
	Providers []provider.Provider
	Log       *slog.Logger
	Registry  prometheus.Registerer
	TLS       *tls.Config  // to the vendors; nil: the system's roots
	Tracer    trace.Tracer // nil: no traces

	// patience is with each call to the ledger and with a peer's last words; 0: their own. Tests that are
	// about something else have more of it: on a busy machine all of these are slow.
	patience time.Duration
}

// Server is the data side of the gateway: its listeners and its streams.
type Server struct {
	Users   *Users
	Streams *Streams
	Vendors *Vendors

	deps    Deps
	metrics *Metrics
	engine  *relay.Engine
	log     *slog.Logger
	http    []*http.Server
	ls      []net.Listener

	following sync.Mutex // one Follow at a time
	now       atomic.Pointer[setup]
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
	s := &Server{deps: d, metrics: NewMetrics(d.Registry), engine: relay.NewEngine(), log: d.Log}
	s.Vendors = s.metrics.vendors
	g, err := newGate(rulesOf(c, d.Policy.WithDefaults()), d.Slice, d.Store, d.Log, s.metrics)
	if err != nil {
		return nil, err
	}
	g.watch, g.sessions, g.events, g.patience, g.spans = d.Watch, d.Sessions, d.Events, d.patience, newSpans(d.Tracer)
	s.Users = &Users{gate: g, store: d.Store, vendors: s.names()}
	s.Streams = newStreams(sharedLimits{slots: d.Store, metrics: s.metrics})
	d.Registry.MustRegister(s.Streams.inHand())
	first, err := s.setUp(c, nil)
	if err != nil {
		s.Streams.Close()
		s.engine.Close()
		return nil, err
	}
	s.now.Store(first)
	for _, name := range s.Users.vendors {
		s.metrics.vendor(name)
	}
	for _, door := range first.doors {
		s.serve(door.addr)
	}
	return s, nil
}

// Follow puts another config and other rules into force, or returns an error and changes nothing. What only a start can change
// (Config.Keeping) stays. Running streams follow the rules with their next lease and keep the rest of what they began with;
// what was used stays used.
func (s *Server) Follow(c Config, p policy.Config) error {
	s.following.Lock()
	defer s.following.Unlock()
	last := s.now.Load()
	c = c.WithDefaults().Keeping(last.config)
	if err := c.Validate(); err != nil {
		return err
	}
	ready, err := newRules(rulesOf(c, p.WithDefaults()))
	if err != nil {
		return err
	}
	next, err := s.setUp(c, last)
	if err != nil {
		return err
	}
	s.Users.gate.rules.Store(ready)
	s.now.Store(next)
	if next.courier != last.courier {
		last.courier.close()
	}
	return nil
}

// config is the one in force.
func (s *Server) config() Config { return s.now.Load().config }

// Minter makes caller tokens as the config in force says; nil where it has none.
func (s *Server) Minter() *Minter { return s.now.Load().minter }

func (s *Server) names() []string {
	var out []string
	for _, p := range s.deps.Providers {
		out = append(out, p.Name())
	}
	return out
}

// serve adds the HTTP server of the next door.
func (s *Server) serve(addr string) {
	n, l := len(s.http), s.config().Limits
	s.http = append(s.http, &http.Server{
		Addr: addr,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			deepen(len(r.URL.Path))
			s.now.Load().doors[n].ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: l.HeaderTimeout,
		IdleTimeout:       l.IdleTimeout,
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
	s.Streams.Drain(ctx, s.config().Drain)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	for _, srv := range s.http {
		if srv.Shutdown(closing) != nil {
			_ = srv.Close()
		}
	}
	s.Streams.Close()
	s.engine.Close()
	s.Users.gate.lines.close()
	s.now.Load().courier.close()
}

// closeTimeout is how long answers in flight may take when no stream is left.
const closeTimeout = 2 * time.Second
