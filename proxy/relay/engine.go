package relay

// Engine is what the streams of a process wait with: on Linux one epoll set for all
// their sockets and a few goroutines that handle what it reports, so that an open stream
// has no goroutine of its own. On other systems, or without an Engine, each direction of a
// stream has its goroutine and its buffer.
//
// It takes no resources before its first stream. Safe for concurrent use.
type Engine struct{ reactor }

// NewEngine makes an engine; its owner closes it.
func NewEngine() *Engine { return &Engine{} }

// Close ends the engine's goroutines and waits for them. The streams that were made with
// it must have ended; later ones go without.
func (e *Engine) Close() { e.shut() }
