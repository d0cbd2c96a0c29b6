package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"

	msg "github.com/deepgram/deepgram-go-sdk/v3/pkg/api/listen/v1/websocket/interfaces"
	dg "github.com/deepgram/deepgram-go-sdk/v3/pkg/client/interfaces"
	"github.com/deepgram/deepgram-go-sdk/v3/pkg/client/listen"

	"github.com/sttgate/sttgate/meter"
)

// deepgramLine is a stream through Deepgram's official Go SDK.
type deepgramLine struct {
	*listen.WSCallback
	end func()
}

// goodbye asks for the last words. The SDK's own Stop waits 100 ms for them, which
// misses the Metadata with the vendor's figure.
func (l deepgramLine) goodbye() error { return l.WriteJSON(map[string]string{"type": "CloseStream"}) }

func (l deepgramLine) stop() { l.end() }

// openDeepgram opens the stream with the SDK. One attempt only: its three attempts,
// two seconds apart, cannot be interrupted, and a refusal is not going to change its mind.
func openDeepgram(asked context.Context, c *conversation, t target, f meter.Format) (line, error) { //nolint:ireturn // a dialect
	// The SDK connects again by itself on the next write after a close, whatever the
	// code, unless its context is over. It must outlive asked so that an interrupt can still end politely.
	ctx, cancel := context.WithCancel(context.WithoutCancel(asked))
	defer context.AfterFunc(asked, cancel)() // until it stands, an interrupt ends the attempt
	ctx = dg.WithCustomHeaders(ctx, t.header())

	co := &dg.ClientOptions{APIKey: t.credential()}
	conn, err := listen.NewWSUsingCallbackWithCancel(ctx, cancel, t.credential(), co, deepgramOptions(f), &deepgramEvents{c, cancel})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("deepgram SDK: %w", err)
	}
	pointDeepgram(co, t)
	if !conn.ConnectWithCancel(ctx, cancel, 1) {
		cancel()
		return nil, errConnect
	}
	return deepgramLine{conn, sync.OnceFunc(conn.Stop)}, nil
}

// pointDeepgram points the SDK at the target. It comes after the SDK has read the
// process environment (DEEPGRAM_HOST and others), which would overrule the command line.
func pointDeepgram(co *dg.ClientOptions, t target) {
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

// deepgramOptions is the question in the vendor's words.
func deepgramOptions(f meter.Format) *dg.LiveTranscriptionOptions {
	return &dg.LiveTranscriptionOptions{
		Model: "nova-3", Encoding: string(f.Encoding), SampleRate: f.SampleRate, Channels: f.Channels,
		SmartFormat: true, InterimResults: true,
	}
}

// deepgramEvents is the callback side of the SDK.
type deepgramEvents struct {
	c      *conversation
	cancel context.CancelFunc // forbids the SDK to connect again
}

var _ msg.LiveMessageCallback = (*deepgramEvents)(nil)

// Open, SpeechStarted, UtteranceEnd and UnhandledEvent have nothing to tell us.

func (e *deepgramEvents) Open(*msg.OpenResponse) error                   { return nil }
func (e *deepgramEvents) SpeechStarted(*msg.SpeechStartedResponse) error { return nil }
func (e *deepgramEvents) UtteranceEnd(*msg.UtteranceEndResponse) error   { return nil }
func (e *deepgramEvents) UnhandledEvent([]byte) error                    { return nil }

// Message keeps final results.
func (e *deepgramEvents) Message(m *msg.MessageResponse) error {
	if m.IsFinal && len(m.Channel.Alternatives) > 0 {
		e.c.final(strings.TrimSpace(m.Channel.Alternatives[0].Transcript))
	}
	return nil
}

// Metadata is the vendor's own figure, and its last word.
func (e *deepgramEvents) Metadata(m *msg.MetadataResponse) error {
	e.c.counted(int64(math.Round(m.Duration * 1000)))
	e.c.lastWord()
	return nil
}

// Error is both an Error message of the peer and a broken connection. The SDK
// names the latter by its close code.
func (e *deepgramEvents) Error(d *dg.DeepgramError) error {
	code, closed := strings.CutPrefix(d.ErrMsg, "close ")
	switch {
	case closed:
		e.c.endedBy(notice{Code: code, Reason: d.Description})
	case d.ErrCode == "" && strings.HasPrefix(d.ErrMsg, "unknown deepgram error"):
		e.c.endedBy(notice{Code: lostCode, Reason: d.Description})
	default:
		e.c.noticed(notice{Code: d.ErrCode, Reason: firstOf(d.Description, d.ErrMsg), Kind: d.Variant})
	}
	return nil
}

// Close comes while the SDK holds its lock, before it forgets the socket: from
// here on a write fails instead of connecting again.
func (e *deepgramEvents) Close(*msg.CloseResponse) error {
	e.cancel()
	e.c.over()
	return nil
}
