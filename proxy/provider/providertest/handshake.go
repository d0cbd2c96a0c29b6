package providertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
)

// handshake plays the events around a request.
func (p *player) handshake(verb, arg string) ([]string, error) {
	switch verb {
	case "key":
		p.key = secret.Value{}
		return nil, nil
	case "user":
		p.user = arg
		return nil, nil
	case "header":
		return nil, add(p.header, arg)
	case "answer":
		return nil, add(p.answer, arg)
	case "request":
		return p.request(arg)
	case "credential":
		if c := p.p.Credential(p.in); c != "" {
			return []string{c}, nil
		}
		return []string{"nothing"}, nil
	case "upstream":
		return p.upstream(), nil
	case "accept":
		return p.accept(arg), nil
	case "refuse":
		return refusal(p.p.Refuse(denial(arg)))
	}
	return nil, errVerb
}

func add(h http.Header, line string) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		return fmt.Errorf("%q is not NAME: VALUE", line)
	}
	h.Add(name, strings.TrimSpace(value))
	return nil
}

func (p *player) request(arg string) ([]string, error) {
	method, target, ok := strings.Cut(arg, " ")
	upgrade := !ok
	if upgrade {
		method, target = http.MethodGet, arg
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	p.in = &http.Request{Method: method, URL: u, RequestURI: target, Header: p.header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "gateway"}
	p.header, p.answer = make(http.Header), make(http.Header)
	if upgrade {
		p.in.Header.Set("Connection", "keep-alive, Upgrade")
		p.in.Header.Set("Upgrade", "WebSocket")
	}
	p.session = nil
	rt, err := p.p.Match(p.in)
	if refused, ok := errors.AsType[*provider.Error](err); ok {
		return []string{fmt.Sprintf("refused %d %s", refused.Status, refused.Detail)}, nil
	}
	if err != nil {
		if !errors.Is(err, provider.ErrNoRoute) {
			return nil, fmt.Errorf("an error of Match that is neither ErrNoRoute nor *Error: %w", err)
		}
		return []string{err.Error()}, nil
	}
	p.route, p.clock, p.total, p.format = rt, nil, 0, rt.Format
	p.route.Reference, p.route.Words = p.user, true
	p.session = p.p.Open(p.route)
	return []string{describe(rt)}, p.rules()
}

// describe is a route in a line.
func describe(rt provider.Route) string {
	s := rt.Variant + " " + formatted(rt.Format)
	if rt.Mode != provider.ModeStream {
		s = rt.Variant + " " + string(rt.Mode)
		if rt.Object != "" {
			s += " of " + rt.Object
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%s weight %d", s, rt.Weight))
}

func formatted(f meter.Format) string {
	if f == (meter.Format{}) {
		return "format to come"
	}
	if f.SampleRate == 0 {
		return string(f.Encoding)
	}
	return fmt.Sprintf("%s %dHz x%d", f.Encoding, f.SampleRate, f.Channels)
}

// upstream is the request as the vendor sees it, besides what the gateway adds for all.
func (p *player) upstream() []string {
	out := p.authorized(p.key)
	base := "url"
	if p.route.Realtime {
		base = "realtime_url"
	}
	target := base + " " + p.route.Path
	if p.route.Query != "" {
		target += "?" + p.route.Query
	}
	return append([]string{strings.TrimSpace(target)}, headers(out.Header)...)
}

func (p *player) authorized(key secret.Value) *http.Request {
	out := &http.Request{Method: p.in.Method, URL: &url.URL{Path: p.route.Path, RawQuery: p.route.Query}, Header: make(http.Header)}
	p.p.Authorize(out, p.in, key)
	return out
}

// accept is our 101. The vendor's was the answer to the request that it was sent.
func (p *player) accept(arg string) []string {
	var vendor *http.Response
	if arg != "nobody" {
		vendor = &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: p.answer, Request: p.authorized(p.key)}
	}
	h, err := p.p.Accept(p.in, vendor)
	if err != nil {
		return []string{"error: " + err.Error()}
	}
	return orNothing(headers(h))
}

func refusal(r provider.Refusal) ([]string, error) {
	members, err := json.Marshal(r.Members)
	return append(headers(r.Header), string(members)), err
}

func headers(h http.Header) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			out = append(out, http.CanonicalHeaderKey(name)+": "+v)
		}
	}
	return out
}

func orNothing(lines []string) []string {
	if len(lines) == 0 {
		return []string{"nothing"}
	}
	return lines
}
