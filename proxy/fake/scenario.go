package fake

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Scenario is a misbehaviour.
type Scenario string

// The scenarios. Those of the handshake never reach a stream; the others run a
// normal stream until they strike.
const (
	Refuse400   Scenario = "fake-400"
	Refuse401   Scenario = "fake-401"
	Refuse402   Scenario = "fake-402" // no credit
	Refuse403   Scenario = "fake-403"
	Refuse429   Scenario = "fake-429"
	Refuse500   Scenario = "fake-500"
	Refuse503   Scenario = "fake-503"
	BigError    Scenario = "fake-big-error"   // 400 with a body of 8 KiB
	Hang        Scenario = "fake-hang"        // no answer until the peer gives up
	Redirect    Scenario = "fake-redirect"    // 302 to another host
	BadAccept   Scenario = "fake-bad-accept"  // 101 with a wrong Sec-WebSocket-Accept
	Extension   Scenario = "fake-extension"   // 101 with permessage-deflate, asked or not
	Subprotocol Scenario = "fake-subprotocol" // 101 with a subprotocol nobody offered
	Close1011   Scenario = "fake-close-1011"  // after one second of audio: 1011 NET-0000
	Reset       Scenario = "fake-reset"       // after one second of audio: TCP reset
	EOF         Scenario = "fake-eof"         // after one second of audio: TCP FIN, no Close
	SilentEnd   Scenario = "fake-silent-end"  // does not react to the end of the stream
	Deaf        Scenario = "fake-deaf"        // does not read after one second of audio
)

// named is the scenario of a name, "" for any other word.
func named(name string) Scenario {
	switch s := Scenario(name); s {
	case Refuse400, Refuse401, Refuse402, Refuse403, Refuse429, Refuse500, Refuse503, BigError, Hang, Redirect,
		BadAccept, Extension, Subprotocol, Close1011, Reset, EOF, SilentEnd, Deaf:
		return s
	}
	return ""
}

// misbehave plays the scenarios of the handshake; false when there is none.
func (d *Deepgram) misbehave(w http.ResponseWriter, r *http.Request, sc Scenario, id string) bool {
	switch sc {
	case Refuse400:
		refuse(w, 400, "INVALID_QUERY_PARAMETER", "Failed to deserialize query parameters.", id)
	case Refuse401:
		refuse(w, 401, "INVALID_AUTH", "Invalid credentials.", id)
	case Refuse402:
		refuse(w, 402, "ASR_PAYMENT_REQUIRED", "Project does not have enough credits for an ASR request and does not have an overage agreement.", id)
	case Refuse403:
		refuse(w, 403, "INSUFFICIENT_PERMISSIONS", "Project does not have access to the requested model.", id)
	case Refuse429:
		w.Header().Set("Retry-After", "7")
		refuse(w, 429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later", id)
	case Refuse500:
		refuse(w, 500, "INTERNAL_SERVER_ERROR", "Something went wrong.", id)
	case Refuse503:
		refuse(w, 503, "SERVICE_UNAVAILABLE", "The service is unavailable.", id)
	case BigError:
		refuse(w, 400, "Bad Request", strings.Repeat("all of this is the error. ", 8<<10/26+1), id)
	case Hang:
		select {
		case <-r.Context().Done():
		case <-d.closed:
		}
	case Redirect:
		w.Header().Set("Dg-Request-Id", id)
		http.Redirect(w, r, "http://redirect.invalid"+r.URL.Path, http.StatusFound)
	case BadAccept:
		d.raw101(w, r, id, "bm90IHRoZSBhbnN3ZXI=", "")
	case Extension:
		d.raw101(w, r, id, acceptKey(r), "Sec-WebSocket-Extensions: permessage-deflate\r\n")
	case Subprotocol:
		d.raw101(w, r, id, acceptKey(r), "Sec-WebSocket-Protocol: nobody-asked\r\n")
	default:
		return false
	}
	return true
}

// raw101 answers by hand and holds the connection until the peer goes.
func (d *Deepgram) raw101(w http.ResponseWriter, _ *http.Request, id, accept, more string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		refuse(w, http.StatusInternalServerError, "INTERNAL_SERVER_ERROR", "this connection cannot be taken over", id)
		return
	}
	defer conn.Close() //nolint:errcheck // nothing is left to lose
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\ndg-request-id: %s\r\n%s\r\n", accept, id, more)
	if err == nil {
		d.untilGone(conn)
	}
}

// untilGone reads until the peer closes or the fake does.
func (d *Deepgram) untilGone(conn net.Conn) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		var sink [512]byte
		for {
			if _, err := conn.Read(sink[:]); err != nil {
				return
			}
		}
	}()
	select {
	case <-gone:
	case <-d.closed:
		_ = conn.Close() // ends the reader
		<-gone
	}
}

// acceptKey is the answer to the handshake's nonce (RFC 6455, 4.2.2).
func acceptKey(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}
