package review

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Sessions is the part of a ledger that keeps sessions.
type Sessions interface {
	AddSession(ctx context.Context, user, id string, entry []byte) error
}

// Recorder writes sessions down behind the backs of streams that end: none waits for the store, and at the end of a
// thousand streams at once, or in an outage, some sessions are lost. A review then knows less, in the user's favour.
type Recorder struct {
	to   Sessions
	log  *slog.Logger
	lost func()

	queue chan record
	work  sync.WaitGroup

	mu     sync.Mutex // guards closed, so that nobody sends to a closed queue
	closed bool
	quiet  time.Time // no line about a loss before
}

type record struct {
	user, id string
	session  Session
}

const (
	// recorderQueue is how many sessions may wait: the ends of a drain.
	recorderQueue = 4096
	// recorderHands is how many are written at once.
	recorderHands = 4
	// recordTimeout bounds one write.
	recordTimeout = 2 * time.Second
	// complainEvery is how often a loss is a line; the counter has them all.
	complainEvery = time.Minute
)

// NewRecorder starts a recorder. lost counts what could not be written; it may be nil.
func NewRecorder(to Sessions, log *slog.Logger, lost func()) *Recorder {
	if lost == nil {
		lost = func() {}
	}
	r := &Recorder{to: to, log: log, lost: lost, queue: make(chan record, recorderQueue)}
	for range recorderHands {
		r.work.Go(r.write)
	}
	return r
}

// Record takes a session, by the id of its stream. It never blocks.
func (r *Recorder) Record(user, id string, s Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		select {
		case r.queue <- record{user, id, s}:
			return
		default:
		}
	}
	r.lose(user, "the queue is full, or closed")
}

// Close writes what waits, as far as the store takes it until ctx ends, and returns when nothing runs any more.
func (r *Recorder) Close(ctx context.Context) {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	r.mu.Unlock()
	if first {
		close(r.queue)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.work.Wait()
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	for one := range r.queue { // who writes has at most one each left
		r.mu.Lock()
		r.lose(one.user, "the gateway ends")
		r.mu.Unlock()
	}
	<-done
}

func (r *Recorder) write() {
	for one := range r.queue {
		b, err := one.session.Encode()
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
			err = r.to.AddSession(ctx, one.user, one.id, b)
			cancel()
		}
		if err != nil {
			r.mu.Lock()
			r.lose(one.user, err.Error())
			r.mu.Unlock()
		}
	}
}

// lose counts a session that is not written, and says so now and then. It is called with the lock held.
func (r *Recorder) lose(user, why string) {
	r.lost()
	if now := time.Now(); now.After(r.quiet) {
		r.quiet = now.Add(complainEvery)
		r.log.Warn("a session was not written down; reviews of its user know less", slog.String("user", user), slog.String("why", why))
	}
}
