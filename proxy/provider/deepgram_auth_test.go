package provider_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/proxy/provider"
)

const (
	callers = "canary-of-the-caller"
	ours    = "canary-of-the-vendor"
	session = "c0f5bc0f-6ff3-4816-80f0-00cd66acbd1a"
)

// forms are all the places where an SDK puts its credential.
func forms() map[string]http.Header {
	protocol := func(lines ...string) http.Header { return http.Header{"Sec-Websocket-Protocol": lines} }
	return map[string]http.Header{
		"Token":                   {"Authorization": {"Token " + callers}},
		"token, as Go sends it":   {"Authorization": {"token " + callers}},
		"Bearer":                  {"Authorization": {"Bearer " + callers}},
		"bEARER, odd spacing":     {"Authorization": {" bEARER \t " + callers + " "}},
		"behind another scheme":   {"Authorization": {"Basic Zm9v", "Token " + callers}},
		"key not canonical":       {"authorization": {"Token " + callers}},
		"subprotocol":             protocol("token, " + callers),
		"subprotocol bearer":      protocol("bearer," + callers),
		"subprotocol of any case": protocol("Token\t,  " + callers + " ,"),
		"subprotocol in lines":    protocol("token", callers),
		"subprotocol of four":     protocol("token, " + callers + ", x-deepgram-session-id, " + session),
		"four in lines":           protocol("token, "+callers+",", " x-deepgram-session-id", session),
		"session first":           protocol("x-deepgram-session-id, " + session + ", token, " + callers),
		"library's spelling":      {"Sec-WebSocket-Protocol": {"token, " + callers}},
		"both":                    {"Authorization": {"Token " + callers}, "Sec-Websocket-Protocol": {"token, " + callers}},
	}
}

func TestEveryFormOfCredentialIsFound(t *testing.T) {
	for name, h := range forms() {
		if got := (provider.Deepgram{}).Credential(&http.Request{Header: h}); got != callers {
			t.Errorf("%s: %q", name, got)
		}
	}
	for name, h := range map[string]http.Header{
		"nothing":         {},
		"other scheme":    {"Authorization": {"Basic " + callers}},
		"no scheme":       {"Authorization": {callers}},
		"scheme alone":    {"Authorization": {"Token"}},
		"scheme offered":  {"Sec-Websocket-Protocol": {"token"}},
		"other protocol":  {"Sec-Websocket-Protocol": {"graphql-ws, " + callers}},
		"value as a name": {"Sec-Websocket-Protocol": {"x-deepgram-session-id, token, " + callers}},
	} {
		if got := (provider.Deepgram{}).Credential(&http.Request{Header: h}); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestInjectedKeyReplacesEveryForm(t *testing.T) {
	for name, h := range forms() {
		t.Run(name, func(t *testing.T) {
			in := &http.Request{Header: h}
			out := &http.Request{URL: &url.URL{}, Header: h.Clone()} // worse than the contract: not yet stripped
			provider.Deepgram{}.Authorize(out, in, secret.New(ours))
			if got := out.Header.Values("Authorization"); len(got) != 1 || got[0] != "Token "+ours {
				t.Errorf("Authorization %q", got)
			}
			if all := fmt.Sprint(out.Header); strings.Contains(all, callers) || strings.Contains(strings.ToLower(all), "protocol") {
				t.Errorf("left over: %s", all)
			}
			want := ""
			if strings.Contains(fmt.Sprint(h), session) {
				want = session
			}
			if got := out.Header.Get("X-Deepgram-Session-Id"); got != want {
				t.Errorf("session id %q", got)
			}
			if strings.Contains(fmt.Sprint(in.Header), ours) {
				t.Error("the key is in the caller's request")
			}
		})
	}
}

func TestSessionIDIsNoPlaceForACredential(t *testing.T) {
	in := &http.Request{Header: http.Header{"Sec-Websocket-Protocol": {"token, x, x-deepgram-session-id, " + callers}}}
	out := &http.Request{Header: http.Header{}}
	provider.Deepgram{}.Authorize(out, in, secret.New(ours))
	if strings.Contains(fmt.Sprint(out.Header), callers) {
		t.Errorf("passed: %v", out.Header)
	}
}

func TestWithoutAKeyTheCallersFormsPass(t *testing.T) {
	for name, h := range forms() {
		out := &http.Request{Header: http.Header{}}
		provider.Deepgram{}.Authorize(out, &http.Request{Header: h}, secret.Value{})
		if len(out.Header) != len(h) {
			t.Errorf("%s: %v", name, out.Header)
		}
		for k, v := range h {
			if got := out.Header[http.CanonicalHeaderKey(k)]; fmt.Sprint(got) != fmt.Sprint(v) {
				t.Errorf("%s: %s is %q", name, k, got)
			}
		}
	}
}

func TestAnswerOfTheHandshake(t *testing.T) {
	offer := func(lines ...string) http.Header { return http.Header{"Sec-Websocket-Protocol": lines} }
	four := "bearer, " + callers + ", x-deepgram-session-id, " + session
	for _, tc := range []struct {
		name         string
		in           http.Header
		sent, vendor http.Header // what the vendor was offered (nil: not known) and answered
		protocol     string
		fails        bool
	}{
		{name: "none offered", in: http.Header{}, sent: http.Header{}},
		{name: "two offered, key injected", in: offer("token, " + callers), sent: http.Header{}, protocol: "token"},
		{name: "four offered, key injected", in: offer(four), sent: http.Header{}, protocol: "bearer"},
		{name: "case is the client's", in: offer("Token", callers), sent: http.Header{}, protocol: "Token"},
		{name: "foreign protocol", in: offer("graphql-ws"), sent: http.Header{}},
		{name: "vendor selected", in: offer(four), sent: offer(four), vendor: offer("bearer"), protocol: "bearer"},
		{name: "vendor's offer is in the library's spelling", in: offer(four), sent: http.Header{"Sec-WebSocket-Protocol": {four}}, vendor: offer("bearer"), protocol: "bearer"},
		{name: "vendor selected, offer not known", in: offer(four), vendor: offer("bearer"), protocol: "bearer"},
		{name: "vendor selected the key", in: offer(four), sent: offer(four), vendor: offer(callers), fails: true},
		{name: "vendor selected the session", in: offer(four), sent: offer(four), vendor: offer("x-deepgram-session-id"), fails: true},
		{name: "vendor selected what was not offered to it", in: offer(four), sent: http.Header{}, vendor: offer("bearer"), fails: true},
		{name: "vendor selected what nobody offered", in: http.Header{}, sent: http.Header{}, vendor: offer("token"), fails: true},
		{name: "vendor selected two", in: offer(four), sent: offer(four), vendor: offer("bearer, bearer"), fails: true},
		{name: "vendor negotiated compression", in: http.Header{}, sent: http.Header{}, vendor: http.Header{"Sec-Websocket-Extensions": {"permessage-deflate"}}, fails: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp := &http.Response{Header: tc.vendor.Clone()}
			if resp.Header == nil {
				resp.Header = http.Header{}
			}
			if tc.sent != nil {
				resp.Request = &http.Request{Header: tc.sent}
			}
			for k, v := range map[string]string{"Dg-Request-Id": session, "Dg-Error": "e", "Dg-Model-Name": "m", "Dg-Token": "id", "Set-Cookie": "c", "Server": "s"} {
				resp.Header.Set(k, v)
			}
			got, err := provider.Deepgram{}.Accept(&http.Request{Header: tc.in}, resp)
			if tc.fails {
				if err == nil {
					t.Fatalf("accepted: %v", got)
				}
				if strings.Contains(err.Error(), callers) {
					t.Errorf("the key is in %q", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := http.Header{"Dg-Request-Id": {session}, "Dg-Error": {"e"}, "Dg-Model-Name": {"m"}}
			if tc.protocol != "" {
				want.Set("Sec-WebSocket-Protocol", tc.protocol)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestAcceptWithoutAVendor(t *testing.T) {
	h, err := provider.Deepgram{}.Accept(&http.Request{Header: http.Header{"Sec-Websocket-Protocol": {"token, " + callers}}}, nil)
	if err != nil || len(h) != 1 || h.Get("Sec-WebSocket-Protocol") != "token" {
		t.Errorf("%v, %v", h, err)
	}
}

func TestRefusalHasTheVendorsShape(t *testing.T) {
	for _, tc := range []struct {
		reason provider.Reason
		status int
		code   string
	}{
		{provider.BudgetExhausted, 429, "TOO_MANY_REQUESTS"},
		{provider.StageRestrict, 429, "TOO_MANY_REQUESTS"},
		{provider.TooManyStreams, 429, "TOO_MANY_REQUESTS"},
		{provider.BreakerOpen, 503, "Service Unavailable"},
		{provider.StoreUnavailable, 503, "Service Unavailable"},
		{provider.Draining, 503, "Service Unavailable"},
		{provider.Unauthenticated, 401, "INVALID_AUTH"},
		{provider.BadIdentity, 400, "Bad Request"},
		{provider.Unsupported, 404, "Not Found"},
		{provider.Unsupported, 415, "Unsupported Media Type"},
		{provider.TooLarge, 413, "Request Entity Too Large"},
		{provider.UpstreamUnreachable, 502, "Bad Gateway"},
		{provider.UpstreamTimeout, 504, "Gateway Timeout"},
		{"", 500, "INTERNAL_SERVER_ERROR"},
		{"", 0, "INTERNAL_SERVER_ERROR"},
	} {
		ref := provider.Deepgram{}.Refuse(provider.Denial{
			Reason: tc.reason, Status: tc.status, Title: "t", Detail: "über\r\nX-Evil: 1", RequestID: "id\n1",
		})
		if ref.Members["err_code"] != tc.code || ref.Members["err_msg"] != "über\r\nX-Evil: 1" || ref.Members["request_id"] != "id\n1" {
			t.Errorf("%s %d: members %v", tc.reason, tc.status, ref.Members)
		}
		if ref.Header.Get("Dg-Error") != " ber  X-Evil: 1" || ref.Header.Get("Dg-Request-Id") != "id 1" {
			t.Errorf("%s: headers %q", tc.reason, ref.Header)
		}
		if _, err := json.Marshal(ref.Members); err != nil {
			t.Error(err)
		}
	}
}

func TestSafeHeadersHoldNoCredential(t *testing.T) {
	want := "[Content-Type Retry-After Dg-Request-Id Dg-Error]"
	if got := fmt.Sprint(provider.Deepgram{}.Safe()); got != want {
		t.Errorf("safe headers %s, want %s: an addition needs a reason", got, want)
	}
}
