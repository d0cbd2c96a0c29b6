package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// lingerTime is how long a client that is answered before it has sent its whole body may go on
// sending: closing on unread bytes makes its system throw the answer away.
const lingerTime = time.Second

// errSilent says that a client did not go on with its body within limits.idle_timeout.
var errSilent = errors.New("the client does not go on with its request")

// intake is a request's body: it knows how far it was read, and gives up on a silent client.
type intake struct {
	src     io.Reader
	control *http.ResponseController
	idle    time.Duration
	pace    pace        // the reader's own
	touched atomic.Bool // a client that asked "Expect: 100-continue" was told to go on
	ended   atomic.Bool // read to its end

	mu    sync.Mutex // guards the deadline
	given bool       // up: see giveUp
}

// receive prepares a request with a body for being answered at any time: r is a copy with the
// intake as its body. The server would otherwise read a quarter of a MiB of what nobody
// wants before it lets an answer go.
func receive(w http.ResponseWriter, r *http.Request, idle time.Duration) (*http.Request, *intake) {
	in := &intake{src: r.Body, control: http.NewResponseController(w), idle: idle}
	if r.Body == nil || r.Body == http.NoBody {
		in.ended.Store(true)
		return r, in
	}
	_ = in.control.EnableFullDuplex() // HTTP/1.1 can
	c := *r
	c.Body = in
	return &c, in
}

// Read reads from the client, as long as it is not silent.
func (i *intake) Read(p []byte) (int, error) {
	i.touched.Store(true)
	if !i.wait() {
		return 0, errStopped
	}
	began := time.Now()
	n, err := i.src.Read(p)
	switch {
	case err == nil && !i.pace.keeps(time.Since(began), n, i.idle):
		return 0, errSilent
	case errors.Is(err, io.EOF):
		i.ended.Store(true)
		_ = i.control.SetReadDeadline(time.Time{}) // the server watches the connection from here on
	case err != nil && timedOut(err):
		if err = errSilent; i.stopped() {
			err = errStopped
		}
	}
	return n, err
}

// slowest is the least that a client sends, in bytes a second, on average and beyond the idle timeout:
// a seventh of the thinnest audio there is. Fewer would hold a place for as long as they like.
const slowest = 100

// pace adds up how long a body's bytes were waited for.
type pace struct {
	waited time.Duration
	bytes  int64
}

// keeps says whether a body is fast enough by now.
func (p *pace) keeps(took time.Duration, n int, idle time.Duration) bool {
	p.waited, p.bytes = p.waited+took, p.bytes+int64(n)
	return p.waited <= idle+time.Duration(p.bytes)*(time.Second/slowest)
}

// wait sets the deadline of a read; false when nothing is to be read any more.
func (i *intake) wait() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.given {
		_ = i.control.SetReadDeadline(time.Now().Add(i.idle)) // fails only on a connection that is gone
	}
	return !i.given
}

// giveUp ends a read that waits for the client: the courier would wait for it.
func (i *intake) giveUp() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.given = true; !i.ended.Load() {
		_ = i.control.SetReadDeadline(time.Unix(1, 0))
	}
}

func (i *intake) stopped() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.given
}

func timedOut(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

// Close does nothing: the body is the server's.
func (i *intake) Close() error { return nil }

// before prepares an answer that comes before the body's end: the connection is not used again.
func (i *intake) before(h http.Header) {
	if !i.ended.Load() {
		h.Set("Connection", "close")
	}
}

// leave lets nobody else read, and whoever does so now for the time of the lingering only.
func (i *intake) leave() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.given = true
	_ = i.control.SetReadDeadline(time.Now().Add(lingerTime))
}

// linger lets a client that is still sending read its answer.
func (i *intake) linger(r *http.Request) {
	if i.ended.Load() {
		return
	}
	_ = i.control.Flush()
	i.leave()
	if !i.touched.Load() && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return // it waits for our word, and has it
	}
	until := time.After(lingerTime)
	if _, err := io.Copy(io.Discard, i.src); err != nil {
		<-until // it broke off before, and cannot be read on: the answer gets its time all the same
	}
}
