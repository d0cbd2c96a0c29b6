package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

const (
	peerSecret = "the-ingress-is-who-it-says-it-is"
	deadlines  = "quiet streams are cut"
	knowing    = "the ingress knows the user"
)

// ingresses start a real proxy before a gateway, as the documentation says. With deadlines, the lines that
// the documentation has against them are left out; with knowing, it names the user itself. The times after which
// the proxies cut what is quiet by default are always short.
func ingresses() map[string]func(t *testing.T, gate *process, how string) *ingress {
	return map[string]func(t *testing.T, gate *process, how string) *ingress{"haproxy": haproxyBefore, "nginx": nginxBefore}
}

func haproxyBefore(t *testing.T, gate *process, how string) *ingress {
	t.Helper()
	front := replaced(t, ingressBlock(t, "haproxy: the front"), "timeout client 1m ", "timeout client 1s ", "timeout server 10m ", "timeout server 1s ")
	back := replaced(t, ingressBlock(t, "haproxy: the gateways"), "10.0.0.11:8080 check port 9090", gate.data+" check port "+gate.admin[strings.LastIndexByte(gate.admin, ':')+1:],
		"    server gate2 10.0.0.12:8080 check port 9090\n", "")
	switch how {
	case deadlines:
		back = replaced(t, back, "timeout tunnel 24h", "timeout connect 5s")
	case knowing:
		users := filepath.Join(t.TempDir(), "users.map")
		writeFile(t, users, "key-of-ann ann\n")
		t.Setenv("STTGATE_PEER_SECRET", peerSecret)
		back += replaced(t, ingressBlock(t, "haproxy: the peer secret"), "/etc/haproxy/users.map", users)
	}
	in := startHAProxy(t, front, back)
	in.until("HAProxy finds the gateway", func() bool { return in.isUp("gate1") })
	return in
}

func nginxBefore(t *testing.T, gate *process, how string) *ingress {
	t.Helper()
	dir, addr := t.TempDir(), reserve(t)
	conf := replaced(t, ingressBlock(t, "nginx"), "listen 80;", "listen "+addr+";", "server 10.0.0.11:8080;", "server "+gate.data+";", "    server 10.0.0.12:8080;\n", "")
	switch how {
	case deadlines:
		conf = replaced(t, conf, "proxy_read_timeout 24h;", "", "proxy_send_timeout 24h;", "")
	case knowing:
		who := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Api-Key") != "key-of-ann" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("X-User", "ann")
		}))
		t.Cleanup(who.Close)
		secret := filepath.Join(dir, "secret.conf")
		writeFile(t, secret, fmt.Sprintf("proxy_set_header X-Sttgate-Peer-Secret %q;\n", peerSecret))
		location := replaced(t, ingressBlock(t, "nginx: the peer secret"), "/etc/nginx/sttgate-secret.conf", secret)
		knows := replaced(t, ingressBlock(t, "nginx: the service that knows"), "http://10.0.0.20:8000", who.URL)
		conf = replaced(t, conf, "    }\n}\n", location+"    }\n"+knows+"}\n")
	}
	file := filepath.Join(dir, "nginx.conf")
	var temp strings.Builder
	for _, module := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s;\n", module, dir, module)
	}
	writeFile(t, file, fmt.Sprintf("daemon off;\nuser root;\npid %s/pid;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\n%sproxy_read_timeout 1s;\nproxy_send_timeout 1s;\n%s}\n",
		dir, temp.String(), conf))
	return startIngress(t, addr, "nginx", "-p", dir, "-e", "stderr", "-c", file)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// behind is a world whose gateway trusts no address, and lets restricted users have a second.
func behind(t *testing.T) (*world, *process) {
	t.Helper()
	w := newWorld(t, fmt.Sprintf("identity: {trusted_peers: [], peer_secret: %q, tokens: {secret: 0123456789abcdef0123456789abcdef}}\n", peerSecret))
	text, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, w.file, strings.Replace(string(text), "limit: 100h", "limit: 1s, on_exhausted: close", 1))
	p := serveProcess(t, w.file)
	p.call(http.MethodPut, "/admin/v1/users/bob/stage", `{"stage":"restrict","reason":"test"}`, nil)
	return w, p
}

// token is a caller token of a user's, as it is shown.
func (p *process) token(user string) http.Header {
	p.t.Helper()
	var minted struct{ Token string }
	if err := json.Unmarshal([]byte(p.request(http.MethodPost, "/admin/v1/tokens", fmt.Sprintf(`{"user":%q,"ttl":"1h"}`, user), http.StatusCreated)), &minted); err != nil {
		p.t.Fatal(err)
	}
	return http.Header{"Authorization": {"Token " + minted.Token}}
}

func (in *ingress) dial(query string, h http.Header) (*websocket.Conn, *http.Response, error) {
	return websocket.DefaultDialer.DialContext(in.t.Context(), "ws://"+in.addr+"/v1/listen?encoding=linear16&sample_rate=16000"+query, h)
}

func (in *ingress) connect(h http.Header) *websocket.Conn {
	in.t.Helper()
	c, resp, err := in.dial("", h)
	if err != nil {
		in.t.Fatalf("connect: %v %v", err, resp)
	}
	in.t.Cleanup(func() { _ = c.Close() })
	return c
}

// finish says some audio in messages of many sizes and ends the stream; the vendor's last words have the hash of what it heard.
func (in *ingress) finish(c *websocket.Conn) {
	in.t.Helper()
	sum := sha256.New()
	for _, n := range []int{2, 640, 126, 65534, 65536, 20000, 4096} {
		audio := make([]byte, n)
		_, _ = rand.Read(audio) // never fails
		sum.Write(audio)
		if err := c.WriteMessage(websocket.BinaryMessage, audio); err != nil {
			in.t.Fatal(err)
		}
	}
	if err := c.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`)); err != nil {
		in.t.Fatal(err)
	}
	want := hex.EncodeToString(sum.Sum(nil))
	for last := ""; ; {
		_, b, err := c.ReadMessage()
		if err == nil {
			var said struct{ Type, SHA256 string }
			if json.Unmarshal(b, &said) == nil && said.Type == "Metadata" {
				last = said.SHA256
			}
			continue
		}
		if !websocket.IsCloseError(err, websocket.CloseNormalClosure) || last != want {
			in.t.Errorf("the stream ended with %v; the vendor heard %s, said was %s", err, last, want)
		}
		return
	}
}

func TestIngressesLetAQuietStreamLiveAndChangeNoByte(t *testing.T) {
	for name, start := range ingresses() {
		t.Run(name, func(t *testing.T) {
			w, gate := behind(t)
			in := start(t, gate, "")
			quiet := in.connect(gate.token("ann"))
			cut := start(t, gate, deadlines).connect(gate.token("ann"))
			if _, _, err := cut.ReadMessage(); err == nil || websocket.IsCloseError(err, websocket.CloseNormalClosure) {
				t.Errorf("without the documented lines a quiet stream ends with %v", err)
			}
			in.finish(quiet) // and has been quiet for longer than the one that was cut
			streams, err := w.vendor.Wait(t.Context(), 2)
			if err != nil {
				t.Fatal(err)
			}
			if r := streams[0].Record(); r.Messages != 7 {
				t.Errorf("the vendor heard %d messages, sent were 7", r.Messages)
			}
		})
	}
}

func TestIngressesHandRefusalsOnWhole(t *testing.T) {
	for name, start := range ingresses() {
		t.Run(name, func(t *testing.T) {
			_, gate := behind(t)
			in := start(t, gate, "")
			c := in.connect(gate.token("bob"))
			if code := speak(c); code != websocket.ClosePolicyViolation {
				t.Errorf("a stream whose budget is spent was closed with %d", code)
			}
			_, resp, err := in.dial("", gate.token("bob"))
			if err == nil || resp == nil || resp.StatusCode != http.StatusTooManyRequests {
				t.Fatalf("behind the budget's end: %v %v", resp, err)
			}
			var body bytes.Buffer
			_, _ = body.ReadFrom(resp.Body) // what gorilla kept of it
			for header, want := range map[string]string{
				"X-Sttgate-Reason": "budget_exhausted", "Ratelimit-Policy": `"daily";q=1;qu="audio-seconds";w=604800`, "Ratelimit": `"daily";r=0`, "Dg-Error": "budget daily", "Retry-After": "",
			} {
				if got := resp.Header.Get(header); got == "" || !strings.HasPrefix(got, want) {
					t.Errorf("%s: %q", header, got)
				}
			}
			if !strings.Contains(body.String(), "budget daily") {
				t.Errorf("body: %s", body.String())
			}
		})
	}
}

func TestIngressesMakeNobodySomebodyElse(t *testing.T) {
	for name, start := range ingresses() {
		t.Run(name, func(t *testing.T) {
			w, gate := behind(t)
			plain, knows := start(t, gate, ""), start(t, gate, knowing)
			for _, tt := range []struct {
				name  string
				in    *ingress
				query string
				h     http.Header
				want  int
			}{
				{"a header from anybody", plain, "", http.Header{"X-Sttgate-User": {"boss"}}, http.StatusUnauthorized},
				{"who says that it comes from the loopback", plain, "", http.Header{
					"X-Sttgate-User": {"boss"}, "X-Forwarded-For": {"127.0.0.1"}, "X-Real-Ip": {"127.0.0.1"}, "Forwarded": {"for=127.0.0.1"},
				}, http.StatusUnauthorized},
				{"a secret that was guessed", plain, "", http.Header{"X-Sttgate-User": {"boss"}, "X-Sttgate-Peer-Secret": {"guess"}}, http.StatusUnauthorized},
				{"whom the ingress does not know", knows, "", http.Header{"X-Sttgate-User": {"boss"}, "X-Api-Key": {"guess"}}, http.StatusUnauthorized},
				{"who is two", knows, "&sttgate_user=boss", http.Header{"X-Api-Key": {"key-of-ann"}}, http.StatusBadRequest},
				{"who says somebody else's name", knows, "", http.Header{"X-Api-Key": {"key-of-ann"}, "X-Sttgate-User": {"boss"}}, http.StatusSwitchingProtocols},
			} {
				c, resp, err := tt.in.dial(tt.query, tt.h)
				if resp == nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				if resp.StatusCode != tt.want {
					t.Errorf("%s: %s, want %d", tt.name, resp.Status, tt.want)
				}
				if err == nil {
					tt.in.finish(c)
					_ = c.Close()
				}
			}
			streams, err := w.vendor.Wait(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			for header := range streams[0].Record().Header {
				if strings.HasPrefix(header, "X-Sttgate") {
					t.Errorf("the vendor is shown %s", header)
				}
			}
			gate.signal(os.Interrupt)
			gate.wait()
			if log := gate.lines.String(); !strings.Contains(log, `"user":"ann"`) || strings.Contains(log, `"user":"boss"`) {
				t.Error("the streams were not all ann's")
			}
		})
	}
}
