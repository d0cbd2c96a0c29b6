package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw talks HTTP by hand.
func (r *rig) raw(text string) *bufio.Reader {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.server.Addr()) //nolint:noctx // closed by the test's end
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(hang)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		r.t.Fatal(err)
	}
	return bufio.NewReader(conn)
}

func TestWhoAsksBeforeSendingIsToldNoWithoutSending(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Millisecond)})
	r.restrict("bob")
	r.upload("bob", raw16, zeros(bytesPerMS), -1).wants(t, 200, "")
	const post = "POST /v1/listen?model=nova-3 HTTP/1.1\r\nHost: x\r\nX-Sttgate-User: %s\r\nContent-Length: 1000000\r\nContent-Type: audio/wav\r\nExpect: 100-continue\r\n\r\n"
	first, err := r.raw(fmt.Sprintf(post, "bob")).ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "HTTP/1.1 429") {
		t.Errorf("restricted: %q, %v", first, err)
	}
	first, err = r.raw(fmt.Sprintf(post, "ann")).ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "HTTP/1.1 100") {
		t.Errorf("free: %q, %v", first, err)
	}
	if n := len(r.vendor.Uploads()); n != 1 {
		t.Errorf("%d more uploads at the vendor", n-1)
	}
}

func TestAnUploadThatIsNotWantedIsAnsweredWhileItsClientStillSends(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Millisecond)})
	r.restrict("bob")
	r.upload("bob", raw16, zeros(bytesPerMS), -1).wants(t, 200, "")
	// A chunked body whose first chunk never becomes whole.
	resp := r.raw("POST /v1/listen?model=nova-3 HTTP/1.1\r\nHost: x\r\nX-Sttgate-User: bob\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nRIFF")
	first, err := resp.ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "HTTP/1.1 429") {
		t.Fatalf("%q, %v", first, err)
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		body        []byte
		chunked     bool
		header      []string
		config      func(*Config)
		status      int
		reason      string
		upstream    bool // the vendor hears of it, and not to its end
	}{
		{name: "compressed", query: raw16, body: make([]byte, 64), header: []string{"Content-Encoding", "gzip"}, status: 415, reason: "unsupported"},
		{name: "no audio", body: []byte("this is no audio, whatever it is called"), status: 415, reason: "unsupported"},
		{name: "JSON under another name", query: "", body: []byte(`{"url":"https://example.com/a.wav"}`), header: []string{"Content-Type", "application/octet-stream"}, status: 415, reason: "unsupported"},
		{name: "JSON of its own kind", query: raw16, body: []byte(`{"url":"https://example.com/a.wav"}`), header: []string{"Content-Type", "application/vnd.x+json"}, status: 415, reason: "unsupported"},
		{name: "callback", query: raw16 + "&callback=https://example.com", body: make([]byte, 64), status: 400, reason: "unsupported"},
		{name: "too many bytes", query: raw16, body: make([]byte, 4096), config: func(c *Config) { c.Limits.UploadBytes = 2048 }, status: 413, reason: "too_large"},
		{name: "too many bytes in chunks", query: raw16, body: make([]byte, 1<<20), chunked: true, config: func(c *Config) { c.Limits.UploadBytes = 500_000 }, status: 413, reason: "too_large", upstream: true},
		{name: "too long", query: raw16, body: make([]byte, 1001*bytesPerMS), config: longest(time.Second), status: 413, reason: "too_large"},
		{name: "too long in chunks", query: raw16, body: make([]byte, 2001*bytesPerMS), chunked: true, config: longest(2 * time.Second), status: 413, reason: "too_large", upstream: true},
		{name: "too long by its header", body: wavHeader(1001), chunked: true, config: longest(time.Second), status: 413, reason: "too_large"},
		{name: "an upgrade", query: raw16, body: make([]byte, 64), header: []string{"Upgrade", "websocket"}, status: 400, reason: "unsupported"},
		{name: "too many streams", query: raw16, body: make([]byte, 64), config: func(c *Config) {
			p := c.Providers["deepgram"]
			p.MaxStreams = 1
			c.Providers["deepgram"] = p
		}, status: 429, reason: "too_many_streams"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: func(c *Config) {
				budgetOf(time.Hour)(c)
				if tt.config != nil {
					tt.config(c)
				}
			}})
			r.restrict("ann")
			if tt.reason == "too_many_streams" {
				r.connect("ann", linear16)
			}
			length := int64(len(tt.body))
			if tt.chunked {
				length = -1
			}
			a := r.upload("ann", tt.query, bytes.NewReader(tt.body), length, tt.header...)
			a.wants(t, tt.status, tt.reason)
			for _, member := range []string{"err_code", "err_msg", "request_id", "detail"} {
				if !strings.Contains(a.text, `"`+member+`"`) {
					t.Errorf("no %s in %s", member, a.text)
				}
			}
			for _, u := range r.vendor.Uploads() {
				if rec := u.Record(); rec.Complete || !tt.upstream {
					t.Errorf("the vendor got %+v", rec)
				}
			}
			if tt.reason == "too_many_streams" {
				return
			}
			r.settled()
			if used := r.used("ann"); used != 0 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

func longest(d time.Duration) func(*Config) {
	return func(c *Config) { c.Limits.UploadDuration = d }
}

func TestAURLIsRefusedOrBoundedByTheCap(t *testing.T) {
	ask := func(r *rig, user, url string) answer {
		return r.ask(http.MethodPost, user, "/v1/listen", strings.NewReader(`{"url":"`+url+`"}`), -1, "Content-Type", "application/json")
	}
	t.Run("without a cap", func(t *testing.T) {
		r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
		r.restrict("bob")
		a := ask(r, "bob", "https://example.com/a#t=3")
		a.wants(t, 400, "unsupported")
		if !strings.Contains(a.text, "limits.upload_duration") || len(r.vendor.Uploads()) != 0 {
			t.Errorf("%s, %d at the vendor", a.text, len(r.vendor.Uploads()))
		}
		if a := ask(r, "ann", "https://example.com/a#t=3"); a.charged() != 3000 {
			t.Errorf("a user without a budget: %d, %s", a.charged(), a.text)
		}
	})
	t.Run("with a cap", func(t *testing.T) {
		r := newRig(t, rigOptions{config: func(c *Config) {
			budgetOf(10 * time.Minute)(c)
			c.Limits.UploadDuration = 4 * time.Minute
		}})
		r.restrict("bob")
		for n, tt := range []struct {
			url          string
			status       int
			charged, sum int64
		}{
			{"https://example.com/a#t=90", 200, 90_000, 90_000},
			{"https://example.com/b#t=239.5", 200, 239_500, 329_500},
			{"https://example.com/c#t=20", 200, 20_000, 349_500},
			{"https://example.com/d#t=20", 200, 20_000, 369_500},
			{"https://example.com/e#t=1", 429, -1, 369_500}, // less than the cap is left
		} {
			a := ask(r, "bob", tt.url)
			r.settled()
			if used := r.used("bob"); a.StatusCode != tt.status || a.charged() != tt.charged || used != tt.sum {
				t.Fatalf("%d: %d, charged %d, used %d: %s", n, a.StatusCode, a.charged(), used, a.text)
			}
		}
		if rec := r.uploaded(4)[0]; rec.URL != "https://example.com/a#t=90" || rec.ContentLength < 0 {
			t.Errorf("%+v", rec)
		}
	})
	t.Run("no URL", func(t *testing.T) {
		r := newRig(t, rigOptions{})
		r.ask(http.MethodPost, "ann", "/v1/listen", strings.NewReader(`{"text":"x"}`), -1, "Content-Type", "application/json").wants(t, 400, "unsupported")
		r.ask(http.MethodPost, "ann", "/v1/listen", zeros(1<<20+1), -1, "Content-Type", "application/json").wants(t, 413, "too_large")
	})
}
