package notify

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"
)

// Standing is a user's budget as the ledger has just answered: one of their own.
type Standing struct {
	User, Plan, Budget              string
	Limit, Granted, Used, Remaining int64 // ms; granted is beside the limit, in this window
	Resets, At                      time.Time
	// Rolling is the length of a window that is a duration: it ends at no time, and Resets is when its oldest minute falls out.
	Rolling time.Duration
	// Gone says that the budget does not hold for the user, on another plan or at another stage.
	Gone bool
}

// Answer is a budget of a user's who was told that it is spent, as it stands.
type Answer struct {
	Standing
	Known bool      // there is still such a budget; if not, nobody is told
	Again time.Time // zero: nothing else keeps the user from it; else when to ask again
}

// Notes is what Budgets needs of a ledger: what has been told, and what is to be, for all gateways.
type Notes interface {
	Note(ctx context.Context, key string, value []byte, ttl time.Duration) error
	NoteOnce(ctx context.Context, key string, value []byte, ttl time.Duration) (first bool, err error)
	Noted(ctx context.Context, key string) ([]byte, error)

	Remind(ctx context.Context, key string, value []byte, at time.Time) error
	Due(ctx context.Context, limit int, hold time.Duration) ([]Reminder, error)
	Forget(ctx context.Context, r Reminder) error
}

// Reminder is something to be done whose time has come.
type Reminder struct {
	Key   string
	Value []byte
}

const (
	// mostSeen bounds the memory: who is forgotten is looked up in the notes again.
	mostSeen = 100_000
	// mostWaiting bounds the standings that wait for the store. One that finds no room is looked at with the next lease.
	mostWaiting = 4096
	noteTimeout = 5 * time.Second
	// spentKept is how long it is known that somebody was told that a budget is spent: longer than the longest window.
	spentKept = 40 * 24 * time.Hour
	// someRound is the default of BudgetsOptions.Round.
	someRound = 10 * time.Second
)

// BudgetsOptions are what Budgets works with. All are required but Round.
type BudgetsOptions struct {
	Notices func() Notices // those in force
	Notes   Notes
	// Ask tells how a budget stands whose user was told that it is spent.
	Ask  func(ctx context.Context, user, plan, budget string) (Answer, error)
	Tell func(...Message) error // Outbox.Append
	// Round is how often it is looked for users whose budgets are back; 0: 10s.
	Round time.Duration
	Log   *slog.Logger
}

// Budgets tells users how much of a budget is spent: each level once per window, over all gateways, and once that it is back to who was
// told that it was spent, also where the user does not come. Who was granted more is told again when that is spent.
//
//	leases, uploads ──► Seen ──► a level is reached ──► told, once ──► spent: a reminder for when it is back
//	grants, steps ──► Recall ──► the reminder is due now ──┐
//	    each round, any gateway ◄── what is due ◄──────────┘
//	        └──► Ask: is it so? ── no ──► later
//	                 └ yes ──► told, once
//
// What one gateway has begun to tell and has died before it was told, another tells. It is safe for concurrent use.
type Budgets struct {
	BudgetsOptions
	waiting chan standing

	ctx    context.Context //nolint:containedctx // of the goroutines that Close ends
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu   sync.Mutex // guards what follows
	seen map[owner]mark
}

type owner struct{ user, budget string }

// mark is what was seen of a budget last.
type mark struct {
	resets  time.Time // of a rolling window: when its levels may be told again
	granted int64
	level   Level
	gone    bool
}

// standing is a Standing to act upon.
type standing struct {
	Standing

	level Level
	fresh bool // of a window in which this process has not seen the user before, of more in it, or of none any more
}

// NewBudgets begins to watch.
func NewBudgets(o BudgetsOptions) *Budgets {
	o.Round = cmp.Or(o.Round, someRound)
	b := &Budgets{BudgetsOptions: o, waiting: make(chan standing, mostWaiting), seen: map[owner]mark{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.work.Go(b.loop)
	b.work.Go(b.rounds)
	return b
}

// Close ends the watch; the outbox is still open then.
func (b *Budgets) Close() {
	b.cancel()
	b.work.Wait()
}

// Seen looks at a standing. It never waits.
func (b *Budgets) Seen(s Standing) {
	if !s.Gone && (s.Limit <= 0 || s.Rolling == 0 && s.Resets.IsZero()) {
		return
	}
	who := owner{s.User, s.Budget}
	b.mu.Lock()
	defer b.mu.Unlock()
	last, next, fresh := reached(b.seen[who], s)
	if !fresh && next.level == last.level {
		return
	}
	select {
	case b.waiting <- standing{s, next.level, fresh}:
	default:
		return
	}
	if _, known := b.seen[who]; !known && len(b.seen) >= mostSeen {
		for k := range b.seen { // anybody's: it costs one look at the notes
			delete(b.seen, k)
			break
		}
	}
	b.seen[who] = next
}

func (b *Budgets) loop() {
	for {
		select {
		case <-b.ctx.Done():
			return
		case s := <-b.waiting:
			if err := b.act(s); err != nil && b.ctx.Err() == nil {
				b.Log.Warn("budget message was not kept; it is tried again", slog.String("user", s.User), slog.String("budget", s.Budget), slog.Any("error", err))
				b.mu.Lock()
				delete(b.seen, owner{s.User, s.Budget})
				b.mu.Unlock()
				rest(b.ctx, time.Second) // the store has other worries, and the log room for one line
			}
		}
	}
}
