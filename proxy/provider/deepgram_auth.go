package provider

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sttgate/sttgate/config/secret"
)

// Deepgram's credential travels as
//
//	Authorization: Token KEY | Bearer JWT              any case of the scheme
//	Sec-WebSocket-Protocol: token, KEY                 browsers; bearer, JWT
//	Sec-WebSocket-Protocol: token, KEY, x-deepgram-session-id, UUID

// deepgramScheme reports Deepgram's two words before a credential.
func deepgramScheme(s string) bool {
	return strings.EqualFold(s, "token") || strings.EqualFold(s, "bearer")
}

const deepgramSessionID = "x-deepgram-session-id"

// protocolPairs reads the subprotocols as name and value by turns. A last name
// without value is left out.
func protocolPairs(h http.Header) [][2]string {
	l := offered(h)
	var out [][2]string
	for i := 0; i+1 < len(l); i += 2 {
		out = append(out, [2]string{l[i], l[i+1]})
	}
	return out
}

// Credential returns the first credential: the header's, else the subprotocol's.
func (Deepgram) Credential(r *http.Request) string {
	for _, line := range headerLines(r.Header, "Authorization") {
		line = strings.Trim(line, " \t")
		if i := strings.IndexAny(line, " \t"); i > 0 && deepgramScheme(line[:i]) {
			return strings.Trim(line[i:], " \t")
		}
	}
	for _, p := range protocolPairs(r.Header) {
		if deepgramScheme(p[0]) {
			return p[1]
		}
	}
	return ""
}

// Authorize sets "Authorization: Token KEY" and offers no subprotocol, or, without
// a key, offers the vendor what the caller offered.
func (Deepgram) Authorize(out, in *http.Request, key secret.Value) {
	remove(out.Header, "Authorization")
	remove(out.Header, "Sec-WebSocket-Protocol")
	if key.Empty() {
		copyLines(out.Header, in.Header, "Authorization")
		copyLines(out.Header, in.Header, "Sec-WebSocket-Protocol")
		return
	}
	out.Header.Set("Authorization", "Token "+key.Reveal())
	for _, p := range protocolPairs(in.Header) {
		// The id correlates a client's streams in support cases. Only a UUID passes:
		// anything else in this place could be a credential.
		if strings.EqualFold(p[0], deepgramSessionID) && isUUID(p[1]) {
			out.Header.Set(deepgramSessionID, p[1])
		}
	}
}

func copyLines(dst, src http.Header, name string) {
	if lines := headerLines(src, name); len(lines) > 0 {
		dst[http.CanonicalHeaderKey(name)] = append([]string(nil), lines...)
	}
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
			continue
		}
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
			return false
		}
	}
	return true
}

// What a vendor's 101 must not do. The texts do not repeat what was selected: it
// may be the caller's key.
var (
	errExtension = errors.New("vendor negotiated a WebSocket extension that was not offered")
	errProtocol  = errors.New("vendor selected a subprotocol that was not offered")
)

// Accept answers the subprotocol and passes the vendor's dg-* headers. A client
// that offered subprotocols and is answered none fails ("Server did not respond
// with sent protocols"); one that is answered its key has it in its logs. Without
// a vendor's answer (nil), a client is accepted only to be told no.
func (Deepgram) Accept(in *http.Request, vendor *http.Response) (http.Header, error) {
	if vendor == nil {
		vendor = &http.Response{}
	}
	if len(list(headerLines(vendor.Header, "Sec-WebSocket-Extensions"))) > 0 {
		return nil, errExtension
	}
	protocol, err := deepgramProtocol(in, vendor)
	if err != nil {
		return nil, err
	}
	out := make(http.Header)
	if protocol != "" {
		out.Set("Sec-WebSocket-Protocol", protocol)
	}
	for name, lines := range vendor.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "dg-") && lower != "dg-token" {
			out[http.CanonicalHeaderKey(name)] = append([]string(nil), lines...)
		}
	}
	return out, nil
}

// deepgramProtocol chooses what the client is answered: the vendor's choice where
// it made one, else the scheme the client offered.
func deepgramProtocol(in *http.Request, vendor *http.Response) (string, error) {
	selected := offered(vendor.Header)
	if len(selected) > 1 {
		return "", errProtocol
	}
	pairs := protocolPairs(in.Header)
	if len(selected) == 1 {
		if vendor.Request != nil && !contains(protocolPairs(vendor.Request.Header), selected[0]) {
			return "", errProtocol
		}
		if !contains(pairs, selected[0]) || !deepgramScheme(selected[0]) {
			return "", errProtocol
		}
		return selected[0], nil
	}
	for _, p := range pairs {
		if deepgramScheme(p[0]) {
			return p[0], nil
		}
	}
	return "", nil
}

// contains reports whether name stands in a place where names stand, in exactly
// this case (RFC 6455, 4.1: the answer is compared byte for byte).
func contains(pairs [][2]string, name string) bool {
	for _, p := range pairs {
		if p[0] == name {
			return true
		}
	}
	return false
}
