package fake

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Options say how a fake vendor behaves. The zero value behaves as the real one.
type Options struct {
	// Key is the only accepted credential; "" accepts any.
	Key string
	// IdleTimeout ends a v1 stream that sent neither audio nor text [10 s].
	IdleTimeout time.Duration
	// FluxIdleTimeout ends a v2 stream that sent nothing, pings included [60 s].
	FluxIdleTimeout time.Duration
	// FirstMessageKey lets Soniox take a key from the first message, as it did until
	// 2027-01-15; otherwise such a stream is refused.
	FirstMessageKey bool
	// StartTimeout ends a Soniox stream without a start message, AudioTimeout one without
	// audio behind it, StarveTimeout one without audio and keepalives [10 s, 20 s, 20 s].
	StartTimeout, AudioTimeout, StarveTimeout time.Duration
	// MaxDuration ends a Soniox stream with 413 [300 min of audio].
	MaxDuration time.Duration
	// SilenceTimeout ends a Speechmatics stream without audio, text and pings [3 min].
	SilenceTimeout time.Duration
	// AckLag is by how many audio messages Speechmatics' acks come late; the last ones
	// come with the end of the stream [0].
	AckLag int
	// StrictNumbers makes a wrong last_seq_no an error of Speechmatics'.
	StrictNumbers bool
	// Reads is how often a Soniox transcription or a Speechmatics job is read before it is
	// completed [2].
	Reads int
	// CloseTimeout is how long the answer to our Close is waited for [2 s].
	CloseTimeout time.Duration
	// Clock makes what reads audio that says itself how long it is: encoding is "auto" for containers,
	// or a codec whose packets are messages [such audio lasts no time]. This package has none of its own.
	Clock func(encoding string) Clock
	// Step is how much audio makes a result [1 s].
	Step time.Duration
	// Scenario chooses a misbehaviour for a request, "" for none. Without it a
	// credential that is a scenario's name chooses itself.
	Scenario func(r *http.Request, credential string) Scenario
	// Keep is how many ended streams are remembered [1024].
	Keep int
}

// Patient makes every time that a peer has at least d, where it is not set: for tests that are about something
// else, on a machine that is busy.
func (o Options) Patient(d time.Duration) Options {
	for _, t := range []*time.Duration{
		&o.IdleTimeout, &o.FluxIdleTimeout, &o.StartTimeout, &o.AudioTimeout, &o.StarveTimeout, &o.SilenceTimeout, &o.CloseTimeout,
	} {
		def(t, d)
	}
	return o
}

func def(d *time.Duration, v time.Duration) {
	if *d <= 0 {
		*d = v
	}
}

func (o Options) withDefaults() Options {
	def(&o.IdleTimeout, 10*time.Second)
	def(&o.FluxIdleTimeout, time.Minute)
	def(&o.StartTimeout, 10*time.Second)
	def(&o.AudioTimeout, 20*time.Second)
	def(&o.StarveTimeout, 20*time.Second)
	def(&o.MaxDuration, 300*time.Minute)
	def(&o.SilenceTimeout, 3*time.Minute)
	def(&o.CloseTimeout, 2*time.Second)
	def(&o.Step, time.Second)
	if o.Reads <= 0 {
		o.Reads = 2
	}
	if o.Keep <= 0 {
		o.Keep = 1024
	}
	if o.Scenario == nil {
		o.Scenario = func(_ *http.Request, credential string) Scenario { return named(credential) }
	}
	return o
}

// core is what every fake vendor has: its options, its books, and an end. It serves no
// path by itself. Safe for concurrent use.
type core struct {
	o      Options
	mux    *http.ServeMux
	closed chan struct{}  // closed by Close: nothing waits any longer
	work   sync.WaitGroup // one for each handler

	mu      sync.Mutex // guards what follows
	closing bool
	books   books
	changed chan struct{} // closed and replaced at each change of books
}

func (c *core) init(o Options) {
	c.o, c.mux = o.withDefaults(), http.NewServeMux()
	c.closed, c.changed = make(chan struct{}), make(chan struct{})
	c.mux.HandleFunc("GET /fake/totals", c.serveTotals)
}

// ServeHTTP serves one request; it returns when its stream has ended.
func (c *core) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		http.Error(w, "closing", http.StatusServiceUnavailable)
		return
	}
	c.work.Add(1)
	c.mu.Unlock()
	defer c.work.Done()
	c.mux.ServeHTTP(w, r)
}

// wrong says that a credential is not one to be served.
func (c *core) wrong(credential string) bool {
	return credential == "" || c.o.Key != "" && credential != c.o.Key
}

// Close ends the streams with 1001, waits until they are gone and refuses new ones.
func (c *core) Close() {
	c.mu.Lock()
	if !c.closing {
		c.closing = true
		close(c.closed)
	}
	c.mu.Unlock()
	c.work.Wait()
}

// Streams returns the streams that are remembered, oldest first.
func (c *core) Streams() []*Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*Stream(nil), c.books.streams...)
}

// Begun waits until n streams were upgraded since the start, and returns those
// that are remembered.
func (c *core) Begun(ctx context.Context, n int) ([]*Stream, error) {
	err := c.until(ctx, func() bool { return c.books.begun >= n })
	return c.Streams(), err
}

// Wait waits until n streams have ended since the start, and returns those that
// are remembered.
func (c *core) Wait(ctx context.Context, n int) ([]*Stream, error) {
	err := c.until(ctx, func() bool { return c.books.ended >= n })
	return c.Streams(), err
}

// until waits for a condition on books; ok is called with the lock held.
func (c *core) until(ctx context.Context, ok func() bool) error {
	for {
		c.mu.Lock()
		met, changed := ok(), c.changed
		c.mu.Unlock()
		if met {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// change tells the waiters; the lock is held.
func (c *core) change() {
	close(c.changed)
	c.changed = make(chan struct{})
}
