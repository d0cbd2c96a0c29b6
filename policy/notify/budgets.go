package notify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Standing is a user's budget as the ledger has just answered: one of their own, whose window ends at a time that is known.
type Standing struct {
	User, Plan, Budget              string
	Limit, Granted, Used, Remaining int64 // ms; granted is beside the limit, in this window
	Resets, At                      time.Time
}

// Notes is what Budgets needs of a ledger: what has been told, for all gateways.
type Notes interface {
	Note(ctx context.Context, key string, value []byte, ttl time.Duration) error
	NoteOnce(ctx context.Context, key string, value []byte, ttl time.Duration) (first bool, err error)
	Noted(ctx context.Context, key string) ([]byte, error)
}

const (
	// mostSeen bounds the memory: who is forgotten is looked up in the notes again.
	mostSeen = 100_000
	// mostWaiting bounds the standings that wait for the store. One that finds no room is looked at with the next lease.
	mostWaiting = 4096
	noteTimeout = 5 * time.Second
	// spentKept is how long it is known that somebody was told that a budget is spent: longer than the longest window.
	spentKept = 40 * 24 * time.Hour
)

// Budgets tells users how much of a budget is spent: each level once per window, over all gateways, and that there is
// a new window, or more in this one, once to who was told that it was spent. Who was granted more is told again when that
// is spent. It is safe for concurrent use.
type Budgets struct {
	notices Notices
	notes   Notes
	tell    func(...Message) error
	log     *slog.Logger
	waiting chan standing

	ctx    context.Context //nolint:containedctx // of the goroutine that Close ends
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu   sync.Mutex // guards what follows
	seen map[owner]mark
}

type owner struct{ user, budget string }

// mark is what was seen of a budget last.
type mark struct {
	resets  time.Time
	granted int64
	level   Level
}

// standing is a Standing to act upon.
type standing struct {
	Standing

	level Level
	fresh bool // of a window in which this process has not seen the user before, or of more in it
}

// NewBudgets begins to watch. tell is Outbox.Append.
func NewBudgets(n Notices, notes Notes, tell func(...Message) error, log *slog.Logger) *Budgets {
	b := &Budgets{
		notices: n, notes: notes, tell: tell, log: log, waiting: make(chan standing, mostWaiting), seen: map[owner]mark{},
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.work.Go(b.loop)
	return b
}

// Close ends the watch; the outbox is still open then.
func (b *Budgets) Close() {
	b.cancel()
	b.work.Wait()
}

// Seen looks at a standing. It never waits.
func (b *Budgets) Seen(s Standing) {
	if s.Limit <= 0 || s.Resets.IsZero() {
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
				b.log.Warn("budget message was not kept; it is tried again", slog.String("user", s.User), slog.String("budget", s.Budget), slog.Any("error", err))
				b.mu.Lock()
				delete(b.seen, owner{s.User, s.Budget})
				b.mu.Unlock()
				rest(b.ctx, time.Second) // the store has other worries, and the log room for one line
			}
		}
	}
}

// act tells what has not been told yet. Between the note and the outbox a crash loses the message: telling twice what is
// over would be worse.
func (b *Budgets) act(s standing) error {
	ctx, cancel := context.WithTimeout(b.ctx, noteTimeout)
	defer cancel()
	var errs []error
	if s.fresh {
		errs = append(errs, b.back(ctx, s))
	}
	switch window := spentOf(s.Standing); {
	case s.level == Spent:
		errs = append(errs, b.claim(ctx, window.String(), s.Standing, levelKey(s.level)))
	case s.level > 0: // once, whatever is granted: "nearly" comes only before the first end
		window.granted = 0
		errs = append(errs, b.claim(ctx, window.String(), s.Standing, levelKey(s.level)))
	}
	if s.level == Spent && errors.Join(errs...) == nil {
		errs = append(errs, b.notes.Note(ctx, noteKey(s.Standing, "spent"), []byte(spentOf(s.Standing).String()), spentKept))
	}
	return errors.Join(errs...)
}

// spent is what a user was told that it is spent: a window, and what was granted in it.
type spent struct{ resets, granted int64 }

func spentOf(s Standing) spent { return spent{s.Resets.Unix(), s.Granted} }

// String is what a note holds.
func (t spent) String() string {
	out := strconv.FormatInt(t.resets, 10)
	if t.granted > 0 {
		out += "+" + strconv.FormatInt(t.granted, 10)
	}
	return out
}

func parseSpent(note []byte) (t spent, err error) {
	resets, granted, more := strings.Cut(string(note), "+")
	if t.resets, err = strconv.ParseInt(resets, 10, 64); err == nil && more {
		t.granted, err = strconv.ParseInt(granted, 10, 64)
	}
	return t, err
}

// back tells of a new window, or of more in this one, if the user was told that it was spent.
func (b *Budgets) back(ctx context.Context, s standing) error {
	note, err := b.notes.Noted(ctx, noteKey(s.Standing, "spent"))
	if err != nil || note == nil {
		return err
	}
	told, err := parseSpent(note)
	now := spentOf(s.Standing)
	more := now.resets > told.resets || now.resets == told.resets && now.granted > told.granted
	if err != nil || !more || s.level == Spent {
		return nil //nolint:nilerr // a note that is not ours tells of nothing
	}
	// Once for what was spent, whenever the user comes back.
	return b.claim(ctx, told.String(), s.Standing, "budget_back")
}

// claim tells s, if nobody has told key of a window yet.
func (b *Budgets) claim(ctx context.Context, window string, s Standing, key string) error {
	name := noteKey(s, window+":"+key)
	mine, ttl := []byte(rand.Text()), max(s.Resets.Sub(s.At), 0)+spentKept
	first, err := b.notes.NoteOnce(ctx, name, mine, ttl)
	if err != nil { // it may be there, and only the answer lost
		first, err = b.notes.NoteOnce(ctx, name, mine, ttl)
	}
	if err != nil || !first {
		return err
	}
	m, err := b.notices.budget(name, key, s)
	if err != nil {
		return err
	}
	return b.tell(m)
}

// noteKey names a note: the user's name may be too long for a key.
func noteKey(s Standing, what string) string {
	sum := sha256.Sum256([]byte(s.User + "\x00" + s.Budget))
	return "told:" + hex.EncodeToString(sum[:16]) + ":" + what
}
