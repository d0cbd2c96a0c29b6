package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	rest "github.com/deepgram/deepgram-go-sdk/v3/pkg/api/listen/v1/rest"
	msg "github.com/deepgram/deepgram-go-sdk/v3/pkg/api/listen/v1/websocket/interfaces"
	dg "github.com/deepgram/deepgram-go-sdk/v3/pkg/client/interfaces"
	"github.com/deepgram/deepgram-go-sdk/v3/pkg/client/listen"
)

// goDriver is the program of a user of Deepgram's Go SDK.
type goDriver struct {
	job
	mu  sync.Mutex
	out *json.Encoder
}

// driveGo runs it and returns its exit code.
func driveGo(in io.Reader, out io.Writer) int {
	d := &goDriver{out: json.NewEncoder(out)}
	if err := json.NewDecoder(in).Decode(&d.job); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	listen.InitWithDefault()
	ctx := context.Background()
	if d.User != "" {
		ctx = dg.WithCustomHeaders(ctx, http.Header{"X-Sttgate-User": {d.User}})
	}
	do := d.live
	if d.Mode == "upload" {
		do = d.upload
	}
	if err := do(ctx); err != nil {
		d.tell(map[string]any{"saw": "failed", "message": err.Error()})
	}
	return 0
}

func (d *goDriver) tell(e map[string]any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.out.Encode(e) // the test is gone
}

func (d *goDriver) upload(ctx context.Context) error {
	c := rest.New(listen.NewREST(d.Key, &dg.ClientOptions{Host: d.URL}))
	answer, err := c.FromFile(ctx, d.Audio, &dg.PreRecordedTranscriptionOptions{Model: "nova-3"})
	if err != nil {
		return err
	}
	d.tell(map[string]any{"saw": "transcript", "text": answer.Results.Channels[0].Alternatives[0].Transcript})
	return nil
}

func (d *goDriver) live(ctx context.Context) error {
	o := &dg.ClientOptions{Host: "ws" + d.URL[len("http"):]}
	q := &dg.LiveTranscriptionOptions{Model: "nova-3", Encoding: "linear16", SampleRate: d.Rate, InterimResults: true}
	e := &goEvents{goDriver: d, last: make(chan struct{})}
	c, err := listen.NewWSUsingCallback(ctx, d.Key, o, q, e)
	if err != nil {
		return err
	}
	if !c.Connect() { // three attempts, two seconds apart
		return errors.New("Connect returns false")
	}
	audio, err := os.ReadFile(d.Audio)
	if err != nil {
		return err
	}
	pace := time.NewTicker(time.Duration(d.Every) * time.Millisecond)
	defer pace.Stop()
	for len(audio) > 0 {
		n := min(d.Chunk, len(audio))
		_, err := c.Write(audio[:n])
		if err != nil && strings.Contains(err.Error(), "close sent") {
			// It has answered a Close and does not know it yet: one of the next writes connects again.
			<-pace.C
			continue
		}
		if err != nil {
			d.tell(map[string]any{"saw": "failed", "message": err.Error()})
			break
		}
		audio = audio[n:]
		<-pace.C
	}
	// Stop waits 100 ms for the last words, which is not enough for anybody.
	if err := c.WriteJSON(map[string]string{"type": "CloseStream"}); err == nil {
		select {
		case <-e.last:
		case <-time.After(guard):
		}
	}
	c.Stop()
	return nil
}

// goEvents is the SDK's callback.
type goEvents struct {
	*goDriver
	last chan struct{}
	once sync.Once
}

var _ msg.LiveMessageCallback = (*goEvents)(nil)

func (e *goEvents) saw(what string) error {
	e.tell(map[string]any{"saw": what})
	return nil
}

func (e *goEvents) Open(*msg.OpenResponse) error                   { return e.saw("open") }
func (e *goEvents) Message(*msg.MessageResponse) error             { return e.saw("Results") }
func (e *goEvents) SpeechStarted(*msg.SpeechStartedResponse) error { return nil }
func (e *goEvents) UtteranceEnd(*msg.UtteranceEndResponse) error   { return nil }
func (e *goEvents) UnhandledEvent([]byte) error                    { return e.saw("unhandled") }
func (e *goEvents) Close(*msg.CloseResponse) error                 { return e.saw("close") }

func (e *goEvents) Metadata(*msg.MetadataResponse) error {
	e.once.Do(func() { close(e.last) })
	return e.saw("Metadata")
}

func (e *goEvents) Error(er *dg.DeepgramError) error {
	e.tell(map[string]any{"saw": "error", "code": er.ErrCode, "message": er.ErrMsg, "reason": er.Description})
	return nil
}
