package fake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// hangGuard bounds every wait: far beyond what a loaded machine needs.
const hangGuard = 60 * time.Second

const (
	novaURL = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=8000"
	fluxURL = "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=8000"
)

// second is one second of audio for the queries above.
var second = make([]byte, 16000)

// start runs a fake on a real socket.
func start(t *testing.T, o Options) (*Deepgram, string) {
	t.Helper()
	d := NewDeepgram(o)
	srv := httptest.NewServer(d)
	t.Cleanup(func() {
		d.Close()
		srv.Close()
	})
	return d, srv.URL
}

func guard(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangGuard)
	t.Cleanup(cancel)
	return ctx
}

func token(key string) http.Header { return http.Header{"Authorization": {"Token " + key}} }

// dial opens a stream.
func dial(t *testing.T, url, target string, h http.Header) (*websocket.Conn, *http.Response) {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.DialContext(guard(t), "ws"+strings.TrimPrefix(url, "http")+target, h)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, resp)
	}
	_ = c.SetReadDeadline(time.Now().Add(hangGuard))
	t.Cleanup(func() { _ = c.Close() })
	return c, resp
}

// refused opens a stream that must not open.
func refused(t *testing.T, url, target string, h http.Header) (*http.Response, []byte) {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.DialContext(guard(t), "ws"+strings.TrimPrefix(url, "http")+target, h)
	if err == nil {
		_ = c.Close()
		t.Fatal("the handshake succeeded")
	}
	if resp == nil {
		t.Fatalf("no response: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp, body
}

func send(t *testing.T, c *websocket.Conn, op int, p []byte) {
	t.Helper()
	if err := c.WriteMessage(op, p); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// rest reads messages to the Close.
func rest(t *testing.T, c *websocket.Conn) (msgs []map[string]any, end *websocket.CloseError) {
	t.Helper()
	for {
		_, p, err := c.ReadMessage()
		if ce, ok := errors.AsType[*websocket.CloseError](err); ok {
			return msgs, ce
		}
		if err != nil {
			t.Fatalf("read: %v after %v", err, msgs)
		}
		msgs = append(msgs, decode(t, p))
	}
}

func next(t *testing.T, c *websocket.Conn) map[string]any {
	t.Helper()
	_, p, err := c.ReadMessage()
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return decode(t, p)
}

func decode(t *testing.T, p []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(p, &m); err != nil {
		t.Fatalf("%s: %v", p, err)
	}
	return m
}

// is reports a member that is true.
func is(m map[string]any, key string) bool {
	b, ok := m[key].(bool)
	return ok && b
}

func types(msgs []map[string]any) string {
	var out []string
	for _, m := range msgs {
		out = append(out, m["type"].(string))
	}
	return strings.Join(out, " ")
}
