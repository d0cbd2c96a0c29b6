package provider

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/sttgate/sttgate/config/secret"
)

// Speechmatics' credential travels as
//
//	Authorization: Bearer KEY    servers, REST
//	?jwt=KEY                     browsers, and the JavaScript SDK everywhere
//	?api_key=KEY                 previews of the vendor's
//
// and to the vendor always in the header: no access log of theirs needs to hold it.

// Credential returns the header's, else the query's.
func (Speechmatics) Credential(r *http.Request) string {
	for _, line := range headerLines(r.Header, "Authorization") {
		line = strings.Trim(line, " \t")
		if i := strings.IndexAny(line, " \t"); i > 0 && strings.EqualFold(line[:i], "bearer") {
			return strings.Trim(line[i:], " \t")
		}
	}
	for _, name := range []string{"jwt", "api_key"} {
		for p := range strings.SplitSeq(r.URL.RawQuery, "&") {
			if k, v, _ := strings.Cut(p, "="); k == name && v != "" {
				if s, err := url.QueryUnescape(v); err == nil {
					return s
				}
			}
		}
	}
	return ""
}

// Authorize sets "Authorization: Bearer KEY": with a key of ours, or the caller's
// own wherever it stood.
func (s Speechmatics) Authorize(out, in *http.Request, key secret.Value) {
	remove(out.Header, "Authorization")
	credential := key.Reveal()
	if key.Empty() {
		credential = s.Credential(in)
	}
	if credential != "" {
		out.Header.Set("Authorization", "Bearer "+credential)
	}
}

// Accept answers nothing of the vendor's: it was offered no subprotocol and no
// extension, and its other headers are its own business.
func (Speechmatics) Accept(_ *http.Request, vendor *http.Response) (http.Header, error) {
	if vendor != nil {
		if len(list(headerLines(vendor.Header, "Sec-WebSocket-Extensions"))) > 0 {
			return nil, errExtension
		}
		if len(offered(vendor.Header)) > 0 {
			return nil, errProtocol
		}
	}
	return make(http.Header), nil
}

// speechmaticsQuery takes the credentials out of a query and leaves every other byte of
// it. Two credentials are refused: whose stream it is must not depend on who reads it.
func speechmaticsQuery(raw string, mode Mode) (string, error) {
	pairs, err := parseQuery(raw)
	if err != nil {
		return "", err
	}
	keep, credentials := make([]string, 0, len(pairs)), 0
	for _, p := range pairs {
		switch skeleton(p.key) {
		case "jwt", "apikey", "token", "accesstoken", "key", "bearer", "authorization":
			if credentials++; credentials > 1 {
				return "", bad("the query holds more than one credential: jwt may stand once")
			}
			continue
		case "type":
			if mode == ModeMint && p.value != "rt" && p.value != "batch" {
				return "", bad("type must be rt or batch: keys for other products are not given out here")
			}
		}
		keep = append(keep, p.raw)
	}
	return strings.Join(keep, "&"), nil
}
