package relay

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Ending is how the owner ends a stream: what the vendor gets first, what the client gets last.
type Ending struct {
	// Finish is asked once nothing of the client's passes any more: text messages to the vendor, its polite end of
	// stream, which may have to tell how much came before it. May be nil.
	Finish func() [][]byte
	Wait   bool // wait up to FinishTimeout for the vendor's last words and Close; they reach the client
	// Farewell is asked after the vendor's last words: text messages to the client before the Close. May be nil.
	Farewell func() [][]byte
	Code     int    // close code to the client; one that may not be on the wire becomes 1011
	Reason   string // close reason, cut to 123 bytes on a rune
}

// Result is how a stream ended.
type Result struct {
	By          Side  // who ended it first (meaningless when Owner)
	Owner       bool  // End or Abort did
	ClientCode  int   // code the client sent; 1006 when it vanished, 1005 for an empty Close, 0 if it never closed
	VendorCode  int   // the same of the vendor
	Err         error // nil for a clean end; wraps one of the sentinels below or the Tap's error
	ClientBytes int64 // payload bytes of the client's text and binary messages forwarded to the vendor
	VendorBytes int64 // payload bytes of the vendor's text and binary messages forwarded to the client
}

// Why a stream ended badly.
var (
	ErrProtocol = errors.New("websocket protocol violated")
	ErrTooBig   = errors.New("message too big")
	ErrLost     = errors.New("connection lost")
	ErrIdle     = errors.New("peer silent")
	ErrSlow     = errors.New("peer does not read")
)

// PanicError is a panic of a Tap, with the stack of the goroutine it happened on.
type PanicError struct {
	Value any
	Stack []byte
}

// Error tells the value without the stack: log Stack apart, once.
func (e *PanicError) Error() string { return fmt.Sprintf("tap panicked: %v", e.Value) }

func panicked(v any) error { return &PanicError{Value: v, Stack: debug.Stack()} }
