package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Message is one thing to tell a sink.
type Message struct {
	To   string          // the sink's name
	ID   string          // repetitions have the same
	At   time.Time       // when it happened
	Body json.RawMessage // what the sink is sent
}

// Sink takes messages. It may be told one twice, with an equal ID: after a crash, and where its answer got lost. One that is
// an io.Closer is closed with the outbox.
type Sink interface {
	// Name is the bucket's in the outbox: a sink that is renamed begins with an empty one. It is a metric's label, too.
	Name() string
	// Take takes the messages in order and says how many it has for good. An error is about the next one; it is tried
	// again unless it is [ErrRefused]. When ctx ends, the message under way is finished and no other begun.
	Take(ctx context.Context, ms []Message) (int, error)
}

// prompt is a Sink that nobody is waited for: what it can take when the gateway ends, it takes.
type prompt interface{ prompt() }

// ErrRefused says that a sink does not want a message, and will not want it later.
var ErrRefused = errors.New("refused for good")

// laterError says how long the sink asks to be left alone.
type laterError struct {
	err   error
	after time.Duration
}

func (e *laterError) Error() string {
	return fmt.Sprintf("%v (asks to be left alone for %s)", e.err, e.after)
}
func (e *laterError) Unwrap() error { return e.err }
