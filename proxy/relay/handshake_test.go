package relay

import (
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455, 4.2.2
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// answering is a vendor that reads the request and answers with what answer makes
// of its key, in chunks.
func answering(t *testing.T, chunk int, answer func(key string) string) (dial func() (*HandshakeConn, *http.Response, error)) {
	t.Helper()
	here, there := pair(t)
	t.Cleanup(func() { here.Close(); there.Close() })
	go func() {
		var req strings.Builder
		p := make([]byte, 1)
		for !strings.HasSuffix(req.String(), "\r\n\r\n") {
			if _, err := there.Read(p); err != nil {
				return
			}
			req.Write(p)
		}
		_, key, _ := strings.Cut(req.String(), "Sec-WebSocket-Key: ")
		key, _, _ = strings.Cut(key, "\r\n")
		out := answer(key)
		for len(out) > 0 {
			n := min(chunk, len(out))
			if _, err := io.WriteString(there, out[:n]); err != nil {
				return
			}
			out = out[n:]
		}
		if strings.Contains(answer(key), "Connection: close") {
			there.Close()
		}
	}()
	return func() (*HandshakeConn, *http.Response, error) {
		h := NewHandshakeConn(here)
		d := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return h, nil }, HandshakeTimeout: hang}
		c, resp, err := d.Dial("ws://vendor/v1/listen", nil)
		if err == nil && c.NetConn() != net.Conn(h) {
			t.Error("the dialer hides the connection")
		}
		return h, resp, err
	}
}

func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455, 4.2.2
	return base64.StdEncoding.EncodeToString(sum[:])
}

func switching(key string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept(key) + "\r\nDg-Request-Id: 7\r\n\r\n"
}

func TestHandshakeKeepsWhatTheVendorSaysAtOnce(t *testing.T) {
	first := string(encode(1, true, `{"type":"Connected"}`, false))
	for _, chunk := range []int{1, 100, 1 << 20} {
		t.Run(fmt.Sprint(chunk), func(t *testing.T) {
			dial := answering(t, chunk, func(key string) string { return switching(key) + first })
			h, resp, err := dial()
			must(t, err)
			if resp.Header.Get("Dg-Request-Id") != "7" {
				t.Errorf("header %v", resp.Header)
			}
			clientHere, clientThere := pair(t)
			client := newEnd(t, clientThere, true)
			// New unwraps it and takes the rest by itself.
			s := New(Config{}, clientHere, h, nil, &tap{})
			done := make(chan Result, 1)
			go func() { done <- s.Run() }()
			client.expect(`1:{"type":"Connected"}`)
			s.Abort()
			<-done
			clientThere.Close()
		})
	}
}

func TestRefusalCanBeReadAgainWhole(t *testing.T) {
	big := strings.Repeat("why not? ", 7000) // 63 000 bytes
	head := "HTTP/1.1 402 Payment Required\r\nContent-Type: application/json\r\nDg-Error: broke\r\n"
	cases := map[string]struct{ answer, body string }{
		"with a length":     {fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(big), big), big},
		"until the end":     {head + "Connection: close\r\n\r\n" + big, big},
		"chunked":           {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
		"empty":             {head + "Content-Length: 0\r\n\r\n", ""},
		"more than is kept": {head + "Connection: close\r\n\r\n" + strings.Repeat("x", 100<<10), strings.Repeat("x", 64<<10)},
		"bare line feeds":   {"HTTP/1.1 402 Payment Required\nDg-Error: broke\nContent-Length: 2\n\nno", "no"},
		"a 101 in the body": {head + "Content-Length: 16\r\n\r\nHTTP/1.1 101 \r\n\r", "HTTP/1.1 101 \r\n\r"},
		"a 1010 is no 101":  {strings.Replace(head, "402", "400", 1) + "Content-Length: 1\r\n\r\nx", "x"},
		"switching without": {"HTTP/1.1 200 OK\r\nDg-Error: broke\r\nContent-Length: 1\r\n\r\nx", "x"},
	}
	for name, c := range cases {
		for _, chunk := range []int{700, 1 << 20} {
			t.Run(fmt.Sprint(name, chunk), func(t *testing.T) {
				h, _, err := answering(t, chunk, func(string) string { return c.answer })()
				if !errors.Is(err, websocket.ErrBadHandshake) {
					t.Fatalf("dial: %v", err)
				}
				for range 2 {
					_ = h.SetDeadline(time.Now().Add(hang))
					resp, err := h.Response(nil)
					must(t, err)
					body, err := io.ReadAll(resp.Body)
					if err != nil || string(body) != c.body {
						t.Errorf("body of %d bytes %v, want %d", len(body), err, len(c.body))
					}
					if resp.StatusCode == 402 && resp.Header.Get("Dg-Error") != "broke" {
						t.Errorf("header %v", resp.Header)
					}
				}
				must(t, h.Discard())
			})
		}
	}
}

func TestHeadWithoutEndIsRefused(t *testing.T) {
	endless := "HTTP/1.1 101 Switching Protocols\r\n" + strings.Repeat("X-Padding: "+strings.Repeat("p", 80)+"\r\n", 300)
	h, _, err := answering(t, 1000, func(string) string { return endless })()
	if !errors.Is(err, ErrHandshake) {
		t.Errorf("dial: %v, want ErrHandshake", err)
	}
	if _, err := h.Response(nil); !errors.Is(err, ErrHandshake) {
		t.Errorf("response: %v, want ErrHandshake", err)
	}
	must(t, h.Discard())
}

func TestWrongAcceptIsRefusedAndReadable(t *testing.T) {
	h, _, err := answering(t, 1000, func(string) string { return switching("another key") })()
	if !errors.Is(err, websocket.ErrBadHandshake) {
		t.Fatalf("dial: %v", err)
	}
	resp, err := h.Response(nil)
	must(t, err)
	if resp.StatusCode != 101 {
		t.Errorf("status %d", resp.StatusCode)
	}
	must(t, h.Discard())
}

func TestCloseIsTheOwners(t *testing.T) {
	here, there := pair(t)
	defer there.Close()
	h := NewHandshakeConn(here)
	must(t, h.Close())
	_, err := here.Write([]byte("open"))
	must(t, err)
	must(t, h.Discard())
	if _, err := here.Write([]byte("closed")); err == nil {
		t.Error("Discard leaves the connection open")
	}
}
