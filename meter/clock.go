package meter

import "time"

// Clock turns the bytes of one stream into elapsed audio. It is not safe for
// concurrent use: one goroutine, the one that reads the audio, owns it.
type Clock interface {
	// Write takes audio in order, cut anywhere. It never keeps p.
	Write(p []byte) error
	// Elapsed is exact to the sample and never goes back.
	Elapsed() time.Duration
}

// Counter is a Clock that needs only the length of what passes. The relay then
// never unmasks, copies or reads a payload.
type Counter interface {
	Clock
	// Advance counts n more bytes. n must not be negative.
	Advance(n int64)
	// MillisAfter is what the stream would have lasted after n more bytes, in
	// whole milliseconds rounded up: what must be bought before they may pass.
	MillisAfter(n int64) int64
}

// New returns the clock of headerless audio, or an error that wraps ErrUnsupported.
func New(f Format) (Counter, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return NewPCM(f), nil
}
