package proxy

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/proxy/provider"
)

// errAnswered is an error after the client had its answer: it is logged, and
// nothing more is written.
type errAnswered struct{ error }

func (e errAnswered) Unwrap() error { return e.error }

// longestPause is the most that Retry-After asks of a client beside the streams. SDKs that send a
// request again by themselves sleep on it, for a minute at most, and then send their file into the
// same refusal, and once more: their user would wait two minutes for the error. RateLimit tells the time
// to who reads it.
const longestPause = time.Minute

// answer tells the client why its request did not become a stream, and returns the
// metric's word for it.
func (h *Handler) answer(a arrival, v *vendor, err error) string {
	var (
		own  refused
		done errAnswered
		no   denied
	)
	switch {
	case errors.As(err, &done) && errors.As(err, &no):
		return no.d.Cause() // told in-band, behind the upgrade
	case errors.As(err, &done):
		return "answered"
	case errors.As(err, &own):
		passRefusal(a.w, v, own)
		return "vendor_refused"
	case errors.Is(err, context.Canceled):
		return "client_lost" // it hung up during the handshake: nobody to answer
	}
	d := denialOf(err)
	d.RequestID = a.id
	if errors.As(err, &no) && no.grant != nil && d.Status == http.StatusTooManyRequests {
		h.gate.setRateLimit(a.w.Header(), no.grant.Balances, no.grant.At)
	}
	var p provider.Provider
	if v != nil {
		p = v.Provider
	}
	helps := websocket.IsWebSocketUpgrade(a.r) || d.RetryAfter <= longestPause
	writeRefusal(a.w, p, d, h.retryAfter && helps)
	if d.Reason == "" {
		return "error"
	}
	return d.Cause()
}

// statusOf is the status that answer gives an error; 0 where the client is told in-band, or has gone.
func statusOf(err error) int {
	own, theirs := errors.AsType[refused](err)
	_, late := errors.AsType[errAnswered](err)
	switch {
	case late || errors.Is(err, context.Canceled):
		return 0
	case theirs:
		return own.status
	}
	return denialOf(err).Status
}

// passRefusal hands on the vendor's own refusal: its status, its body, its safe headers.
func passRefusal(w http.ResponseWriter, v *vendor, own refused) {
	for _, name := range append([]string{"Content-Type", "Retry-After"}, v.Safe()...) {
		if values := own.header.Values(name); len(values) > 0 {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
	}
	w.WriteHeader(own.status)
	_, _ = w.Write(own.body) // the client may be gone
}

// checkHandshake finds out before anybody is dialled or charged that an upgrade
// could not be answered (RFC 6455, 4.2.1).
func checkHandshake(r *http.Request) error {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-Websocket-Key"))
	switch {
	case !websocket.IsWebSocketUpgrade(r) || r.Method != http.MethodGet:
		return &provider.Error{Status: http.StatusBadRequest, Detail: "this path takes WebSocket connections: send an upgrade request"}
	case r.Header.Get("Sec-Websocket-Version") != "13":
		return &provider.Error{Status: http.StatusBadRequest, Detail: "Sec-WebSocket-Version must be 13"}
	case err != nil || len(key) != 16:
		return &provider.Error{Status: http.StatusBadRequest, Detail: "Sec-WebSocket-Key must be 16 bytes in base64"}
	case r.ContentLength != 0:
		return &provider.Error{Status: http.StatusBadRequest, Detail: "an upgrade request has no body"}
	}
	return nil
}

// upgrade answers the client's handshake and takes its socket.
func (h *Handler) upgrade(w http.ResponseWriter, r *http.Request, v *vendor, vendorResp *http.Response, a *admission) (leg, error) {
	header, err := v.Accept(r, vendorResp)
	if err != nil {
		return leg{}, denied{d: deny(provider.UpstreamUnreachable, "the vendor's answer cannot be relayed: "+err.Error())}
	}
	h.gate.setRateLimit(header, a.grant.Balances, a.grant.At)
	return h.take(w, r, header)
}

func (h *Handler) take(w http.ResponseWriter, r *http.Request, header http.Header) (leg, error) {
	header.Set("X-Request-ID", w.Header().Get("X-Request-Id"))
	c, err := h.upgrader.Upgrade(w, r, header)
	if err != nil {
		return leg{}, errAnswered{err} // the upgrader has told the client
	}
	return leg{conn: c.NetConn()}, nil
}

// acceptAndRefuse upgrades a client only to tell it in the vendor's in-band shape
// that it may not speak: browsers and some SDKs cannot read a refused upgrade.
func (h *Handler) acceptAndRefuse(w http.ResponseWriter, r *http.Request, v *vendor, rt provider.Route, d *provider.Denial) error {
	header, err := v.Accept(r, nil)
	if err != nil {
		return denied{d: d}
	}
	header.Set("X-Sttgate-Reason", string(d.Reason))
	header.Set("X-Request-ID", w.Header().Get("X-Request-Id"))
	c, err := h.upgrader.Upgrade(w, r, header)
	if err != nil {
		return errAnswered{err}
	}
	if rt.Hello {
		_, _ = h.readGreeting(c.NetConn(), v, h.helloTimeout) // whether or not it speaks: it is told all the same
	}
	return h.farewell(c, v.Open(rt), d, header.Get("X-Request-Id"))
}

// farewell tells an upgraded client in-band why its stream never began, and closes.
func (h *Handler) farewell(c *websocket.Conn, session provider.Session, d *provider.Denial, id string) error {
	defer func() { _ = c.Close() }()
	deadline := time.Now().Add(farewellTimeout)
	_ = c.SetWriteDeadline(deadline) // fails only on a closed socket, and then so does the write
	_ = c.SetReadDeadline(deadline)
	named := *d
	named.RequestID = id
	msgs, code, reason := session.Farewell(named)
	for _, m := range msgs {
		if err := c.WriteMessage(int(m.Op), m.Payload); err != nil {
			return errAnswered{err}
		}
	}
	if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), deadline); err != nil {
		return errAnswered{err}
	}
	c.SetReadLimit(h.relay.MaxMessage)
	for { // until its Close: closing first would destroy what it has not read yet
		if _, _, err := c.NextReader(); err != nil {
			return errAnswered{denied{d: d}}
		}
	}
}

// farewellTimeout is how long a refused client may take to read why.
const farewellTimeout = 2 * time.Second
