package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	msg "github.com/deepgram/deepgram-go-sdk/v3/pkg/api/listen/v1/websocket/interfaces"
	dg "github.com/deepgram/deepgram-go-sdk/v3/pkg/client/interfaces"
	"github.com/deepgram/deepgram-go-sdk/v3/pkg/client/listen"

	"github.com/sttgate/sttgate/meter"
)

// conversation is the callback side of one SDK connection. Its methods are
// called by the SDK's reader and by the pump.
type conversation struct {
	watch  watcher
	cancel context.CancelFunc // forbids the SDK to connect again
	told   chan struct{}      // closed by the first Metadata
	closed chan struct{}      // closed when the connection is over

	mu  sync.Mutex
	out outcome
}

func newConversation(w watcher) *conversation {
	return &conversation{
		watch: w, cancel: func() {}, told: make(chan struct{}), closed: make(chan struct{}),
		out: outcome{vendorMS: -1},
	}
}

var _ msg.LiveMessageCallback = (*conversation)(nil)

// connect opens the stream with the SDK. One attempt only: its three attempts,
// two seconds apart, cannot be interrupted, and a refusal is not going to change its mind.
// stop ends the SDK's goroutine and may be called again.
func (c *conversation) connect(ctx context.Context, t target, f meter.Format) (*listen.WSCallback, func(), error) {
	// The SDK connects again by itself on the next write after a close, whatever the
	// code, unless its context is over. It must outlive ctx so that an interrupt can still end politely.
	asked := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	defer context.AfterFunc(asked, cancel)() // until it stands, an interrupt ends the attempt
	ctx = dg.WithCustomHeaders(ctx, t.header())

	co := &dg.ClientOptions{APIKey: t.credential()}
	conn, err := listen.NewWSUsingCallbackWithCancel(ctx, cancel, t.credential(), co, options(f), c)
	if err != nil {
		cancel()
		return nil, nil, fmt.Errorf("deepgram SDK: %w", err)
	}
	dial(co, t)
	if !conn.ConnectWithCancel(ctx, cancel, 1) {
		cancel()
		return nil, nil, errConnect
	}
	return conn, sync.OnceFunc(conn.Stop), nil
}

// dial points the SDK at the target. It comes after the SDK has read the
// process environment (DEEPGRAM_HOST and others), which would overrule the command line.
func dial(co *dg.ClientOptions, t target) {
	co.Host = t.url("ws", "", nil)
	co.APIVersion = strings.TrimPrefix(t.prefix+"/v1", "/")
	co.Path = ""
	co.SetAPIKey(t.credential())
	co.SetAccessToken("")
	co.EnableKeepAlive, co.AutoFlushReplyDelta, co.RedirectService = false, 0, false
	// The SDK would send an empty Host for a host option with a scheme, which
	// proxies in front of the gateway refuse.
	co.WSHeaderProcessor = func(h http.Header) { h.Set("Host", t.host) }
}

// options is the question in the vendor's words.
func options(f meter.Format) *dg.LiveTranscriptionOptions {
	return &dg.LiveTranscriptionOptions{
		Model: "nova-3", Encoding: string(f.Encoding), SampleRate: f.SampleRate, Channels: f.Channels,
		SmartFormat: true, InterimResults: true,
	}
}

// finish says goodbye and waits for the last words. The SDK's own Stop waits
// 100 ms, which misses the Metadata with the vendor's figure.
func (c *conversation) finish(conn *listen.WSCallback) {
	select {
	case <-c.closed:
		c.mu.Lock()
		c.out.early = true
		c.mu.Unlock()
		return
	default:
	}
	if err := conn.WriteJSON(map[string]string{"type": "CloseStream"}); err != nil {
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
	// The vendor closes behind its Metadata; with that the SDK need not.
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
	o.transcript = append([]string(nil), o.transcript...)
	o.notices = append([]notice(nil), o.notices...)
	return o
}

// Open, SpeechStarted, UtteranceEnd and UnhandledEvent have nothing to tell us.

func (c *conversation) Open(*msg.OpenResponse) error                   { return nil }
func (c *conversation) SpeechStarted(*msg.SpeechStartedResponse) error { return nil }
func (c *conversation) UtteranceEnd(*msg.UtteranceEndResponse) error   { return nil }
func (c *conversation) UnhandledEvent([]byte) error                    { return nil }

// Message keeps final results.
func (c *conversation) Message(m *msg.MessageResponse) error {
	if !m.IsFinal || len(m.Channel.Alternatives) == 0 {
		return nil
	}
	text := strings.TrimSpace(m.Channel.Alternatives[0].Transcript)
	if text == "" {
		return nil
	}
	c.mu.Lock()
	c.out.transcript = append(c.out.transcript, text)
	c.mu.Unlock()
	if c.watch.final != nil {
		c.watch.final(text)
	}
	return nil
}

// Metadata is the vendor's own figure. Should there be several, the last counts.
func (c *conversation) Metadata(m *msg.MetadataResponse) error {
	c.mu.Lock()
	first := c.out.vendorMS < 0
	c.out.vendorMS = int64(math.Round(m.Duration * 1000))
	c.mu.Unlock()
	if first {
		close(c.told)
	}
	return nil
}

// Error is both an Error message of the peer and a broken connection. The SDK
// names the latter by its close code.
func (c *conversation) Error(e *dg.DeepgramError) error {
	n := notice{Code: e.ErrCode, Reason: firstOf(e.Description, e.ErrMsg), Kind: e.Variant}
	code, closed := strings.CutPrefix(e.ErrMsg, "close ")
	lost := !closed && e.ErrCode == "" && strings.HasPrefix(e.ErrMsg, "unknown deepgram error")
	if lost {
		code = lostCode
	}
	ended := closed || lost
	if ended {
		n = notice{Code: code, Reason: e.Description}
	}
	c.mu.Lock()
	if ended {
		c.out.end = &n
	} else {
		c.out.notices = append(c.out.notices, n)
	}
	c.mu.Unlock()
	if c.watch.noticed != nil && !ended {
		c.watch.noticed(n)
	}
	return nil
}

// lostCode stands for a connection that broke without a Close (RFC 6455, 7.1.5).
const lostCode = "1006"

// Close comes while the SDK holds its lock, before it forgets the socket: from
// here on a write fails instead of connecting again.
func (c *conversation) Close(*msg.CloseResponse) error {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}

func firstOf(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}
