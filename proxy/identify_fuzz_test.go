package proxy

import (
	"bufio"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// FuzzIdentity throws raw requests at the parser of net/http and what it lets through
// at Identify: whoever is accepted has a good id, and nothing of ours goes on.
func FuzzIdentity(f *testing.F) {
	tok := goodToken(f, "carol", "pro")
	for _, head := range []string{
		"GET /v1/listen?encoding=linear16 HTTP/1.1\r\nHost: h\r\nX-Sttgate-User: alice\r\nX-Sttgate-Plan: pro\r\n\r\n",
		"GET /u/alice/v1/listen?a=1&sttgate_user=alice HTTP/1.1\r\nHost: h\r\nConnection: x-sttgate-user\r\n\r\n",
		"GET /u/a%40b/v1/listen?STTGATE%5fUSER=a%40b;x HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /%75/alice/u/bob HTTP/1.1\r\nHost: h\r\nX_Sttgate_User: bob\r\nX-Sttgate-User: a, b\r\n\r\n",
		"GET http://other/u/x/v1/listen?jwt=" + tok + " HTTP/1.1\r\nHost: h\r\nX-Sttgate-Peer-Secret: " + proof + "\r\n\r\n",
		"GET /v1/listen HTTP/1.1\r\nHost:\r\nSec-WebSocket-Protocol: bearer, " + tok + "\r\n\r\n",
	} {
		f.Add(head, near, tok)
		f.Add(head, far, "vendor-key")
		f.Add(head, "[::ffff:10.0.0.1]:1", tok[:len(tok)-4])
	}
	strict, open := identityConfig(), identityConfig()
	share(&open)
	open.TrustedPeers = nil
	gates := []*Identifier{identifier(f, strict), identifier(f, open)}
	f.Fuzz(func(t *testing.T, head, remote, credential string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			return
		}
		r.RemoteAddr = remote
		for _, i := range gates {
			c, out, err := i.Identify(r, credential)
			if err != nil {
				var id *IdentityError
				if !errors.As(err, &id) || (id.Status != 400 && id.Status != 401) {
					t.Fatalf("not an identity error: %v", err)
				}
				if len(credential) > 8 && strings.Contains(err.Error(), credential) {
					t.Fatalf("the error repeats the credential: %v", err)
				}
				continue
			}
			if !validID(c.User) || c.Plan != "" && !validID(c.Plan) {
				t.Fatalf("accepted %+v", c)
			}
			if (c.User == AnonymousUser) != (c.Via == ViaShared) {
				t.Fatalf("%+v has the shared name and is not shared, or the reverse", c)
			}
			if left := tracesOf(i, out, credential, c.Token); left != "" {
				t.Fatalf("the request still holds %s: %s %v", left, out.URL, out.Header)
			}
		}
	})
}
