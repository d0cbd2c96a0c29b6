package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	msg "github.com/deepgram/deepgram-go-sdk/v3/pkg/api/listen/v1/websocket/interfaces"
	dg "github.com/deepgram/deepgram-go-sdk/v3/pkg/client/interfaces"
	"github.com/deepgram/deepgram-go-sdk/v3/pkg/client/listen"
)

// transcribe streams a user's audio, as it comes, through the SDK. Two things in it have to do with the gateway: the
// header that says whose stream it is, and a key that is none, since the gateway has it.
func transcribe(asked context.Context, user string, audio io.Reader) ([]string, error) {
	ctx, cancel := context.WithCancel(dg.WithCustomHeaders(asked, http.Header{"X-Sttgate-User": {user}}))
	defer cancel()
	s := &speech{over: cancel, last: make(chan struct{})}
	conn, err := listen.NewWSUsingCallbackWithCancel(ctx, cancel, "the gateway's", &dg.ClientOptions{},
		&dg.LiveTranscriptionOptions{Model: "nova-3", Encoding: "linear16", SampleRate: 16000, Channels: 1}, s)
	if err != nil {
		return nil, err
	}
	if !conn.ConnectWithCancel(ctx, cancel, 1) {
		return nil, errors.New("the SDK does not connect, and does not say why")
	}
	defer conn.Stop()
	if _, err := io.Copy(conn, audio); err != nil { // the SDK's own Stream loses what a reader returns with its end
		return nil, s.why(fmt.Errorf("the audio: %w", err))
	}
	// Stop alone waits for the last words no longer than 100 ms.
	if err := conn.WriteJSON(map[string]string{"type": "CloseStream"}); err != nil {
		return nil, s.why(err)
	}
	select {
	case <-s.last:
	case <-ctx.Done():
		return nil, s.why(ctx.Err())
	}
	return s.words, nil
}

// speech is the SDK's callback: what was said in one stream. The SDK calls it one message after the other.
type speech struct {
	over context.CancelFunc // ends the stream; without it the SDK would connect again by itself
	last chan struct{}      // closed with the vendor's last word
	once sync.Once

	words []string

	mu    sync.Mutex
	fault error // the first one
}

var _ msg.LiveMessageCallback = (*speech)(nil)

// Message keeps what the vendor will not change any more.
func (s *speech) Message(m *msg.MessageResponse) error {
	if m.IsFinal && len(m.Channel.Alternatives) > 0 && m.Channel.Alternatives[0].Transcript != "" {
		s.words = append(s.words, m.Channel.Alternatives[0].Transcript)
	}
	return nil
}

// Metadata is the vendor's last word.
func (s *speech) Metadata(*msg.MetadataResponse) error {
	s.once.Do(func() { close(s.last) })
	return nil
}

// Error is the vendor's, or the gateway's: a spent budget comes here as the vendor would say it.
func (s *speech) Error(e *dg.DeepgramError) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		s.fault = fmt.Errorf("%s: %s", e.ErrMsg, e.Description)
	}
	return nil
}

// Close ends the stream.
func (s *speech) Close(*msg.CloseResponse) error {
	s.over()
	return nil
}

// Open, SpeechStarted, UtteranceEnd and UnhandledEvent say nothing that is wanted here.

func (*speech) Open(*msg.OpenResponse) error                   { return nil }
func (*speech) SpeechStarted(*msg.SpeechStartedResponse) error { return nil }
func (*speech) UtteranceEnd(*msg.UtteranceEndResponse) error   { return nil }
func (*speech) UnhandledEvent([]byte) error                    { return nil }

// why is what the vendor said, or else err.
func (s *speech) why(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return s.fault
	}
	return err
}
