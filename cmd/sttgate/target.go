package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// target is a gateway as one caller reaches it.
type target struct {
	ws     bool // plain ws, no TLS
	host   string
	prefix string // path before the vendor's own, without a slash at the end
	user   string
	token  string // whatever sits in the vendor's credential slot
}

// userHeader is the default of identity.header.
const userHeader = "X-Sttgate-User"

// placeholder fills the credential slot when there is no credential: the SDK
// insists on one, and the gateway strips it.
const placeholder = "sttgate-send"

// parseTarget takes ws, wss, http and https; http means ws.
func parseTarget(raw, user, token string) (target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, usagef("--url: %v", err)
	}
	t := target{host: u.Host, prefix: strings.TrimRight(u.Path, "/"), user: user, token: token}
	switch u.Scheme {
	case "ws", "http":
		t.ws = true
	case "wss", "https":
	default:
		return target{}, usagef("--url %s: use ws://host:port or wss://host", raw)
	}
	if u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return target{}, usagef("--url %s: a scheme, a host and at most a path", raw)
	}
	if strings.ContainsAny(token, " \r\n\t") {
		return target{}, usagef("--token has a space or a line break in it")
	}
	return t, nil
}

// url is an address below the target; scheme is "ws" or "http".
func (t target) url(scheme, path string, q url.Values) string {
	if !t.ws {
		scheme += "s"
	}
	u := url.URL{Scheme: scheme, Host: t.host, Path: t.prefix + path, RawQuery: q.Encode()}
	return u.String()
}

// header carries the identity, as the SDK sends it too.
func (t target) header() http.Header {
	h := http.Header{}
	if t.user != "" {
		h.Set(userHeader, t.user)
	}
	return h
}

// credential is what the SDK puts behind "token".
func (t target) credential() string {
	if t.token == "" {
		return placeholder
	}
	return t.token
}

// authorized adds the credential as the SDK does.
func (t target) authorized() http.Header {
	h := t.header()
	h.Set("Authorization", "token "+t.credential())
	return h
}

// bearer adds the credential as most REST clients do.
func (t target) bearer() http.Header {
	h := t.header()
	h.Set("Authorization", "Bearer "+t.credential())
	return h
}

func (t target) String() string { return fmt.Sprintf("%s (user %q)", t.url("ws", "", nil), t.user) }
