package proxy

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/proxy/fake"
)

// standIn is a fake vendor.
type standIn interface {
	http.Handler
	Close()
}

// newRigBeside starts a rig that has another vendor beside Deepgram, and caller tokens. o.fake was
// that vendor's. What it costs is audio, unless the test's config says otherwise.
func newRigBeside(t *testing.T, o rigOptions, name, path string, s standIn) *rig {
	t.Helper()
	up := httptest.NewServer(s)
	up.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(func() {
		up.Close()
		s.Close()
	})
	config := o.config
	o.fake = fake.Options{}
	o.config = func(c *Config) {
		c.Providers[name] = ProviderConfig{URL: up.URL, RealtimeURL: up.URL + path, Key: secret.New(vendorKey), Charge: ChargeAudio}
		c.Identity.Tokens.Secret = secret.New(strings.Repeat("s", 32))
		if config != nil {
			config(c)
		}
	}
	r := newRig(t, o)
	t.Cleanup(r.scan)
	return r
}

// scan looks for credentials where none may be: the log and the metrics.
func (r *rig) scan() {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Error(err)
	}
	metrics, err := json.Marshal(families)
	if err != nil {
		r.t.Error(err)
	}
	for place, text := range map[string]string{"log": r.log.String(), "metrics": string(metrics)} {
		if strings.Contains(text, "CANARY") {
			r.t.Errorf("a credential is in the %s:\n%s", place, text)
		}
	}
}

// token is a caller token.
func (r *rig) token(user string) string {
	r.t.Helper()
	m, err := NewMinter(r.server.config().Identity.Tokens)
	if err != nil {
		r.t.Fatal(err)
	}
	tok, err := m.Mint(user, "", time.Hour, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	return tok
}
