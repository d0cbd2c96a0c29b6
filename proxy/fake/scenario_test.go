package fake

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"
)

func TestHandshakeIsRefusedInTheVendorsShape(t *testing.T) {
	d, url := start(t, Options{Scenario: func(_ *http.Request, credential string) Scenario { return Scenario(credential) }})
	_, keyed := start(t, Options{Key: "right"})
	for _, tc := range []struct {
		name, url, target string
		header            http.Header
		status            int
		code              string
	}{
		{"no credential", url, novaURL, nil, 401, "INVALID_AUTH"},
		{"wrong credential", keyed, novaURL, token("wrong"), 401, "INVALID_AUTH"},
		{"a scenario is no key", keyed, novaURL, token("fake-402"), 401, "INVALID_AUTH"},
		{"scenario 402", url, novaURL, token("fake-402"), 402, "ASR_PAYMENT_REQUIRED"},
		{"scenario 429", url, novaURL, token("fake-429"), 429, "TOO_MANY_REQUESTS"},
		{"scenario 503", url, novaURL, token("fake-503"), 503, "SERVICE_UNAVAILABLE"},
		{"encoding", url, "/v1/listen?encoding=morse&sample_rate=8000", token("k"), 400, "Bad Request"},
		{"rate", url, "/v1/listen?encoding=mulaw", token("k"), 400, "Bad Request"},
		{"flux model", url, "/v2/listen?encoding=mulaw&sample_rate=8000", token("k"), 400, "Bad Request"},
		{"flux rate", url, "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8001", token("k"), 400, "Bad Request"},
		{"path", url, "/v3/listen", token("k"), 404, "Not Found"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, body := refused(t, tc.url, tc.target, tc.header)
			m := decode(t, body)
			if resp.StatusCode != tc.status || m["err_code"] != tc.code || m["err_msg"] == "" {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if id := resp.Header.Get("Dg-Request-Id"); len(id) != 36 || m["request_id"] != id || resp.Header.Get("Dg-Error") != m["err_msg"] {
				t.Errorf("headers %v, body %s", resp.Header, body)
			}
		})
	}
	if n := d.Totals(); n.Streams != 0 || n.Refused != 8 {
		t.Errorf("totals %+v", n)
	}
}

func TestHandshakeMisbehaviours(t *testing.T) {
	_, url := start(t, Options{})
	do := func(t *testing.T, key Scenario) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(guard(t), http.MethodGet, url+novaURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{
			"Authorization": {"Token " + string(key)}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"},
			"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		}
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	const right = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" // the example of RFC 6455, 1.3
	if r := do(t, BadAccept); r.StatusCode != http.StatusSwitchingProtocols || r.Header.Get("Sec-Websocket-Accept") == right {
		t.Errorf("bad accept: %v", r)
	}
	if r := do(t, Extension); r.Header.Get("Sec-Websocket-Accept") != right || r.Header.Get("Sec-Websocket-Extensions") != "permessage-deflate" {
		t.Errorf("extension: %v", r)
	}
	if r := do(t, Subprotocol); r.Header.Get("Sec-Websocket-Accept") != right || r.Header.Get("Sec-Websocket-Protocol") == "" {
		t.Errorf("subprotocol: %v", r)
	}
	if r := do(t, Redirect); r.StatusCode != http.StatusFound || !strings.HasPrefix(r.Header.Get("Location"), "http://redirect.invalid/") {
		t.Errorf("redirect: %v", r)
	}
	if r := do(t, BigError); r.StatusCode != http.StatusBadRequest || r.ContentLength >= 0 && r.ContentLength < 8<<10 {
		t.Errorf("big error: %v", r)
	}
}

func TestHangEndsWithTheCaller(t *testing.T) {
	arrived := make(chan struct{})
	d, url := start(t, Options{Scenario: func(*http.Request, string) Scenario {
		close(arrived)
		return Hang
	}})
	ctx, cancel := context.WithCancel(guard(t))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+novaURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = token("k")
	failed := make(chan error)
	go func() {
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		failed <- err
	}()
	<-arrived
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the handshake ended with %v", err)
	}
	if err := d.until(guard(t), func() bool { return d.books.refused == 1 }); err != nil {
		t.Errorf("the handler still hangs: %v", err)
	}
}

func TestStreamMisbehaviours(t *testing.T) {
	for _, tc := range []struct {
		scenario Scenario
		want     func(error) bool
	}{
		{Close1011, func(err error) bool { return websocket.IsCloseError(err, 1011) }},
		{EOF, func(err error) bool { return websocket.IsCloseError(err, 1006) }},
		{Reset, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
	} {
		t.Run(string(tc.scenario), func(t *testing.T) {
			_, url := start(t, Options{})
			c, _ := dial(t, url, novaURL, token(string(tc.scenario)))
			send(t, c, websocket.BinaryMessage, second[:15998])
			send(t, c, websocket.TextMessage, []byte(`{"type":"Finalize"}`))
			if m := next(t, c); !is(m, "from_finalize") {
				t.Errorf("%v came before its time", m)
			}
			send(t, c, websocket.BinaryMessage, second[:2])
			for {
				_, _, err := c.ReadMessage()
				if err == nil {
					continue // the result of the second
				}
				if !tc.want(err) {
					t.Errorf("ended with %v", err)
				}
				return
			}
		})
	}
}

func TestSilentEndAnswersNothing(t *testing.T) {
	d, url := start(t, Options{})
	c, _ := dial(t, url, novaURL, token(string(SilentEnd)))
	send(t, c, websocket.TextMessage, closeStream)
	send(t, c, websocket.BinaryMessage, second) // heard still: its result is the first thing that comes
	if m := next(t, c); m["type"] != "Results" {
		t.Errorf("%v", m)
	}
	if r := d.Streams()[0].Record(); r.SentCode != 0 {
		t.Errorf("closed with %d", r.SentCode)
	}
}

func TestCloseEndsStreamsPolitely(t *testing.T) {
	d := NewDeepgram(Options{})
	srv := httptest.NewServer(d)
	defer srv.Close()
	c, _ := dial(t, srv.URL, novaURL, token("any"))
	ended := make(chan error)
	go func() {
		_, _, err := c.ReadMessage()
		ended <- err
	}()
	d.Close()
	if err := <-ended; !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("ended with %v", err)
	}
	if resp, _ := refused(t, srv.URL, novaURL, token("any")); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d after Close", resp.StatusCode)
	}
}

func TestTotalsCountForgottenStreams(t *testing.T) {
	d, url := start(t, Options{Keep: 2})
	for i := range 5 {
		c, _ := dial(t, url, novaURL, token("secret-canary"))
		send(t, c, websocket.BinaryMessage, second[:1600])
		send(t, c, websocket.TextMessage, closeStream)
		rest(t, c)
		_ = c.Close()
		if _, err := d.Wait(guard(t), i+1); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(guard(t), http.MethodGet, url+"/fake/totals", nil)
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, req)
	if strings.Contains(rec.Body.String(), "canary") {
		t.Errorf("a credential in %s", rec.Body)
	}
	var got Totals
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Streams != 5 || got.Ended != 5 || got.AudioBytes != 8000 || got.AudioMS != 500 || len(got.PerStream) != 2 {
		t.Errorf("totals %+v", got)
	}
	if row := got.PerStream[1]; !row.Ended || row.AudioBytes != 1600 || row.AudioMS != 100 || len(row.SHA256) != 64 {
		t.Errorf("row %+v", row)
	}
}

func TestUntilSeesEachChange(t *testing.T) {
	d, url := start(t, Options{})
	c, _ := dial(t, url, novaURL, token("any"))
	streams, err := d.Begun(guard(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for range 3 {
			_ = c.WriteMessage(websocket.BinaryMessage, second[:160])
		}
		_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"KeepAlive"}`))
	}()
	r, err := streams[0].Until(guard(t), func(r Record) bool { return r.KeepAlives == 1 })
	if err != nil || r.AudioMS != 30 || len(r.Events) != 4 || r.Events[3].Text != `{"type":"KeepAlive"}` {
		t.Errorf("%v, %+v", err, r)
	}
	if _, err := streams[0].Until(t.Context(), func(r Record) bool { return r.Ended || r.Messages == 3 }); err != nil {
		t.Error(err)
	}
	_ = c.Close()
	if _, err := streams[0].Until(guard(t), func(r Record) bool { return r.KeepAlives == 2 }); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for what cannot come any more: %v", err)
	}
	<-streams[0].Done()
}
