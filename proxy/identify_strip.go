package proxy

import (
	"net/http"
	"net/url"
	"strings"
)

// placeholder stands where the caller token stood, so that a subprotocol list keeps
// its pairs and can still be answered.
const placeholder = "sttgate"

// strip returns a copy of r without anything of ours. own is the caller token, or
// empty. The copy shares the body and the header's values, never its map.
func (i *Identifier) strip(r *http.Request, own string) *http.Request {
	u := *r.URL
	u.RawQuery = cutQuery(u.RawQuery, i.query, own)
	if i.path {
		if p, ok := readPath(r.URL); ok {
			setPath(&u, p.rest)
		}
	}
	c := *r
	c.URL, c.Header = &u, i.stripHeader(r.Header, own)
	// The line as it came holds the old path and query; whoever logs it, or makes a
	// target from it, would bring the identity back.
	c.RequestURI = u.RequestURI()
	return &c
}

func (i *Identifier) stripHeader(in http.Header, own string) http.Header {
	out := make(http.Header, len(in))
	for name, values := range in {
		if !i.ours(name) {
			out[name] = hide(values, own)
		}
	}
	return out
}

func (i *Identifier) ours(header string) bool {
	for _, name := range i.names() {
		if strings.EqualFold(header, name) {
			return true
		}
	}
	return false
}

// hide replaces the caller token in a header. The vendor must never see it: it
// opens this gateway, and a vendor logs what it refuses.
func hide(values []string, own string) []string {
	if own == "" {
		return values
	}
	var out []string
	for n, v := range values {
		if strings.Contains(v, own) {
			if out == nil {
				out = append(out, values...)
			}
			out[n] = strings.ReplaceAll(v, own, placeholder)
		}
	}
	if out == nil {
		return values
	}
	return out
}

// setPath sets a path as it was written, the way url.Parse does: RawPath stays
// empty unless the encoding was unusual.
func setPath(u *url.URL, written string) {
	path, err := url.PathUnescape(written)
	if err != nil { // readPath called it odd, so that no such request gets here
		path = written
	}
	u.Path, u.RawPath = path, ""
	if u.EscapedPath() != written {
		u.RawPath = written
	}
}
