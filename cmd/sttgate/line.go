package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sttgate/sttgate/meter"
)

// line is one open stream in a vendor's dialect. A Write is one audio message;
// what comes back goes to the conversation it was opened with.
type line interface {
	io.Writer
	// goodbye is the vendor's polite end of stream.
	goodbye() error
	// stop releases the connection and waits for the reader. It may be called again.
	stop()
}

// dialect opens a line. The error is errConnect, a *refusedError, the context's, or a fault.
type dialect func(ctx context.Context, c *conversation, t target, f meter.Format) (line, error)

// dialects are the vendors that send can speak to.
func dialects() map[string]dialect {
	return map[string]dialect{"deepgram": openDeepgram, "soniox": openSoniox, "speechmatics": openSpeechmatics}
}

// vendorNames lists them for people.
func vendorNames() string { return strings.Join(slices.Sorted(maps.Keys(dialects())), ", ") }

// keyVariable is where the vendor's own SDKs look for a key.
func keyVariable(vendor string) string { return strings.ToUpper(vendor) + "_API_KEY" }

// errConnect says that an SDK got no WebSocket. It cannot tell why: it throws
// the answer away. Whoever wants to know asks again (probe).
var errConnect = errors.New("the SDK could not connect")

// refusedError is a handshake that was answered with something else than 101.
type refusedError struct{ refusal *refusal }

func (e *refusedError) Error() string { return "refused: " + e.refusal.String() }
