package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// conversation is what a client learns from one stream, whatever the vendor's
// dialect. Its methods are called by the line's reader and by the pump.
type conversation struct {
	watch  watcher
	told   chan struct{} // closed by the vendor's last word
	closed chan struct{} // closed when the connection is over

	mu  sync.Mutex
	out outcome
}

func newConversation(w watcher) *conversation {
	return &conversation{watch: w, told: make(chan struct{}), closed: make(chan struct{}), out: outcome{vendorMS: -1}}
}

// finish says goodbye and waits for the last words.
func (c *conversation) finish(l line) {
	select {
	case <-c.closed:
		c.mu.Lock()
		c.out.early = true
		c.mu.Unlock()
		return
	default:
	}
	if err := l.goodbye(); err != nil {
		c.failed(err)
		return
	}
	late := time.NewTimer(finishTimeout)
	defer late.Stop()
	select {
	case <-c.told:
	case <-c.closed:
		return
	case <-late.C:
		c.broke(errors.New("the vendor's last words did not come"))
		return
	}
	// The vendor closes behind its last word; with that the client need not.
	select {
	case <-c.closed:
	case <-late.C:
	}
}

func (c *conversation) sent(bytes int64) {
	c.mu.Lock()
	c.out.sentBytes = bytes
	c.mu.Unlock()
	if c.watch.sent != nil {
		c.watch.sent(bytes)
	}
}

// failed is told of a write that failed. The reader knows better why: the peer's
// Close may be on its way through it.
func (c *conversation) failed(err error) {
	t := time.NewTimer(finishTimeout)
	defer t.Stop()
	select {
	case <-c.closed:
	case <-t.C:
	}
	c.broke(fmt.Errorf("the connection was lost: %w", err))
}

// broke remembers the first fault of the connection.
func (c *conversation) broke(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.broken == nil {
		c.out.broken = err
	}
}

func (c *conversation) outcome() outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.out
	o.transcript = slices.Clone(o.transcript)
	o.notices = slices.Clone(o.notices)
	return o
}

// final keeps a final result.
func (c *conversation) final(text string) {
	if text == "" {
		return
	}
	c.mu.Lock()
	c.out.transcript = append(c.out.transcript, text)
	c.mu.Unlock()
	if c.watch.final != nil {
		c.watch.final(text)
	}
}

// counted keeps the vendor's own figure. Should there be several, the last counts.
func (c *conversation) counted(ms int64) {
	c.mu.Lock()
	c.out.vendorMS = ms
	c.mu.Unlock()
}

// lastWord says that the vendor has nothing more to say.
func (c *conversation) lastWord() { c.shut(c.told) }

// noticed keeps an in-band error.
func (c *conversation) noticed(n notice) {
	c.mu.Lock()
	c.out.notices = append(c.out.notices, n)
	c.mu.Unlock()
	if c.watch.noticed != nil {
		c.watch.noticed(n)
	}
}

// endedBy keeps how the peer ended the stream, when that was not politely.
func (c *conversation) endedBy(n notice) {
	c.mu.Lock()
	c.out.end = &n
	c.mu.Unlock()
}

// over says that the connection is.
func (c *conversation) over() { c.shut(c.closed) }

func (c *conversation) shut(ch chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-ch:
	default:
		close(ch)
	}
}

// lostCode stands for a connection that broke without a Close (RFC 6455, 7.1.5).
const lostCode = "1006"

func firstOf(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}
