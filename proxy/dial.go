package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// leg is one side's socket after its handshake.
type leg struct {
	conn     net.Conn
	rest     []byte         // frames that came right behind the handshake
	response *http.Response // the vendor's 101
}

// dialer makes the vendor's side before the client's is upgraded, so that a vendor
// that does not answer is a status the client can read.
type dialer struct {
	timeout time.Duration
	net     net.Dialer
	tls     *tls.Config
	metrics *Metrics
}

func newDialer(timeout time.Duration, base *tls.Config, m *Metrics) *dialer {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		cfg = base.Clone()
	}
	cfg.NextProtos = []string{"http/1.1"}  // a WebSocket upgrade does not exist in HTTP/2 as the vendors speak it
	cfg.DynamicRecordSizingDisabled = true // what arrived together leaves in one record
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(64)
	// The relay pings who is silent: the kernel need not.
	return &dialer{timeout: timeout, net: net.Dialer{KeepAlive: -1}, tls: cfg, metrics: m}
}

// dial shakes hands with the vendor. The error is a refused (the vendor's own
// answer, to be passed on), a denied, or the context's.
func (d *dialer) dial(ctx context.Context, v *vendor, rt provider.Route, in *http.Request) (leg, error) {
	start := time.Now()
	l, err := d.handshake(ctx, v, rt, in)
	d.metrics.dialled(v.Name(), failure(err), time.Since(start))
	return l, err
}

// failure is the metric's word for a failed handshake, from a closed set.
func failure(err error) string {
	var own refused
	switch {
	case err == nil:
		return ""
	case errors.As(err, &own):
		return errorCode(own.status)
	case errors.Is(err, context.Canceled):
		return "canceled"
	case denialOf(err).Reason == provider.UpstreamTimeout:
		return "timeout"
	}
	return "unreachable"
}

func (d *dialer) handshake(parent context.Context, v *vendor, rt provider.Route, in *http.Request) (leg, error) {
	ctx, cancel := context.WithTimeout(parent, d.timeout)
	defer cancel()
	target, err := upstream(v.config, rt)
	if err != nil {
		return leg{}, err
	}
	out := &http.Request{Method: http.MethodGet, URL: target, Header: vendorHeader(in.Header, v.Name())}
	v.Authorize(out, in, v.config.Key)

	var hs *handshakeConn
	gorilla := websocket.Dialer{
		// The connection that it makes is never used: it needs no buffers of the usual size.
		ReadBufferSize: 512, WriteBufferPool: noBuffers{},
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			hs, err = d.connect(ctx, network, addr, nil)
			return hs, err
		},
		NetDialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			hs, err = d.connect(ctx, network, addr, d.tls)
			return hs, err
		},
	}
	_, resp, err := gorilla.DialContext(ctx, target.String(), out.Header) //nolint:bodyclose // its body is memory; the socket is ours
	if hs != nil && !hs.stop() {                                          // the time is up, or the client has hung up
		_ = hs.Discard()
		return leg{}, unreachable(parent, v.Name(), ctx.Err())
	}
	switch {
	case err == nil && !offered(out.Header, resp.Header.Get("Sec-Websocket-Protocol")):
		_ = hs.Discard()
		return leg{}, denied{d: deny(provider.UpstreamUnreachable, v.Name()+" answered with a subprotocol that nobody offered")}
	case err == nil:
		return leg{conn: hs.Conn, rest: hs.Rest(), response: resp}, nil
	case hs == nil:
		return leg{}, unreachable(parent, v.Name(), err)
	case resp == nil || !errors.Is(err, websocket.ErrBadHandshake):
		_ = hs.Discard()
		return leg{}, unreachable(parent, v.Name(), err)
	}
	return leg{}, d.refusal(hs, v.Name())
}

// noBuffers is the pool of a connection that is not written to.
type noBuffers struct{}

func (noBuffers) Get() any { return nil }
func (noBuffers) Put(any)  {}

// handshakeConn gives up when the client does: the WebSocket dialer knows
// deadlines, but does not notice a context that is cancelled while it waits. It holds
// the request back until it is complete, which is when the answer is asked for.
type handshakeConn struct {
	*relay.HandshakeConn
	request []byte      // not sent yet
	stop    func() bool // true if the context has not ended before
}

func cancellable(ctx context.Context, c net.Conn) *handshakeConn {
	return &handshakeConn{
		HandshakeConn: relay.NewHandshakeConn(c),
		request:       make([]byte, 0, 1<<10),
		stop:          context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }),
	}
}

func (c *handshakeConn) Write(p []byte) (int, error) {
	c.request = append(c.request, p...)
	return len(p), nil
}

// WriteByte makes this a writer that needs no buffer in front of it (http.Request.Write asks).
func (c *handshakeConn) WriteByte(b byte) error {
	c.request = append(c.request, b)
	return nil
}

func (c *handshakeConn) Read(p []byte) (int, error) {
	if len(c.request) > 0 {
		_, err := c.HandshakeConn.Write(c.request)
		c.request = nil
		if err != nil {
			return 0, err
		}
	}
	return c.HandshakeConn.Read(p)
}

// connect opens the socket, and TLS on it, and stops reading where the handshake ends.
func (d *dialer) connect(ctx context.Context, network, addr string, cfg *tls.Config) (*handshakeConn, error) {
	tcp, err := d.net.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if cfg == nil {
		return cancellable(ctx, tcp), nil
	}
	cfg = cfg.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(addr)
	}
	conn := tls.Client(relay.Wrap(tcp), cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = tcp.Close() // the handshake's error is the one to tell
		return nil, err
	}
	return cancellable(ctx, conn), nil
}

// refusal turns the vendor's answer, whole, into an error that passes it on. A
// redirect is none: following it would carry our key to whoever is named there, and
// passing it on would send the client past the gateway.
func (d *dialer) refusal(hs *handshakeConn, name string) error {
	defer func() { _ = hs.Discard() }()
	resp, err := hs.Response(nil) //nolint:bodyclose // the socket is closed under it
	if err != nil {
		return denied{d: deny(provider.UpstreamUnreachable, name+" did not answer the handshake as HTTP does")}
	}
	switch {
	case resp.StatusCode >= 400:
		body, err := io.ReadAll(resp.Body) // bounded by the HandshakeConn
		if err != nil {
			return because{denied{d: deny(provider.UpstreamUnreachable, name+" broke off its answer")}, err}
		}
		return refused{resp.StatusCode, resp.Header, body}
	case resp.StatusCode >= 300:
		return denied{d: deny(provider.UpstreamUnreachable, name+" answered with a redirect, which is not followed; check providers."+name+".url")}
	}
	return denied{d: deny(provider.UpstreamUnreachable, fmt.Sprintf("%s answered the handshake with %d and no valid upgrade", name, resp.StatusCode))}
}

// unreachable classifies a dial that failed before there was an answer. The cause
// stays inside: it may name hosts that are no client's business.
func unreachable(parent context.Context, name string, err error) error {
	var nerr net.Error
	switch {
	case parent.Err() != nil:
		return parent.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &nerr) && nerr.Timeout():
		return because{denied{d: deny(provider.UpstreamTimeout, name+" did not answer in time; try again")}, err}
	}
	return because{denied{d: deny(provider.UpstreamUnreachable, name+" cannot be reached; try again")}, err}
}

// because adds the cause to a denial, for the log only.
type because struct {
	denied
	cause error
}

func (e because) Error() string   { return e.denied.Error() + ": " + e.cause.Error() }
func (e because) Unwrap() []error { return []error{e.denied, e.cause} }

// upstream is the vendor's URL of a stream.
func upstream(c ProviderConfig, rt provider.Route) (*url.URL, error) {
	u, err := base(c, rt)
	if err != nil {
		return nil, err
	}
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	return u, nil
}

// base is the vendor's URL of a route.
func base(c ProviderConfig, rt provider.Route) (*url.URL, error) {
	raw := c.URL
	if rt.Realtime && c.RealtimeURL != "" {
		raw = c.RealtimeURL
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err // Validate has parsed it before
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + rt.Path
	u.RawQuery = rt.Query
	return u, nil
}

// offered reports whether the vendor's subprotocol is one that it was offered.
func offered(h http.Header, chosen string) bool {
	if chosen == "" {
		return true
	}
	for _, line := range h["Sec-Websocket-Protocol"] {
		for p := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(p) == chosen {
				return true
			}
		}
	}
	return false
}
