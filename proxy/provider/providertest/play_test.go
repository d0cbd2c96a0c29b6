package providertest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/provider/providertest"
)

// leaky is acme with one fault.
type leaky struct {
	acme
	fault string
}

func (l leaky) Authorize(out, in *http.Request, key secret.Value) {
	l.acme.Authorize(out, in, key)
	switch l.fault {
	case "passes the caller's key":
		out.Header.Set("Old-Key", in.Header.Get("Acme-Key"))
	case "changes the request":
		in.Header.Del("Acme-Key")
	case "sets no key":
		out.Header.Del("Acme-Key")
	}
}

func (l leaky) Accept(in *http.Request, vendor *http.Response) (http.Header, error) {
	h := http.Header{}
	switch l.fault {
	case "answers the key":
		h.Set("Acme-Key", in.Header.Get("Acme-Key"))
	case "takes compression":
		return h, nil
	}
	_, err := l.acme.Accept(in, vendor)
	return h, err
}

func (l leaky) Match(r *http.Request) (provider.Route, error) {
	if l.fault == "serves neighbours" && r.URL.Path == "/x/hear" {
		return provider.Route{}, nil
	}
	rt, err := l.acme.Match(r)
	if l.fault == "weighs nothing" {
		rt.Weight = 0
	}
	return rt, err
}

func (l leaky) Open(rt provider.Route) provider.Session {
	return leakySession{l.acme.Open(rt), l.fault}
}

func (l leaky) Refuse(d provider.Denial) provider.Refusal {
	if l.fault == "has no members" {
		return provider.Refusal{}
	}
	return l.acme.Refuse(d)
}

type leakySession struct {
	provider.Session
	fault string
}

func (s leakySession) FromClient(text []byte) (provider.Action, error) {
	if s.fault == "passes a key in text" {
		return provider.Action{Replace: []byte(`{"key":"` + providertest.CallerKey + `"}`)}, nil
	}
	return s.Session.FromClient(text)
}

func (s leakySession) Farewell(d provider.Denial) ([]provider.Message, int, string) {
	ms, code, reason := s.Session.Farewell(d)
	if s.fault == "closes with 1006" {
		code = 1006
	}
	return ms, code, reason
}

func TestAFaultyVendorFails(t *testing.T) {
	const script = "header Acme-Key: CANARY-caller\nrequest /hear\nclient {}\n"
	if _, err := providertest.Play(leaky{}, []byte(script)); err != nil {
		t.Fatalf("without a fault: %v", err)
	}
	for _, fault := range []string{
		"passes the caller's key", "changes the request", "sets no key", "answers the key", "takes compression",
		"serves neighbours", "weighs nothing", "has no members", "passes a key in text", "closes with 1006",
	} {
		if _, err := providertest.Play(leaky{fault: fault}, []byte(script)); err == nil {
			t.Errorf("a vendor that %s passes", fault)
		}
	}
}

func TestAScriptThatCannotBePlayedIsAnError(t *testing.T) {
	for script, says := range map[string]string{
		"sing\n":                                "line 1",
		"finish\n":                              "before a request",
		"request /hear\nsing\n":                 "no such event",
		"request /hear\nbinary many\n":          "line 2",
		"request /hear\nbody x\n":               "no provider.Batch",
		"request /hear\ngrant {}\n":             "no provider.Granter",
		"request /hear\ngreeting {}\n":          "no provider.Greeter",
		"request /hear\ndropped {}\n":           "no audio",
		"header nonsense\n":                     "NAME: VALUE",
		"request /hear\nclient CANARY-caller\n": "passes to the vendor",
	} {
		if _, err := providertest.Play(acme{}, []byte(script)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", script, err, says)
		}
	}
}
