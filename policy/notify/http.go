package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/sttgate/sttgate/config/secret"
)

// ToHTTP is the name of the sink of [NewHTTP].
const ToHTTP = "http"

// How events are posted.
const (
	ModeBatch      = "batch"      // some in one request
	ModeStructured = "structured" // one in a request, for receivers that take no batches
)

// HTTP posts events, as the HTTP binding of CloudEvents says.
type HTTP struct {
	poster

	token secret.Value
	batch bool
}

var (
	_ Sink      = (*HTTP)(nil)
	_ io.Closer = (*HTTP)(nil)
)

// NewHTTP builds the sink of a config that Validate has passed.
func NewHTTP(c EventsConfig) *HTTP {
	h := &HTTP{newPoster(c.URL), c.Token, c.Mode == ModeBatch}
	h.final = wrongEvent
	return h
}

// wrongEvent says which answers are about the events. All else is about the receiver, or what stands before it: a wrong token or
// path is put right some day, and what users have paid for is not lost over it.
func wrongEvent(code int) bool {
	return slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, code)
}

// Name is Sink.Name.
func (h *HTTP) Name() string { return ToHTTP }

// Take is Sink.Take. A batch that is refused is sent again one by one: a bad event, or a batch that is too large, must not take
// the others along.
func (h *HTTP) Take(ctx context.Context, ms []Message) (int, error) {
	if h.batch {
		err := h.send(ctx, event.ApplicationCloudEventsBatchJSON, batchOf(ms))
		switch {
		case err == nil:
			return len(ms), nil
		case !errors.Is(err, ErrRefused) || len(ms) == 1:
			return 0, err
		}
	}
	for n, m := range ms {
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		kind, body := event.ApplicationCloudEventsJSON, []byte(m.Body)
		if h.batch {
			kind, body = event.ApplicationCloudEventsBatchJSON, batchOf(ms[n:n+1])
		}
		if err := h.send(ctx, kind, body); err != nil {
			return n, err
		}
	}
	return len(ms), nil
}

func batchOf(ms []Message) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for n, m := range ms {
		if n > 0 {
			b.WriteByte(',')
		}
		b.Write(m.Body)
	}
	b.WriteByte(']')
	return b.Bytes()
}

func (h *HTTP) send(ctx context.Context, kind string, body []byte) error {
	header := http.Header{"Content-Type": {kind + "; charset=UTF-8"}}
	if !h.token.Empty() {
		header.Set("Authorization", "Bearer "+h.token.Reveal())
	}
	return h.post(ctx, body, header)
}
