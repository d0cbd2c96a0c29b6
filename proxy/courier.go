package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sttgate/sttgate/proxy/provider"
)

// vendorPatience is how long a vendor may think about a request before its answer begins, and be
// silent in the middle of it: more than the ten and twenty minutes that their own gateways allow, and any long poll.
const vendorPatience = 30 * time.Minute

// courier carries HTTP requests to the vendors, on connections of its own. It follows no
// redirect, which would carry our key to whoever is named there, and asks for no compression,
// under which nobody could read what a job has cost. Safe for concurrent use.
type courier struct {
	transport *http.Transport
	patience  time.Duration // vendorPatience
	metrics   *Metrics
	spans     *spans
}

func newCourier(timeout time.Duration, base *tls.Config, m *Metrics, sp *spans) *courier {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		cfg = base.Clone()
	}
	cfg.NextProtos = []string{"http/1.1"} // one upload, one connection: no other's can stall it
	dial := net.Dialer{Timeout: timeout}
	return &courier{metrics: m, spans: sp, patience: vendorPatience, transport: &http.Transport{
		DialContext: dial.DialContext, TLSClientConfig: cfg, TLSHandshakeTimeout: timeout,
		DisableCompression: true, ResponseHeaderTimeout: vendorPatience, MaxResponseHeaderBytes: 64 << 10,
		// Shorter than the vendors': a request with a body cannot be sent again when the
		// connection that it was given turns out to be gone.
		IdleConnTimeout: 20 * time.Second, MaxIdleConnsPerHost: 64,
	}}
}

// close gives the idle connections up.
func (c *courier) close() { c.transport.CloseIdleConnections() }

// parcel is a request to the vendor. length is the body's, -1 where nobody knows; a nil
// body is none.
type parcel struct {
	route  provider.Route
	in     *http.Request // the client's
	body   io.Reader
	length int64
}

// send brings the vendor's answer, whatever its status. The error is a denied, or the
// context's cause.
func (c *courier) send(ctx context.Context, v *vendor, p parcel) (*http.Response, error) {
	target, err := base(v.config, p.route)
	if err != nil {
		return nil, err
	}
	out := (&http.Request{Method: p.in.Method, URL: target, Host: target.Host, Header: restHeader(p.in.Header, v.Name())}).WithContext(ctx)
	v.Authorize(out, p.in, v.config.Key)
	out.Header.Set("Accept-Encoding", "identity")
	if len(out.Header.Values("User-Agent")) == 0 {
		out.Header.Set("User-Agent", "") // the library's own would be news to the vendor
	}
	if p.body != nil {
		out.Body, out.ContentLength = io.NopCloser(p.body), p.length
	}
	sent := c.spans.step(ctx, "send", trace.SpanKindClient)
	resp, err := c.transport.RoundTrip(out)
	if err != nil {
		err = c.failed(ctx, v.Name(), err)
	}
	sent(failure(err))
	if err != nil {
		return nil, err
	}
	resp.Body = &patient{ReadCloser: resp.Body, patience: c.patience}
	switch {
	case resp.StatusCode >= 400:
		c.metrics.failed(v.Name(), errorCode(resp.StatusCode))
	case resp.StatusCode >= 300 && resp.StatusCode != http.StatusNotModified || resp.StatusCode < 200:
		_ = resp.Body.Close()
		c.metrics.failed(v.Name(), "unreachable")
		return nil, denied{d: deny(provider.UpstreamUnreachable, v.Name()+" answered with a redirect, which is not followed; check providers."+v.Name()+".url")}
	}
	return resp, nil
}

// patient is an answer whose vendor may not be silent for ever: nobody else would notice, for what
// was paid for is waited for also when its client has gone.
type patient struct {
	io.ReadCloser
	patience time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	t := time.AfterFunc(p.patience, func() { _ = p.Close() }) // ends the reading
	defer t.Stop()
	return p.ReadCloser.Read(b)
}

func (c *courier) failed(ctx context.Context, name string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	err = unreachable(context.Background(), name, err)
	c.metrics.failed(name, failure(err))
	return err
}

// restHeader copies what may pass to the vendor with a request beside the streams.
func restHeader(in http.Header, vendor string) http.Header {
	out := vendorHeader(in, vendor)
	for _, name := range []string{"Content-Type", "Accept", "Accept-Language", "Cache-Control", "If-None-Match", "If-Modified-Since"} {
		if lines := in.Values(name); len(lines) > 0 {
			out[name] = slices.Clone(lines)
		}
	}
	return out
}

// clientHeader copies what may pass to the client with an answer. It is an allowlist: cookies,
// hop-by-hop headers, the vendor's own CORS and its addresses (Location, Link) are not on it.
func clientHeader(dst, answer http.Header, safe []string) {
	for name, lines := range answer {
		switch name {
		case "Content-Type", "Content-Language", "Content-Disposition", "Content-Encoding", "Cache-Control", "Etag", "Last-Modified", "Retry-After":
		default:
			known := slices.ContainsFunc(safe, func(s string) bool { return strings.EqualFold(s, name) })
			if !known && (!strings.HasSuffix(name, "Request-Id") || name == "X-Request-Id") { // ours stands there
				continue
			}
		}
		dst[name] = lines
	}
}
