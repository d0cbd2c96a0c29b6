package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/proxy/admin"
)

// ask is a call of the API beside the page.
func (d *dashboardRig) ask(method, path, body string, out any) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, "http://"+d.h.gateway.AdminAddr()+"/admin/v1/"+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+dashboardToken)
	tr := &http.Transport{DisableKeepAlives: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		d.t.Fatalf("%s %s: %s %v %s", method, path, res.Status, err, b)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(b, out); err != nil {
		d.t.Fatal(err)
	}
}

// stream is one that runs.
func (d *dashboardRig) stream(id string) admin.Stream {
	d.t.Helper()
	var a struct{ Streams []admin.Stream }
	d.ask(http.MethodGet, "streams", "", &a)
	for _, s := range a.Streams {
		if s.ID == id {
			return s
		}
	}
	d.t.Fatalf("stream %s is gone", id)
	return admin.Stream{}
}

// talker is a user's stream.
type talker struct {
	d    *dashboardRig
	conn *websocket.Conn
	id   string
	done chan struct{} // the stream is at its end
	mu   sync.Mutex    // writes
}

func (d *dashboardRig) dial(user string) (*websocket.Conn, int) {
	d.t.Helper()
	c, res, err := websocket.DefaultDialer.DialContext(d.t.Context(), "ws://"+d.h.gateway.DataAddr()+"/v1/listen?encoding=linear16&sample_rate=16000",
		http.Header{"X-Sttgate-User": {user}, "Authorization": {"Token of-ours"}})
	if res == nil {
		d.t.Fatal(err)
	}
	return c, res.StatusCode
}

func (d *dashboardRig) talk(user string) *talker {
	d.t.Helper()
	c, status := d.dial(user)
	if c == nil {
		d.t.Fatalf("%s connects: %d", user, status)
	}
	s := &talker{d: d, conn: c, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	}()
	go s.stay()
	d.t.Cleanup(s.leave)
	var u dashboardUser
	for len(u.Streams) == 0 {
		d.ask(http.MethodGet, "users/"+user, "", &u)
	}
	s.id = u.Streams[0].ID
	return s
}

// say sends so many frames of 100 ms, and waits until the gateway has read them.
func (s *talker) say(frames int64) {
	s.d.t.Helper()
	before := s.d.stream(s.id)
	for range frames {
		s.frame()
	}
	for end := time.Now().Add(procHang); ; {
		if now := s.d.stream(s.id); now.Forwarded+now.Dropped >= before.Forwarded+before.Dropped+frames*100 {
			return
		}
		if time.Now().After(end) {
			s.d.t.Fatal("the gateway does not read what is sent")
		}
	}
}

// stay says what keeps a silent stream open at the vendor.
func (s *talker) stay() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
			_ = s.write(websocket.TextMessage, []byte(`{"type":"KeepAlive"}`)) // the reader sees it, too
		}
	}
}

func (s *talker) write(kind int, message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.WriteMessage(kind, message)
}

func (s *talker) frame() {
	s.d.t.Helper()
	if err := s.write(websocket.BinaryMessage, make([]byte, 3200)); err != nil {
		s.d.t.Fatal(err)
	}
}

// until speaks until something has happened.
func (s *talker) until(happened func() bool) {
	s.d.t.Helper()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for end := time.Now().Add(procHang); !happened(); <-pace.C {
		s.frame()
		if time.Now().After(end) {
			s.d.t.Fatal("what is waited for does not happen")
		}
	}
}

// ended waits for the gateway's end of the stream.
func (s *talker) ended() {
	s.d.t.Helper()
	select {
	case <-s.done:
	case <-time.After(procHang):
		s.d.t.Fatal("the stream goes on")
	}
}

func (s *talker) leave() {
	_ = s.conn.Close()
	<-s.done
}
