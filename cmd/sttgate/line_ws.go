package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// wsLine is a stream of a vendor that has no Go SDK: JSON texts and binary audio.
type wsLine struct {
	c    *conversation
	conn *websocket.Conn
	bye  func() (any, bool) // the end of stream; false: an empty message

	mu       sync.Mutex // gorilla allows one writer at a time
	read     chan struct{}
	stopping atomic.Bool
}

var _ line = (*wsLine)(nil)

// dialWS opens a WebSocket. A refusal is a *refusedError, no answer a plain error.
func dialWS(ctx context.Context, t target, path string, q url.Values) (*websocket.Conn, error) {
	d := websocket.Dialer{HandshakeTimeout: probeTimeout, Proxy: http.ProxyFromEnvironment}
	conn, res, err := d.DialContext(ctx, t.url("ws", path, q), t.bearer())
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case res == nil || !errors.Is(err, websocket.ErrBadHandshake):
		return nil, fmt.Errorf("no gateway answers at %s: %w", t.url("ws", "", nil), err)
	}
	defer res.Body.Close()
	return nil, &refusedError{readRefusal(res)}
}

// listen begins reading; hear gets each text message.
func (l *wsLine) listen(hear func([]byte)) {
	l.read = make(chan struct{})
	go func() {
		defer close(l.read)
		defer l.c.over()
		for {
			_, text, err := l.conn.ReadMessage()
			if err != nil {
				l.ended(err)
				return
			}
			hear(text)
		}
	}()
}

// ended notes an end that was not polite.
func (l *wsLine) ended(err error) {
	var ce *websocket.CloseError
	switch {
	case errors.As(err, &ce) && ce.Code == websocket.CloseNormalClosure:
	case errors.As(err, &ce):
		l.c.endedBy(notice{Code: strconv.Itoa(ce.Code), Reason: ce.Text})
	case !l.stopping.Load():
		l.c.endedBy(notice{Code: lostCode, Reason: err.Error()})
	}
}

func (l *wsLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.conn.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (l *wsLine) say(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn.WriteMessage(websocket.TextMessage, text)
}

func (l *wsLine) goodbye() error {
	if v, ok := l.bye(); ok {
		return l.say(v)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn.WriteMessage(websocket.TextMessage, nil)
}

// stop says Close to a peer that has not, and waits for the reader.
func (l *wsLine) stop() {
	l.stopping.Store(true)
	deadline := time.Now().Add(time.Second)
	_ = l.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), deadline) // it may be gone
	_ = l.conn.SetReadDeadline(deadline)
	<-l.read
	_ = l.conn.Close()
}
