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
	// CloseTimeout is how long the answer to our Close is waited for [2 s].
	CloseTimeout time.Duration
	// Step is how much audio makes a result [1 s].
	Step time.Duration
	// Scenario chooses a misbehaviour for a request, "" for none. Without it a
	// credential that is a scenario's name chooses itself.
	Scenario func(r *http.Request, credential string) Scenario
	// Keep is how many ended streams are remembered [1024].
	Keep int
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.IdleTimeout, 10*time.Second)
	def(&o.FluxIdleTimeout, time.Minute)
	def(&o.CloseTimeout, 2*time.Second)
	def(&o.Step, time.Second)
	if o.Keep <= 0 {
		o.Keep = 1024
	}
	if o.Scenario == nil {
		o.Scenario = func(_ *http.Request, credential string) Scenario { return named(credential) }
	}
	return o
}

// Deepgram is a stand-in for api.deepgram.com. It is an http.Handler; the caller
// owns the server it is mounted in and must call Close after that server's, which
// does not know of upgraded connections. Safe for concurrent use.
type Deepgram struct {
	o      Options
	mux    *http.ServeMux
	closed chan struct{}  // closed by Close: nothing waits any longer
	work   sync.WaitGroup // one for each handler

	mu      sync.Mutex // guards what follows
	closing bool
	books   books
	changed chan struct{} // closed and replaced at each change of books
}

// NewDeepgram makes one.
func NewDeepgram(o Options) *Deepgram {
	d := &Deepgram{o: o.withDefaults(), mux: http.NewServeMux(), closed: make(chan struct{}), changed: make(chan struct{})}
	d.mux.HandleFunc("GET /v1/listen", d.listen)
	d.mux.HandleFunc("GET /v2/listen", d.listen)
	d.mux.HandleFunc("POST /v1/listen", d.prerecorded)
	d.mux.HandleFunc("GET /fake/totals", d.serveTotals)
	d.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "Not Found", "there is no "+r.URL.Path+" here", newID())
	})
	return d
}

// ServeHTTP serves one request; it returns when its stream has ended.
func (d *Deepgram) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	if d.closing {
		d.mu.Unlock()
		refuse(w, http.StatusServiceUnavailable, "Service Unavailable", "closing", newID())
		return
	}
	d.work.Add(1)
	d.mu.Unlock()
	defer d.work.Done()
	d.mux.ServeHTTP(w, r)
}

// Close ends the streams with 1001, waits until they are gone and refuses new ones.
func (d *Deepgram) Close() {
	d.mu.Lock()
	if !d.closing {
		d.closing = true
		close(d.closed)
	}
	d.mu.Unlock()
	d.work.Wait()
}

// Streams returns the streams that are remembered, oldest first.
func (d *Deepgram) Streams() []*Stream {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*Stream(nil), d.books.streams...)
}

// Begun waits until n streams were upgraded since the start, and returns those
// that are remembered.
func (d *Deepgram) Begun(ctx context.Context, n int) ([]*Stream, error) {
	err := d.until(ctx, func() bool { return d.books.begun >= n })
	return d.Streams(), err
}

// Wait waits until n streams have ended since the start, and returns those that
// are remembered.
func (d *Deepgram) Wait(ctx context.Context, n int) ([]*Stream, error) {
	err := d.until(ctx, func() bool { return d.books.ended >= n })
	return d.Streams(), err
}

// until waits for a condition on books; ok is called with the lock held.
func (d *Deepgram) until(ctx context.Context, ok func() bool) error {
	for {
		d.mu.Lock()
		met, changed := ok(), d.changed
		d.mu.Unlock()
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
func (d *Deepgram) change() {
	close(d.changed)
	d.changed = make(chan struct{})
}
