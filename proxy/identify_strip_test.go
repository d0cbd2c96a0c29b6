package proxy

import (
	"strings"
	"testing"
)

func TestOtherQueryParametersKeepTheirBytesAndOrder(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"alone", "sttgate_user=alice", ""},
		{"first", "sttgate_user=alice&b=2", "b=2"},
		{"last", "a=1&sttgate_user=alice", "a=1"},
		{"between", "a=1&sttgate_user=alice&b=2", "a=1&b=2"},
		{"odd escapes stay", "keyterm=a%2fb+c%20d&sttgate_user=alice&x=%C3%A4&x=", "keyterm=a%2fb+c%20d&x=%C3%A4&x="},
		{"repeated keys stay", "tag=1&tag=2&sttgate_user=alice&tag=1", "tag=1&tag=2&tag=1"},
		{"empty pairs stay", "&&a=1&sttgate_user=alice&", "&&a=1&"},
		{"upper case", "STTGATE_USER=alice&a=1", "a=1"},
		{"escaped name", "sttgate%5Fuser=alice&a=1", "a=1"},
		{"blank behind the name", "sttgate_user+=alice&a=1", "a=1"},
		{"a longer name stays", "sttgate_user=alice&sttgate_users=x&my_sttgate_user=y", "sttgate_users=x&my_sttgate_user=y"},
		{"a value of that name stays", "sttgate_user=alice&extra=sttgate_user", "extra=sttgate_user"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, out, err := identifier(t, identityConfig()).Identify(ask(t, near, "/v1/listen?"+tt.in), "")
			if err != nil {
				t.Fatal(err)
			}
			if out.URL.RawQuery != tt.want {
				t.Errorf("got %q, want %q", out.URL.RawQuery, tt.want)
			}
		})
	}
}

func TestPathPrefixIsCutAndTheRestKeepsItsEncoding(t *testing.T) {
	tests := []struct{ in, path, raw string }{
		{"/u/alice/v1/listen", "/v1/listen", ""},
		{"/u/a%40b.com/v1/listen", "/v1/listen", ""},
		{"/u/a%40b.com/v1/li%73ten", "/v1/listen", "/v1/li%73ten"}, // for the vendor's Match to refuse
		{"/u/alice/v1%2Flisten", "/v1/listen", "/v1%2Flisten"},
		{"/u/alice//v1/listen", "//v1/listen", ""},
		{"/u/alice/../v1/listen", "/../v1/listen", ""},
		{"/u/alice/", "/", ""},
		{"/u/alice", "/", ""},
		{"/u/alice/deepgram/v1/listen", "/deepgram/v1/listen", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			_, out, err := identifier(t, identityConfig()).Identify(ask(t, near, tt.in), "")
			if err != nil {
				t.Fatal(err)
			}
			if out.URL.Path != tt.path || out.URL.RawPath != tt.raw {
				t.Errorf("got %q, raw %q; want %q, raw %q", out.URL.Path, out.URL.RawPath, tt.path, tt.raw)
			}
		})
	}
}

func TestCallerTokenNeverTravelsOn(t *testing.T) {
	tok := goodToken(t, "carol", "")
	r := ask(t, far, "/v1/listen?a=1&jwt="+tok+"&b=%65yJ&token="+strings.Replace(tok, "e", "%65", 1),
		"Authorization", "Bearer "+tok,
		"Sec-WebSocket-Protocol", "bearer, "+tok+", x-deepgram-session-id, 1",
		"X-Copy", tok, "User-Agent", "sdk/1")
	_, out, err := identifier(t, identityConfig()).Identify(r, tok)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.URL.RawQuery; got != "a=1&b=%65yJ" {
		t.Errorf("query %q", got)
	}
	// The list keeps its pairs, so that the answer can still choose from it.
	if got := out.Header.Get("Sec-WebSocket-Protocol"); got != "bearer, sttgate, x-deepgram-session-id, 1" {
		t.Errorf("subprotocols %q", got)
	}
	if got := out.Header.Get("User-Agent"); got != "sdk/1" {
		t.Errorf("another header became %q", got)
	}
	if left := tracesOf(identifier(t, identityConfig()), out, tok, true); left != "" {
		t.Errorf("the request still holds %s", left)
	}
	if r.Header.Get("Authorization") != "Bearer "+tok {
		t.Error("the client's own request was changed")
	}
}

func TestVendorCredentialOfTrustedPeerStays(t *testing.T) {
	r := ask(t, near, "/v1/listen", "X-Sttgate-User", "alice", "Authorization", "Token vendor-key")
	_, out, err := identifier(t, identityConfig()).Identify(r, "vendor-key")
	if err != nil || out.Header.Get("Authorization") != "Token vendor-key" {
		t.Errorf("got %q, %v", out.Header.Get("Authorization"), err)
	}
}

func TestStrippedRequestDoesNotShareTheHeaderMap(t *testing.T) {
	r := ask(t, near, "/v1/listen", "X-Sttgate-User", "alice")
	_, out, err := identifier(t, identityConfig()).Identify(r, "")
	if err != nil {
		t.Fatal(err)
	}
	out.Header.Set("X-New", "1")
	out.URL.Path = "/changed"
	if r.Header.Get("X-New") != "" || r.URL.Path != "/v1/listen" {
		t.Error("changing the copy changed the original")
	}
}
