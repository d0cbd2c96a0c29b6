package ledger

import (
	"context"
	"log/slog"
	"time"
)

// Opening is what a stream's account starts from.
type Opening struct {
	User     string
	Stream   string
	Provider string
	// Plan says which budgets apply to a user in a state. It is asked again with
	// every lease, so that a changed stage reaches a running stream within one.
	// It is pure and must not block.
	Plan func(s State, at time.Time) []Scope
	// Slice is how much audio is bought ahead, in milliseconds (default 5000).
	Slice int64
	// Timeout bounds each call to the ledger (default 2 s).
	Timeout time.Duration
	Log     *slog.Logger
	// Observe, where set, is told of every call to the ledger: op is "lease" or
	// "settle", result is "granted", "exhausted", "error".
	Observe func(op, result string, took time.Duration)
}

// Account is one stream's purse. Spend, Wait and Ask belong to the goroutine that
// reads the audio; everything else is safe from any goroutine.
type Account struct{}

// Open buys the first slice. The account is usable when err is nil even if
// nothing was granted (Grant.Ceiling == 0): the caller decides what to tell the
// client, and must Close it in every case.
func Open(ctx context.Context, l Ledger, o Opening) (*Account, Grant, error) { panic("todo") }

// Spend buys ms more milliseconds from the lease in hand, all or nothing. It never touches the
// network. It starts a refill in the background when a third of the slice is left.
// ErrPending: the lease is too small and a refill is under way (Wait, then call again);
// ErrExhausted: the budgets have no room for ms more; ErrOutage: the store failed and the lease in hand is used up.
func (a *Account) Spend(ms int64) error { panic("todo") }

// Wait returns when no refill is under way (at once if none is), or with ctx's error.
func (a *Account) Wait(ctx context.Context) error { panic("todo") }

// Ask starts a refill of at least ms unless one is under way: how a stream that is dropping learns that its budget came back.
func (a *Account) Ask(ms int64) { panic("todo") }

// Spent is the total of successful Spend calls, in milliseconds.
func (a *Account) Spent() int64 { panic("todo") }

// Last is the newest grant.
func (a *Account) Last() Grant { panic("todo") }

// Close settles, once: the first call waits for a refill under way, charges Spent and gives
// the rest back; later calls return the same error. The caller passes a context that is not the client's:
// accounting must not stop because the client hung up.
func (a *Account) Close(ctx context.Context) error { panic("todo") }
