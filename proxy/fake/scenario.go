package fake

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"fmt"
	"io"
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
	BareClose   Scenario = "fake-bare-close"  // after one second of audio: 1000, without a word
	SilentEnd   Scenario = "fake-silent-end"  // does not react to the end of the stream
	Deaf        Scenario = "fake-deaf"        // does not read after one second of audio

	InBand401 Scenario = "fake-inband-401" // errors in-band: these behind the first message
	InBand402 Scenario = "fake-inband-402"
	InBand403 Scenario = "fake-inband-403"
	InBand429 Scenario = "fake-inband-429"
	InBand408 Scenario = "fake-inband-408" // these after one second of audio
	InBand413 Scenario = "fake-inband-413"
	InBand503 Scenario = "fake-inband-503"

	JobError Scenario = "fake-job-error" // a job that was taken ends in an error
)

// named is the scenario of a name, "" for any other word.
func named(name string) Scenario {
	switch s := Scenario(name); s {
	case Refuse400, Refuse401, Refuse402, Refuse403, Refuse429, Refuse500, Refuse503, BigError, Hang, Redirect,
		BadAccept, Extension, Subprotocol, Close1011, Reset, EOF, BareClose, SilentEnd, Deaf,
		InBand401, InBand402, InBand403, InBand429, InBand408, InBand413, InBand503, JobError:
		return s
	}
	return ""
}

// shape is a vendor's way to answer.
type shape struct {
	refuse func(status int, code, msg string)
	header string // of a raw 101: whole lines
}

func deepgramShape(w http.ResponseWriter, id string) shape {
	return shape{func(status int, code, msg string) { refuse(w, status, code, msg, id) }, "dg-request-id: " + id + "\r\n"}
}

// misbehave plays the scenarios of the handshake; false when there is none.
func (c *core) misbehave(w http.ResponseWriter, r *http.Request, sc Scenario, sh shape) bool {
	switch sc {
	case Refuse400:
		sh.refuse(400, "INVALID_QUERY_PARAMETER", "Failed to deserialize query parameters.")
	case Refuse401:
		sh.refuse(401, "INVALID_AUTH", "Invalid credentials.")
	case Refuse402:
		sh.refuse(402, "ASR_PAYMENT_REQUIRED", "Project does not have enough credits for an ASR request and does not have an overage agreement.")
	case Refuse403:
		sh.refuse(403, "INSUFFICIENT_PERMISSIONS", "Project does not have access to the requested model.")
	case Refuse429:
		w.Header().Set("Retry-After", "7")
		sh.refuse(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later")
	case Refuse500:
		sh.refuse(500, "INTERNAL_SERVER_ERROR", "Something went wrong.")
	case Refuse503:
		sh.refuse(503, "SERVICE_UNAVAILABLE", "The service is unavailable.")
	case BigError:
		sh.refuse(400, "Bad Request", strings.Repeat("all of this is the error. ", 8<<10/26+1))
	case Hang:
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the peer gives up
		c.untilOver(r)
	case Redirect:
		http.Redirect(w, r, "http://redirect.invalid"+r.URL.Path, http.StatusFound)
	case BadAccept:
		c.raw101(w, sh, "bm90IHRoZSBhbnN3ZXI=", "")
	case Extension:
		c.raw101(w, sh, acceptKey(r), "Sec-WebSocket-Extensions: permessage-deflate\r\n")
	case Subprotocol:
		c.raw101(w, sh, acceptKey(r), "Sec-WebSocket-Protocol: nobody-asked\r\n")
	default:
		return false
	}
	return true
}

// raw101 answers by hand and holds the connection until the peer goes.
func (c *core) raw101(w http.ResponseWriter, sh shape, accept, more string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		sh.refuse(http.StatusInternalServerError, "INTERNAL_SERVER_ERROR", "this connection cannot be taken over")
		return
	}
	defer conn.Close() //nolint:errcheck // nothing is left to lose
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n%s%s\r\n", accept, sh.header, more)
	if err == nil {
		c.untilGone(conn)
	}
}

// untilGone reads until the peer closes or the fake does.
func (c *core) untilGone(conn net.Conn) {
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
	case <-c.closed:
		_ = conn.Close() // ends the reader
		<-gone
	}
}

// acceptKey is the answer to the handshake's nonce (RFC 6455, 4.2.2).
func acceptKey(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}
