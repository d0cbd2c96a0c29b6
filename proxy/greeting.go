package proxy

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// maxGreetings bounds the messages before the one that begins the stream: clients
// that connect early keep their socket alive with them.
const maxGreetings = 256

// greets says whether a client will authenticate in its first message.
func (h *Handler) greets(v *vendor, r *http.Request, credential string) bool {
	_, ok := v.Provider.(provider.Greeter)
	return ok && credential == "" && websocket.IsWebSocketUpgrade(r)
}

// serveGreeting is serve for a client whose credential is in its first message:
// match, upgrade, greeting, identify, and only then admit and dial. What goes wrong
// after the upgrade is told in-band: there is no HTTP answer left.
func (h *Handler) serveGreeting(a arrival, v *vendor) error {
	r := a.r
	rt, err := v.Match(withoutPrefix(h.identify.strip(r, ""), v.Name()))
	if err != nil {
		return err
	}
	a.span.matched(v, rt)
	if err := checkHandshake(r); err != nil {
		return err
	}
	waiting, err := h.streams.acquire(h.limits.Streams) // a socket that nobody answers for yet is bounded too
	if err != nil {
		return err
	}
	defer waiting.release()
	header, err := v.Accept(r, nil)
	if err != nil {
		return err
	}
	header.Set("X-Request-ID", a.id)
	c, err := h.upgrader.Upgrade(a.w, r, header)
	if err != nil {
		return errAnswered{err}
	}
	msg, err := h.readGreeting(c.NetConn(), v, h.relay.IdleTimeout)
	if err != nil {
		return h.farewell(c, v.Open(rt), denialOf(err), a.id)
	}
	waiting.release()
	if err := h.greeted(a, c, v, rt, msg); err != nil {
		return h.farewell(c, v.Open(rt), inBand(err), a.id)
	}
	return nil
}

// greeted goes on where the caller's credential is known.
func (h *Handler) greeted(a arrival, c *websocket.Conn, v *vendor, rt provider.Route, msg greeting) error {
	caller, req, err := h.identify.Identify(a.r, msg.credential)
	if err != nil {
		return err
	}
	*a.who = asker{caller, rt.Mode}
	if msg.credential != "" && !caller.Token { // passed through, or replaced, like any other
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+msg.credential)
	}
	return h.open(a, req, v, rt, caller, func(leg, *admission) (leg, []byte, error) {
		return leg{conn: c.NetConn()}, msg.text, c.NetConn().SetDeadline(time.Time{})
	}, func(d *provider.Denial) error { return denied{d: d} })
}

// greeting is the message that begins a stream.
type greeting struct {
	text       []byte
	credential string
}

// readGreeting reads the client's messages up to the one that begins the stream,
// each within the timeout.
func (h *Handler) readGreeting(c net.Conn, v *vendor, timeout time.Duration) (greeting, error) {
	for range maxGreetings {
		if err := c.SetReadDeadline(time.Now().Add(timeout)); err != nil {
			return greeting{}, err
		}
		text, err := relay.ReadText(c, maxGreeting)
		switch {
		case errors.Is(err, relay.ErrTooBig):
			return greeting{}, denied{d: deny(provider.TooLarge, "the start message is larger than 48 KiB")}
		case err != nil:
			return greeting{}, &provider.Error{Status: http.StatusBadRequest, Detail: "the start message did not come: " + err.Error()}
		}
		g, ok := v.Provider.(provider.Greeter)
		if !ok {
			return greeting{text: text}, nil
		}
		said, err := g.Greeting(text)
		if err != nil || said.Start {
			return greeting{text, said.Credential}, err
		}
	}
	return greeting{}, &provider.Error{Status: http.StatusBadRequest, Detail: "the start message did not come"}
}

// maxGreeting bounds a start message: contexts of 10 000 characters are legal.
const maxGreeting = 48 << 10

// inBand is an error as a denial for a client that is upgraded already. The vendor's
// own refusal keeps its status.
func inBand(err error) *provider.Denial {
	if own, ok := errors.AsType[refused](err); ok {
		d := deny(provider.UpstreamUnreachable, "the vendor refused the connection: "+http.StatusText(own.status))
		d.Status = own.status
		return d
	}
	return denialOf(err)
}

// greet puts the client's greeting on its way to the vendor, as if it had just come.
func (t *tap) greet(text []byte) {
	if text == nil {
		return
	}
	replace, v, _ := t.ClientText(text) // a fault ends the stream
	if v != relay.Pass {
		return
	}
	if replace == nil {
		replace = text
	}
	t.send([]provider.Message{{To: provider.ToVendor, Op: provider.Text, Payload: replace}})
}
