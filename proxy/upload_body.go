package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

const (
	// uploadBuffer is how much of a body is read at once.
	uploadBuffer = 32 << 10
	// maxPrime bounds how much of a body is looked at before the vendor is asked: a header.
	// It is not held back longer than it takes to come.
	maxPrime = 8 << 10
)

// errClientLost ends an upload whose client has hung up: there is nobody to answer.
var errClientLost = fmt.Errorf("the client has hung up: %w", context.Canceled)

// errStopped is a body's that nobody wants any more: it was answered, or refused.
var errStopped = errors.New("the body is not wanted any more")

// uploadBody is a client's body on its way to the vendor. Read gives what was measured and
// bought; nothing is held back otherwise. Read belongs to the courier, and to
// prime before it; the rest is safe from any goroutine.
type uploadBody struct {
	src    io.Reader
	most   int64 // bytes
	gauge  *gauge
	parts  *parts // nil: the whole body is audio
	length int64  // of what is forwarded; -1: not known

	buf      []byte
	back     []byte // that ready is a part of
	ready    []byte // may go on
	read     int64  // bytes of the client
	ended    bool
	transfer *transfer
	over     <-chan struct{} // of the vendor's side: nothing more is wanted
	tempo    *tempo          // nil: none
	counted  time.Duration   // by tempo

	mu      sync.Mutex // guards what follows
	err     error      // why it broke off
	stopped bool
	ordered *provider.Order
}

// prime reads until it is clear what comes, so that what cannot be paid or measured is refused
// before the vendor has heard of it.
func (b *uploadBody) prime() error {
	for !b.ended && b.read < maxPrime && !b.gauge.ready() {
		if err := b.fill(maxPrime); err != nil {
			return err
		}
	}
	return nil
}

// progress tells a transfer what passes from here on, until over is closed.
func (b *uploadBody) progress(t *transfer, over <-chan struct{}) {
	b.transfer, b.over = t, over
	b.moved()
}

// Read is the vendor's side.
func (b *uploadBody) Read(p []byte) (int, error) {
	if b.transfer != nil {
		b.transfer.given.Store(0)
	}
	for len(b.ready) == 0 && !b.ended {
		if err := b.fill(uploadBuffer); err != nil {
			return 0, b.fail(err)
		}
	}
	if b.unwanted() {
		return 0, errStopped
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	if b.transfer != nil {
		b.moved()
		b.transfer.given.Store(time.Now().UnixNano())
	}
	if n == 0 {
		b.transferred()
		return 0, io.EOF
	}
	return n, nil
}

func (b *uploadBody) moved() {
	b.transfer.bytes.Store(b.read)
	b.transfer.audio.Store(int64(b.gauge.elapsed()))
}

func (b *uploadBody) transferred() {
	if b.transfer != nil {
		b.transfer.sent.Store(true)
		b.transfer.given.Store(0)
	}
}

// fill reads from the client what may go on next. The error is a reason to break off. A panic
// is one, too: on the courier's goroutine it would end the process, with everybody's streams.
func (b *uploadBody) fill(size int) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &relay.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	if b.buf == nil {
		b.buf = make([]byte, uploadBuffer)
	}
	if !b.paced() {
		return errStopped
	}
	n, err := b.src.Read(b.buf[:size])
	b.read += int64(n)
	if b.read > b.most {
		return tooManyBytes(b.most)
	}
	if n > 0 {
		if ferr := b.pass(b.buf[:n]); ferr != nil {
			return ferr
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		b.ended = true
		if b.parts != nil {
			if err := b.parts.end(); err != nil {
				return err
			}
		}
		return b.gauge.end()
	case errors.Is(err, errSilent):
		return denied{d: silent()}
	case errors.Is(err, errStopped):
		return err
	case err != nil:
		return errClientLost
	}
	return nil
}

// paced waits where the audio comes faster than the stage of its user lets pass. False says that it is not wanted any more.
func (b *uploadBody) paced() bool {
	if b.tempo == nil || b.tempo.free() {
		return true
	}
	elapsed := b.gauge.elapsed()
	b.tempo.passed("", elapsed-b.counted, time.Now())
	b.counted = elapsed
	for d := b.tempo.wait("", time.Now()); d > 0; d = b.tempo.wait("", time.Now()) {
		select {
		case <-b.over: // never before it has begun
			return false
		case <-time.After(min(d, paceLook)):
		}
		if b.unwanted() {
			return false
		}
	}
	return true
}

// pass measures a piece and makes it ready.
func (b *uploadBody) pass(p []byte) (err error) {
	if b.parts != nil {
		p, err = b.parts.feed(p)
	} else {
		err = b.gauge.write(p)
	}
	if err != nil {
		return err
	}
	if len(b.ready) == 0 {
		b.ready = b.back[:0]
	}
	b.ready = append(b.ready, p...)
	b.back = b.ready
	return nil
}

func silent() *provider.Denial {
	d := deny(provider.UpstreamTimeout, "the body did not go on for limits.idle_timeout; send it again")
	d.Status, d.Title = http.StatusRequestTimeout, "Upload stalled"
	return d
}

// fail notes why the body broke off: it is the client's answer, whatever the courier says.
func (b *uploadBody) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil && !b.stopped && !errors.Is(err, errStopped) {
		b.err = err
	}
	return err
}

// fault is why the body broke off; nil where it did not.
func (b *uploadBody) fault() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// stop ends the reading: the vendor has answered.
func (b *uploadBody) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
}

func (b *uploadBody) unwanted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopped
}

// order is the form's, nil where it has none.
func (b *uploadBody) order() *provider.Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ordered
}

func (b *uploadBody) setOrder(o provider.Order) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ordered = &o
}
