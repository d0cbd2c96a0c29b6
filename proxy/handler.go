package proxy

import (
	"log/slog"
	"net/http"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// Handler serves the vendors' paths on one listener.
type Handler struct {
	vendors    []vendor // those of this listener, in the order in which the root is searched
	paths      bool     // identity may stand in the path
	identify   *Identifier
	gate       *gate
	streams    *Streams
	dialer     *dialer
	upgrader   websocket.Upgrader
	relay      relay.Config
	retryAfter bool
	log        *slog.Logger
}

// vendor is a provider with what the config says of it.
type vendor struct {
	provider.Provider
	config ProviderConfig
}

// ServeHTTP relays a stream or says why not.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID(r)
	w.Header().Set("X-Request-ID", id)
	if v, err := h.serve(w, r, id); err != nil {
		h.refuse(w, r, v, id, err)
	}
}

// serve is the way of a stream: identify, match, admit, dial, upgrade, relay. It
// returns an error only while the client can still be told over HTTP. What was
// taken on the way is given back on every return before running is set.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, id string) (*vendor, error) {
	v, err := h.locate(r)
	if err != nil {
		return v, err
	}
	caller, req, err := h.identify.Identify(r, v.Credential(r))
	if err != nil {
		return v, err
	}
	rt, err := v.Match(withoutPrefix(req, v.Name()))
	if err != nil {
		return v, err
	}
	if err := checkHandshake(req); err != nil {
		return v, err
	}
	if caller.Token && v.config.Key.Empty() {
		return v, denied{d: deny(provider.UpstreamUnreachable, "the gateway has no key for "+v.Name()+": set providers."+v.Name()+".key")}
	}

	running := false
	release, err := h.streams.acquire(caller.User, v.Name())
	if err != nil {
		return v, err
	}
	defer func() {
		if !running {
			release()
		}
	}()

	stream := uuid.NewString()
	sub := subject{user: caller.User, plan: caller.Plan, provider: v.Name()}
	adm, denial, err := h.gate.admit(r.Context(), sub, stream, rt)
	if err != nil {
		return v, err
	}
	if denial != nil {
		return v, h.acceptAndRefuse(w, r, v, rt, denial)
	}
	defer func() {
		if !running {
			h.gate.close(r.Context(), adm.account, caller.User)
		}
	}()

	up, err := h.dialer.dial(r.Context(), v, rt, req)
	if err != nil {
		return v, err
	}
	down, err := h.upgrade(w, r, v, up.response, adm)
	if err != nil {
		_ = up.conn.Close()
		return v, err
	}
	st, err := newStream(stream, id, adm, rt, v.Open(rt), h.relay, down, up, h.gate)
	if err != nil {
		_ = up.conn.Close()
		_ = down.conn.Close()
		return v, errAnswered{err}
	}
	running = true
	st.begun()
	h.streams.start(st, release)
	return v, nil
}

// refuse answers a request that did not become a stream and writes its one line.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, v *vendor, id string, err error) {
	attrs := []slog.Attr{slog.String("request", id), slog.String("remote", r.RemoteAddr), slog.String("path", r.URL.Path)}
	name := "none"
	if v != nil {
		name = v.Name()
		attrs = append(attrs, slog.String("provider", name))
	}
	result := h.answer(w, v, id, err)
	h.gate.metrics.refused(name, result)
	h.log.LogAttrs(r.Context(), slog.LevelInfo, "refused", append(attrs, slog.String("result", result), slog.Any("error", err))...)
}
