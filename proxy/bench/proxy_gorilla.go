//go:build linux

package main

import (
	"errors"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

// gorillaMain is the relay that most Go services write: a message is read whole,
// unmasked, masked again and written.
func gorillaMain(args []string) error {
	return serveProxy(args, func(p goProxy, l net.Listener) error {
		up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
		dialer := websocket.Dialer{}
		return handlerServer(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			head := http.Header{"Authorization": r.Header["Authorization"]}
			vendor, resp, err := dialer.DialContext(r.Context(), p.ws()+r.URL.RequestURI(), head)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			_ = resp.Body.Close()
			defer func() { _ = vendor.Close() }()
			client, err := up.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer func() { _ = client.Close() }()
			upward := make(chan struct{})
			go func() {
				defer close(upward)
				messages(vendor, client)
			}()
			messages(client, vendor)
			<-upward
		}))
	})
}

// messages relays one direction to its end and passes the Close.
func messages(dst, src *websocket.Conn) {
	for {
		op, m, err := src.ReadMessage()
		if err != nil {
			code := websocket.CloseGoingAway
			var ce *websocket.CloseError
			if errors.As(err, &ce) && ce.Code != websocket.CloseNoStatusReceived && ce.Code != websocket.CloseAbnormalClosure {
				code = ce.Code
			}
			if dst.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, "")) != nil || ce == nil {
				_ = dst.Close() // nobody will answer; the other direction must not wait
			}
			return
		}
		if err := dst.WriteMessage(op, m); err != nil {
			_ = src.Close()
			return
		}
	}
}
