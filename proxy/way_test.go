package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/config/secret"
)

func TestTLSToTheVendorCarriesTheSameStream(t *testing.T) {
	r := newRig(t, rigOptions{tls: true, config: budgetOf(3 * time.Second)})
	r.restrict("bob")
	c := r.connect("bob", linear16)
	c.send(200, 20)
	c.until("Error")
	c.text(`{"type":"CloseStream"}`)
	if _, closed := c.read(); closed.Code != 1000 {
		t.Errorf("closed with %d %s", closed.Code, closed.Text)
	}
	if rec := r.heard(1)[0]; rec.AudioMS != 3000 {
		t.Errorf("the vendor heard %d ms, want 3000", rec.AudioMS)
	}
}

func TestAVendorThatCannotProveWhoItIsGetsNoKey(t *testing.T) {
	r := newRig(t, rigOptions{tls: true, distrust: true})
	_, resp, err := r.dial("ann", linear16, nil)
	if err == nil {
		t.Fatal("connected")
	}
	if resp.StatusCode != http.StatusBadGateway || resp.Header.Get("X-Sttgate-Reason") != "upstream_unreachable" {
		t.Errorf("refused with %d %s", resp.StatusCode, resp.Header.Get("X-Sttgate-Reason"))
	}
	if n := len(r.vendor.Streams()); n != 0 {
		t.Errorf("%d requests reached the vendor", n)
	}
}

func TestACallerTokenStandsWhereTheVendorsKeyWould(t *testing.T) {
	tokens := func(c *Config) { c.Identity.Tokens.Secret = secret.New(strings.Repeat("s", 32)) }
	r := newRig(t, rigOptions{config: func(c *Config) {
		tokens(c)
		budgetOf(time.Minute)(c)
		c.Identity.TrustedPeers = c.Identity.TrustedPeers[:0] // nobody is trusted by address
	}})
	m, err := NewMinter(r.server.config().Identity.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	token, err := m.Mint("bob", "", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r.restrict("bob")
	for i, h := range []http.Header{
		{"Authorization": {"Token " + token}},
		{"Authorization": {"bearer " + token}},
		{"Sec-WebSocket-Protocol": {"bearer, " + token}},
		{"Sec-WebSocket-Protocol": {"token, " + token + ", x-deepgram-session-id, 712e9474-adb3-4050-89bf-08ebc80e62ff"}},
	} {
		c, _, err := r.dial("", linear16, h)
		if err != nil {
			t.Fatalf("%v: %v\n%s", h, err, r.log)
		}
		c.send(5, 20)
		c.text(`{"type":"CloseStream"}`)
		c.read()
		rec := r.heard(i + 1)[i]
		if rec.Credential != vendorKey || strings.Contains(asJSON(t, rec.Header), token) {
			t.Errorf("the vendor saw %v", rec.Header)
		}
	}
	r.settled()
	if used := r.used("bob"); used != 400 {
		t.Errorf("charged %d ms to the token's user, want 400", used)
	}
	if strings.Contains(r.log.String(), token) {
		t.Error("the token is in the log")
	}
	_, resp, err := r.dial("", linear16, http.Header{"Authorization": {"Token " + token[:len(token)-4] + "AAAA"}})
	if err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a forged token got %v, %v", resp, err)
	}
}

func TestAVendorsOwnPortServesItsPaths(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) {
		p := c.Providers["deepgram"]
		p.Listen = "127.0.0.1:0"
		c.Providers["deepgram"] = p
	}})
	c, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+r.server.ls[1].Addr().String()+linear16, http.Header{"X-Sttgate-User": {"ann"}})
	if err != nil {
		t.Fatalf("%v %v", err, resp)
	}
	defer c.Close()
	if err := c.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`)); err != nil {
		t.Fatal(err)
	}
	(&client{t, c, resp}).read()
	if rec := r.heard(1)[0]; rec.Path != "/v1/listen" {
		t.Errorf("the vendor got %s", rec.Path)
	}
}

func TestMultichannelIsChargedPerChannel(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Minute)})
	r.restrict("bob")
	c := r.connect("bob", "/v1/listen?encoding=linear16&sample_rate=16000&channels=2&multichannel=true")
	c.send(100, 20) // half as long in stereo: 1 s, which the vendor bills twice
	c.text(`{"type":"CloseStream"}`)
	c.read()
	r.heard(1)
	r.settled()
	if used := r.used("bob"); used != 2000 {
		t.Errorf("charged %d ms, want 2 channels of 1000", used)
	}
}
