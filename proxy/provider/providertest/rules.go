package providertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/proxy/provider"
)

// rules are checked at each request that is served: what no vendor may do, whatever
// its transcripts show.
func (p *player) rules() error {
	switch {
	case p.route.Provider != p.p.Name():
		return fmt.Errorf("the route is of %q, the vendor's name is %q", p.route.Provider, p.p.Name())
	case p.route.Weight < 1:
		return errors.New("a weight below 1 is free audio")
	}
	return errors.Join(p.ruleAuthorize(), p.ruleAccept(), p.ruleRefuse(), p.ruleFarewell(), p.ruleMatch())
}

// ruleAuthorize: with a key of ours the vendor never sees the caller's.
func (p *player) ruleAuthorize() error {
	before := fmt.Sprint(p.in.Header)
	out := p.authorized(secret.New(VendorKey))
	all := fmt.Sprint(out.Header, out.URL)
	switch {
	case strings.Contains(all, CallerKey):
		return errors.New("authorize passes the caller's credential beside our key")
	case !strings.Contains(all, VendorKey):
		return errors.New("authorize does not set our key")
	case fmt.Sprint(p.in.Header) != before:
		return errors.New("authorize changes the caller's request")
	}
	return nil
}

// ruleAccept: an answer holds no credential and negotiates nothing that the relay cannot read.
func (p *player) ruleAccept() error {
	h, err := p.p.Accept(p.in, nil)
	if err != nil {
		return fmt.Errorf("accept without a vendor: %w", err)
	}
	if strings.Contains(fmt.Sprint(h), CallerKey) {
		return errors.New("accept answers with the caller's credential")
	}
	compressed := &http.Response{
		StatusCode: http.StatusSwitchingProtocols, Request: p.authorized(secret.New(VendorKey)),
		Header: http.Header{"Sec-Websocket-Extensions": {"permessage-deflate"}},
	}
	if h, err := p.p.Accept(p.in, compressed); err == nil {
		return fmt.Errorf("accept takes a vendor that compresses: %v", h)
	}
	return nil
}

// ruleRefuse: every reason has a shape that is JSON.
func (p *player) ruleRefuse() error {
	for _, reason := range reasons() {
		r := p.p.Refuse(denial(string(reason)))
		if b, err := json.Marshal(r.Members); err != nil || len(r.Members) == 0 {
			return fmt.Errorf("refuse %s: members %s: %w", reason, b, err)
		}
	}
	return nil
}

// ruleFarewell: every reason has last words, to the client only, that may be asked
// for again, and a code that may stand on the wire.
func (p *player) ruleFarewell() error {
	for _, reason := range reasons() {
		s, d := p.p.Open(p.route), denial(string(reason))
		ms, code, text := s.Farewell(d)
		again, code2, text2 := s.Farewell(d)
		switch {
		case !reflect.DeepEqual(ms, again) || code != code2 || text != text2:
			return fmt.Errorf("farewell %s is not the same when asked again", reason)
		case code < 1000 || code > 4999 || code == 1005 || code == 1006 || code == 1015 || len(text) > 123:
			return fmt.Errorf("farewell %s closes with %d %q", reason, code, text)
		}
		for _, m := range ms {
			if m.To != provider.ToClient || m.Op != provider.Text || !json.Valid(m.Payload) {
				return fmt.Errorf("farewell %s says %q", reason, m.Payload)
			}
		}
	}
	return nil
}

// ruleMatch: a path that is nearly the vendor's is not the vendor's.
func (p *player) ruleMatch() error {
	for _, path := range []string{"/x" + p.in.URL.Path, "/" + p.in.URL.Path, p.in.URL.Path + "/x/y", p.in.URL.Path + "/../y"} {
		r := p.in.Clone(p.in.Context())
		r.URL.Path, r.URL.RawPath = path, ""
		if _, err := p.p.Match(r); err == nil {
			return fmt.Errorf("match serves %s beside %s", path, p.in.URL.Path)
		}
	}
	return nil
}
