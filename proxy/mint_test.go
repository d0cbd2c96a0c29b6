package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
)

func withTokens(c *Config) { c.Identity.Tokens.Secret = secret.New(strings.Repeat("s", 32)) }

// granted asks Deepgram's path for a token.
func (r *rig) granted(user, body string, header ...string) answer {
	r.t.Helper()
	return r.ask(http.MethodPost, user, "/v1/auth/grant", strings.NewReader(body), int64(len(body)), header...)
}

func TestATemporaryTokenIsOursAndOpensStreams(t *testing.T) {
	r := newRig(t, rigOptions{config: all(withTokens, budgetOf(time.Minute))})
	r.restrict("ann")
	a := r.granted("ann", `{"ttl_seconds":600}`, "X-Sttgate-Plan", "pro")
	a.wants(t, 200, "")
	var got struct {
		Token   string  `json:"access_token"`
		Expires float64 `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(a.text), &got); err != nil || got.Expires != 600 {
		t.Fatalf("%v: %s", err, a.text)
	}
	caller, _, err := identifier(t, r.server.config().Identity).Identify(ask(t, far, "/v1/listen"), got.Token)
	if err != nil || caller.User != "ann" || caller.Plan != "pro" {
		t.Fatalf("%+v, %v", caller, err)
	}
	r.upload("", raw16, zeros(1000*bytesPerMS), -1, "Authorization", "Bearer "+got.Token).wants(t, 200, "")
	if rec := r.uploaded(1)[0]; rec.Header.Get("Authorization") != "Token "+vendorKey {
		t.Errorf("upstream: %v", rec.Header)
	}
	if used := r.used("ann"); used != 1000 {
		t.Errorf("charged %d ms", used)
	}
	t.Run("and asks for another, no longer than itself", func(t *testing.T) {
		a := r.granted("", `{"ttl_seconds":3600}`, "Authorization", "Token "+got.Token)
		a.wants(t, 200, "")
		if err := json.Unmarshal([]byte(a.text), &got); err != nil || got.Expires > 600 || got.Expires < 1 {
			t.Errorf("%s", a.text)
		}
	})
	t.Run("for nobody else", func(t *testing.T) {
		r.granted("bob", `{}`, "Authorization", "Token "+got.Token).wants(t, 400, "bad_identity")
	})
	if strings.Contains(r.log.String(), got.Token) {
		t.Error("a token is in the log")
	}
}

func TestTokensThatAreNotGranted(t *testing.T) {
	for _, tt := range []struct {
		name, user, body string
		config           func(*Config)
		status           int
		reason, says     string
	}{
		{name: "no secret", user: "ann", status: 404, reason: "unsupported", says: "identity.tokens.secret"},
		{name: "no key", user: "ann", config: all(withTokens, func(c *Config) {
			p := c.Providers["deepgram"]
			p.Key = secret.Value{}
			c.Providers["deepgram"] = p
		}), status: 404, reason: "unsupported", says: "providers.deepgram.key"},
		{name: "nobody", config: withTokens, status: 401, reason: "unauthenticated"},
		{name: "anybody", config: all(withTokens, func(c *Config) { c.Identity.Anonymous = AnonymousShared }), status: 401, reason: "unauthenticated"},
		{name: "too long", user: "ann", body: `{"ttl_seconds":3601}`, config: withTokens, status: 400, reason: "unsupported", says: "3600"},
		{name: "too much", user: "ann", body: strings.Repeat(" ", 1<<20+1), config: withTokens, status: 413, reason: "too_large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: tt.config})
			a := r.granted(tt.user, tt.body)
			a.wants(t, tt.status, tt.reason)
			if !strings.Contains(a.text, tt.says) || !strings.Contains(a.text, "err_msg") {
				t.Errorf("%s", a.text)
			}
		})
	}
}
