package provider

import (
	"net/http"
	"strings"

	"github.com/sttgate/sttgate/config/secret"
)

// Soniox's credential travels as
//
//	Authorization: Bearer KEY                    servers, REST
//	Sec-WebSocket-Protocol: soniox-api-key, KEY  browsers
//	{"api_key": KEY, …}                          the first message: every SDK up to 2.3

// sonioxProtocol is the subprotocol that stands before a key.
const sonioxProtocol = "soniox-api-key"

// Credential returns the header's, else the subprotocol's.
func (Soniox) Credential(r *http.Request) string {
	for _, line := range headerLines(r.Header, "Authorization") {
		line = strings.Trim(line, " \t")
		if i := strings.IndexAny(line, " \t"); i > 0 && strings.EqualFold(line[:i], "bearer") {
			return strings.Trim(line[i:], " \t")
		}
	}
	l := offered(r.Header)
	for i := 0; i+1 < len(l); i++ {
		if strings.EqualFold(l[i], sonioxProtocol) {
			return l[i+1]
		}
	}
	return ""
}

// Authorize sets "Authorization: Bearer KEY" and offers no subprotocol: with a key
// of ours, or the caller's own wherever it stood.
func (s Soniox) Authorize(out, in *http.Request, key secret.Value) {
	remove(out.Header, "Authorization")
	remove(out.Header, "Sec-WebSocket-Protocol")
	remove(out.Header, "X-Soniox-Api-Key") // no form of the vendor's; x-soniox-* passes otherwise
	credential := key.Reveal()
	if key.Empty() {
		credential = s.Credential(in)
	}
	if credential != "" {
		out.Header.Set("Authorization", "Bearer "+credential)
	}
}

// Accept answers the subprotocol as the client wrote it, never the key behind it:
// a client that offered and is answered nothing fails. The vendor was offered no
// subprotocol and no extension; its other headers are its own business.
func (Soniox) Accept(in *http.Request, vendor *http.Response) (http.Header, error) {
	if vendor != nil {
		if len(list(headerLines(vendor.Header, "Sec-WebSocket-Extensions"))) > 0 {
			return nil, errExtension
		}
		if len(offered(vendor.Header)) > 0 {
			return nil, errProtocol
		}
	}
	out := make(http.Header)
	for _, name := range offered(in.Header) {
		if strings.EqualFold(name, sonioxProtocol) {
			out.Set("Sec-WebSocket-Protocol", name)
			break
		}
	}
	return out, nil
}
