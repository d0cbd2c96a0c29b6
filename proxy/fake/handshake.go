package fake

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
)

// listen serves a stream.
func (d *Deepgram) listen(w http.ResponseWriter, r *http.Request) {
	id := newID()
	credential := credentialOf(r)
	sc := d.o.Scenario(r, credential)
	if d.wrong(credential) {
		d.refused()
		refuse(w, http.StatusUnauthorized, "INVALID_AUTH", "Invalid credentials.", id)
		return
	}
	if d.misbehave(w, r, sc, deepgramShape(w, id)) {
		d.refused()
		return
	}
	q, err := readQuery(r.URL)
	if err != nil {
		d.refused()
		refuse(w, http.StatusBadRequest, "Bad Request", err.Error(), id)
		return
	}
	if !websocket.IsWebSocketUpgrade(r) {
		d.refused()
		refuse(w, http.StatusBadRequest, "Bad Request", "only streams are served here: this needs a WebSocket upgrade", id)
		return
	}
	conn, err := upgrade(w, r, answer(r, id))
	if err != nil { // the upgrader has answered
		d.refused()
		return
	}
	s := newStream(&d.core, conn, sc, recordOf(r, id, credential))
	if q.flux {
		s.run(newFlux(s, q))
	} else {
		s.run(newNova(s, q))
	}
}

// upgrade takes a connection over.
func upgrade(w http.ResponseWriter, r *http.Request, h http.Header) (*websocket.Conn, error) {
	up := websocket.Upgrader{
		ReadBufferSize: 4096, WriteBufferSize: 1024, WriteBufferPool: nil,
		CheckOrigin: func(*http.Request) bool { return true }, // browsers are the vendors' customers
	}
	return up.Upgrade(w, r, h)
}

// recordOf is the record of a stream that begins.
func recordOf(r *http.Request, id, credential string) Record {
	return Record{RequestID: id, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(), Credential: credential}
}

// answer is what the vendor adds to a 101: its request id, and the first of the
// subprotocols that were offered.
func answer(r *http.Request, id string) http.Header {
	h := http.Header{"Dg-Request-Id": {id}}
	if p := websocket.Subprotocols(r); len(p) > 0 {
		h.Set("Sec-WebSocket-Protocol", p[0])
	}
	return h
}

// credentialOf reads the header, else the subprotocols.
func credentialOf(r *http.Request) string {
	known := func(s string) bool { return strings.EqualFold(s, "token") || strings.EqualFold(s, "bearer") }
	if scheme, rest, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && known(scheme) {
		return strings.TrimSpace(rest)
	}
	if p := websocket.Subprotocols(r); len(p) >= 2 && known(p[0]) {
		return p[1]
	}
	return ""
}

// refuse answers with an error in the vendor's shape.
func refuse(w http.ResponseWriter, status int, code, msg, id string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Dg-Request-Id", id)
	h.Set("Dg-Error", msg)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // the peer may be gone; nobody else to tell
		Code string `json:"err_code"`
		Msg  string `json:"err_msg"`
		ID   string `json:"request_id"`
	}{code, msg, id})
}

// newID makes a random UUID: an SDK refuses a request id that is none.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
