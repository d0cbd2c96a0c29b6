package main

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// drillUsers share the calls of a drill.
const drillUsers = 10

func drillUser(i int) string { return fmt.Sprintf("user-%d", i%drillUsers) }

// calls are clients that speak in real time through a proxy, and come back when they are told to.
type calls struct {
	t    *testing.T
	addr string
	over chan struct{} // closed: say goodbye
	all  sync.WaitGroup

	mu   sync.Mutex // guards what follows
	n    int
	legs []*leg
}

// leg is a client's stream at one gateway.
type leg struct {
	gate         string
	began, ended time.Time // ended is zero while it runs
	code         int
	last         time.Time // when the vendor's last result came
}

func newCalls(t *testing.T, addr string) *calls {
	t.Helper()
	c := &calls{t: t, addr: addr, over: make(chan struct{})}
	t.Cleanup(c.all.Wait)
	t.Cleanup(c.hangUp)
	return c
}

// more lets n clients begin and returns when each has its stream.
func (c *calls) more(n int) {
	c.t.Helper()
	for range n {
		c.mu.Lock()
		user := drillUser(c.n)
		c.n++
		c.mu.Unlock()
		l, conn := c.dial(user)
		if conn == nil {
			c.t.FailNow()
		}
		c.all.Go(func() {
			for conn != nil && c.speak(l, conn) {
				l, conn = c.dial(user)
			}
		})
	}
}

// dial is to succeed always: a rollout is none of the clients' business.
func (c *calls) dial(user string) (*leg, *websocket.Conn) {
	conn, resp, err := websocket.DefaultDialer.Dial("ws://"+c.addr+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{"X-Sttgate-User": {user}})
	if err != nil {
		c.t.Errorf("connect through HAProxy: %v %v", err, resp)
		return nil, nil
	}
	l := &leg{gate: resp.Header.Get("X-Drill-Gateway"), began: time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.legs = append(c.legs, l)
	return l, conn
}

// speak sends and listens until the stream ends, and says whether the client is to come back.
func (c *calls) speak(l *leg, conn *websocket.Conn) (again bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		pace := time.NewTicker(200 * time.Millisecond)
		defer pace.Stop()
		for frame := make([]byte, 6400); conn.WriteMessage(websocket.BinaryMessage, frame) == nil; {
			select {
			case <-pace.C:
			case <-c.over:
				_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`)) // the reader finds out
				return
			}
		}
	}()
	var code int
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			code = websocket.CloseAbnormalClosure
			if e, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // it is never wrapped
				code = e.Code
			}
			break
		}
		c.mu.Lock()
		l.last = time.Now()
		c.mu.Unlock()
	}
	_ = conn.Close()
	<-done
	c.mu.Lock()
	defer c.mu.Unlock()
	l.ended, l.code = time.Now(), code
	if code != websocket.CloseNormalClosure && code != websocket.CloseServiceRestart {
		c.t.Errorf("a stream at %s was closed with %d", l.gate, code)
	}
	return code == websocket.CloseServiceRestart
}

// hangUp lets all clients end their streams as the vendor wants it, and waits for them.
func (c *calls) hangUp() {
	c.mu.Lock()
	select {
	case <-c.over:
	default:
		close(c.over)
	}
	c.mu.Unlock()
	c.all.Wait()
}

// at is how many streams run at a gateway.
func (c *calls) at(gate string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.legs {
		if l.gate == gate && l.ended.IsZero() {
			n++
		}
	}
	return n
}

// check looks at the streams of a gateway that has gone: each ran on for its grace, heard the vendor meanwhile,
// and was told to come back. It returns how many there were and over what time they ended.
func (c *calls) check(gate string, term time.Time, grace time.Duration) (n int, spread time.Duration) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var first, last time.Time
	for _, l := range c.legs {
		if l.gate != gate {
			continue
		}
		n++
		switch at := l.ended.Sub(term); {
		case at < grace:
			c.t.Errorf("a stream at %s ended %s after SIGTERM, its grace is %s", gate, at, grace)
		case l.code != websocket.CloseServiceRestart:
			c.t.Errorf("a stream at %s was closed with %d, want %d", gate, l.code, websocket.CloseServiceRestart)
		case l.last.Before(term):
			c.t.Errorf("a stream at %s heard nothing while the gateway drained", gate)
		}
		if n == 1 || l.ended.Before(first) {
			first = l.ended
		}
		if n == 1 || l.ended.After(last) {
			last = l.ended
		}
	}
	return n, last.Sub(first)
}
