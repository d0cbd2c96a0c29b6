package proxy

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"go.opentelemetry.io/otel/trace"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// Handler serves the vendors' paths on one listener.
type Handler struct {
	vendors  []vendor // those of this listener, in the order in which the root is searched
	paths    bool     // identity may stand in the path
	identify *Identifier
	gate     *gate
	streams  *Streams
	dialer   *dialer
	upgrader websocket.Upgrader
	courier  *courier
	notes    ledger.Notes
	minter   *Minter // nil: no caller tokens
	origins  Origins
	relay    relay.Config
	limits   LimitsConfig
	// helloTimeout is how long a client that will be refused in-band may take to
	// say its first message.
	helloTimeout time.Duration
	retryAfter   bool
	log          *slog.Logger
}

// vendor is a provider with what the config says of it.
type vendor struct {
	provider.Provider
	config ProviderConfig
}

// ServeHTTP relays a stream, or serves another request, or says why not.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.arrive(w, r, h.serve) }

// arrive prepares a request and its answer: an id, a body that may be left unread, and what a
// page in a browser may do.
func (h *Handler) arrive(w http.ResponseWriter, r *http.Request, serve func(arrival) (*vendor, error)) {
	a := arrival{w: w, id: requestID(r), who: new(asker)}
	w.Header().Set("X-Request-ID", a.id)
	r, a.span = h.gate.spans.arrived(r, a.id, h.identify.known)
	defer a.span.end()
	a.r, a.body = receive(w, r, h.limits.IdleTimeout)
	defer a.body.linger(r)
	done, err := h.origins.admit(w, r)
	if done {
		return
	}
	var v *vendor
	if err == nil {
		v, err = serve(a)
	}
	if err != nil {
		h.refuse(a, v, err)
	}
}

// serve is the way of a request: identify, match, and then, of a stream: admit, dial,
// upgrade, relay. It returns an error only while the client can still be told over HTTP.
func (h *Handler) serve(a arrival) (*vendor, error) {
	w, r := a.w, a.r
	v, err := h.locate(r)
	if err != nil {
		return v, err
	}
	credential := v.Credential(r)
	if h.greets(v, r, credential) {
		return v, h.serveGreeting(a, v)
	}
	caller, req, err := h.identify.Identify(r, credential)
	if err != nil {
		return v, err
	}
	a.who.Caller = caller
	rt, err := v.route(withoutPrefix(req, v.Name()))
	if err != nil {
		return v, err
	}
	a.who.mode = rt.Mode
	a.span.matched(v, rt)
	if rt.Mode != provider.ModeStream {
		h.exchange(a, req, v, rt, caller)
		return v, nil
	}
	if err := checkHandshake(req); err != nil {
		return v, err
	}
	return v, h.open(a, req, v, rt, caller, func(up leg, adm *admission) (leg, []byte, error) {
		c, err := h.upgrade(w, r, v, up.response, adm)
		return c, nil, err
	}, func(d *provider.Denial) error {
		return h.acceptAndRefuse(w, r, v, rt, d)
	})
}

// open admits a stream, dials its vendor and starts it. down gives the client's
// socket, upgraded, and the greeting that was read from it, if any; accept tells an
// upgraded client why its budget says no. What was taken on the way is given back on
// every return before running is set.
func (h *Handler) open(a arrival, req *http.Request, v *vendor, rt provider.Route, caller Caller,
	down func(leg, *admission) (leg, []byte, error), accept func(*provider.Denial) error,
) error {
	if caller.Token && v.config.Key.Empty() {
		return denied{d: deny(provider.UpstreamUnreachable, "the gateway has no key for "+v.Name()+": set providers."+v.Name()+".key")}
	}
	if !v.config.Key.Empty() {
		rt.Reference = caller.User
	}
	running := false
	sl, err := h.streams.acquire(h.limits.Streams)
	if err != nil {
		return err
	}
	defer func() {
		if !running {
			sl.release()
		}
	}()

	stream := streamID()
	sub := subject{user: caller.User, plan: caller.Plan, provider: v.Name()}
	leased := h.gate.spans.step(req.Context(), "lease", trace.SpanKindInternal)
	adm, denial, err := h.gate.admit(req.Context(), sub, stream, rt, v.config.Charge == ChargeReported)
	leased(leaseFault(err))
	if err != nil {
		return err
	}
	if denial != nil {
		return accept(denial)
	}
	defer func() {
		if !running {
			h.gate.close(req.Context(), adm.account, sub)
		}
	}()

	// Behind the lease, which tells the stage: one may allow its users fewer streams.
	if err := sl.share(req.Context(), h.occupant(caller.User, v, adm.effects)); err != nil {
		return err
	}

	rt = h.gate.remodel(v, rt, adm.effects)
	a.span.admitted(stream, adm.effects.Stage)
	dialled := h.gate.spans.step(req.Context(), "dial", trace.SpanKindClient)
	up, err := h.dialer.dial(req.Context(), v, rt, req)
	dialled(failure(err))
	if err != nil {
		return err
	}
	client, greeting, err := down(up, adm)
	if err != nil {
		_ = up.conn.Close()
		return err
	}
	st := newStream(stream, a.id, adm, rt, v, h.relay, client, up, h.gate)
	st.longest, st.handshake = h.limits.StreamDuration, trace.SpanContextFromContext(req.Context())
	running = true
	st.tap.greet(greeting)
	st.begun()
	h.streams.start(st, sl)
	a.span.answered("ok", http.StatusSwitchingProtocols)
	return nil
}

// refuse answers a request that came to nothing, and sees to its line.
func (h *Handler) refuse(a arrival, v *vendor, err error) {
	attrs := []slog.Attr{slog.String("request", a.id), slog.String("remote", a.r.RemoteAddr), slog.String("path", a.r.URL.Path)}
	name := "none"
	if v != nil {
		name = v.Name()
		attrs = append(attrs, slog.String("provider", name))
	}
	a.body.before(a.w.Header())
	result := h.answer(a, v, err)
	a.span.answered(result, statusOf(err))
	h.gate.metrics.refused(name, result)
	if d := denialOf(err); result == d.Cause() {
		r := Refused{Request: a.id, User: a.who.User, Plan: a.who.Plan, Mode: a.who.mode}
		if v != nil {
			r.Provider = v.Name()
		}
		h.gate.refusedAt(AtTheDoor, d, r)
	}
	attrs = append(attrs, traceAttrs(trace.SpanContextFromContext(a.r.Context()))...)
	attrs = append(attrs, slog.String("result", result), slog.Any("error", err))
	h.gate.lines.tell(a.r.Context(), slog.LevelInfo, lineKind{"refused", name, result}, a.asking(), attrs...)
}
