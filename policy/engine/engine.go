package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// Store is what the engine needs of a ledger.
type Store interface {
	ledger.States
	Usage(ctx context.Context, q ledger.Query) (ledger.Usage, error)
	NoteOnce(ctx context.Context, key string, value []byte, ttl time.Duration) (first bool, err error)
	Note(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Noted(ctx context.Context, key string) ([]byte, error)
}

// Classifier judges a user. An error is no judgement: the review is tried again later. One that wraps
// policy.ErrAnswer says that there was an answer, and that it is none of the contract.
type Classifier interface {
	Judge(ctx context.Context, s Subject) (policy.Verdict, error)
}

// Subject is who is judged, and why.
type Subject struct {
	User, Plan string
	Ref        string // of the case
	Triggers   []policy.Trigger
	At         time.Time
}

// Credits knows whether a user's free credits are spent.
type Credits interface {
	Exhausted(ctx context.Context, user string) (bool, error)
}

// Source is a backend that moves users itself. known is false where it has no answer: the stage stays what it was.
type Source interface {
	Stage(ctx context.Context, user string) (stage policy.Stage, known bool, err error)
}

// Deps is what an Engine works with. All are required unless marked.
type Deps struct {
	Store Store
	// Rules are those in force. It is called often.
	Rules func() policy.Config
	// Classifier; nil: the caps alone decide.
	Classifier Classifier
	// Reviews is how many run at once; 0: 4.
	Reviews int
	// Credits; nil: everybody has some.
	Credits Credits
	// CreditsRefresh is how often a user whose credits were spent is asked about again.
	CreditsRefresh time.Duration
	// Source; nil unless policy.source names one. SourceTTL is how long its answer holds.
	Source    Source
	SourceTTL time.Duration
	// Round is how often one of the gateways looks for users whose stages have ended and who do not come back; 0: never.
	Round time.Duration
	// Publish takes an event for good, or says why not: then it is told again. Repetitions have the same ID. It may be nil.
	Publish func(context.Context, policy.Event) error
	// Moved and Reviewed count; each may be nil. Results are those of [policy.Outcome], and the Result constants.
	Moved    func(from, to policy.Stage, cause policy.Cause)
	Reviewed func(result string)
	// Trace is told of a review that begins, and by done of what became of it; it may be nil.
	Trace func(ctx context.Context, ref string) (tracing context.Context, done func(result string))
	Log   *slog.Logger
}

// What becomes of a review, beside policy's outcomes.
const (
	ResultBadAnswer = "bad_answer" // the classifier's answer was none of the contract: failed
	ResultLost      = "lost"       // somebody had the lock meanwhile: nothing was done
)

// Engine runs reviews.
type Engine struct {
	Deps
	checks  chan struct{} // a token per check that may run
	reviews chan struct{} // a token per review that may run

	ctx    context.Context //nolint:containedctx // of the goroutines that Close ends
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	seen   memory
}

const (
	// mostChecks bounds the checks at once: they are a few calls to the store each.
	mostChecks = 16
	// someReviews is the default of Deps.Reviews.
	someReviews = 4
	// callTimeout bounds what a check or a change does at the store, all tries together.
	callTimeout = 10 * time.Second
	// busyPause is when a check is tried again for which there was no room.
	busyPause = 5 * time.Second
)

// New returns an engine that waits to be told whom it sees.
func New(d Deps) (*Engine, error) {
	if d.Store == nil || d.Rules == nil || d.Log == nil {
		return nil, errors.New("an engine needs a store, rules and a log")
	}
	if d.Reviews <= 0 {
		d.Reviews = someReviews
	}
	if d.Publish == nil {
		d.Publish = func(context.Context, policy.Event) error { return nil }
	}
	if d.Moved == nil {
		d.Moved = func(policy.Stage, policy.Stage, policy.Cause) {}
	}
	if d.Reviewed == nil {
		d.Reviewed = func(string) {}
	}
	if d.Trace == nil {
		d.Trace = func(ctx context.Context, _ string) (context.Context, func(string)) { return ctx, func(string) {} }
	}
	e := &Engine{Deps: d, checks: make(chan struct{}, mostChecks), reviews: make(chan struct{}, d.Reviews)}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	if e.Round > 0 {
		e.work.Go(e.rounds)
	}
	return e, nil
}

// Close ends what runs: a review under way is given back as one that failed. It returns when nothing runs any more.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.work.Wait()
}

// token is a name that nobody else has.
func token() string { return rand.Text() }

// reference is a new case's.
func reference() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // it never fails
	return policy.Reference(b)
}
