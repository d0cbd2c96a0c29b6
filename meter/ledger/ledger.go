package ledger

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrSettled answers a Lease of a stream that was settled already: a late
	// replay must not open it again, or its grant would be charged for ever.
	ErrSettled = errors.New("stream is settled")
	// ErrConflict answers SetState when the record changed since it was read.
	ErrConflict = errors.New("state changed meanwhile")
	// ErrExhausted says that the budgets have nothing left for a stream.
	ErrExhausted = errors.New("budget exhausted")
	// ErrOutage says that the store did not answer and the lease in hand is used up.
	ErrOutage = errors.New("ledger unavailable")
	// ErrPending says that the lease in hand is too small and more is being
	// asked for: Account.Wait, then spend again.
	ErrPending = errors.New("lease pending")
)

// Unit is a kind of budget window.
type Unit string

// Calendar units reset at local midnight (weeks on Monday); Rolling looks back
// over Window.Length.
const (
	Day     Unit = "day"
	Week    Unit = "week"
	Month   Unit = "month"
	Rolling Unit = "rolling"
)

// Window is the span of time over which a budget counts.
type Window struct {
	Unit   Unit
	Length time.Duration // Rolling only; at least a minute, at most 8 days
}

// Scope is one budget that a stream spends from. Scopes with the same Budget and
// Owner share one balance.
type Scope struct {
	Budget string // the budget's name in the config file
	Owner  string // whose balance it is: "user:alice", later "provider:deepgram", "all"
	Window Window
	Limit  int64 // milliseconds; 0 means nothing may be spent
	Shadow bool  // counted, but never a reason to refuse
}

// Request is what a stream asks and reports. Every number is an absolute total
// since the stream began, so that a replay, a lost answer or a retry is harmless.
type Request struct {
	User     string
	Stream   string  // unique per stream
	Provider string  // closed set; usage is not split by it yet
	Scopes   []Scope // the budgets that apply now; a scope held before and not named here is settled
	Ceiling  int64   // milliseconds the stream would like to have been granted in all
	Spent    int64   // milliseconds bought and forwarded so far
	Speech   int64   // milliseconds of it that were speech, where somebody listens for that; no budget counts it
	// Keep, in a Lease, makes a grant that outlives its process, for work whose price is told
	// later: what was granted beyond Ceiling comes back, and if nobody settles within Keep
	// the ceiling is charged. At most 7 days; 0 is a grant that ends with its process.
	Keep time.Duration
	// Ended, in a Settle that may have been carried out before, of a stream that a Lease has answered, is
	// when the stream ended by the store's clock. If that is longer ago than settled streams are remembered, one that
	// the store does not know is taken for settled. Zero is now.
	Ended time.Time
}

// Grant is the answer to a Lease.
type Grant struct {
	Ceiling  int64     // milliseconds granted in all; forwarding beyond it is not paid for
	Balances []Balance // one per scope, in the order of the request
	State    State     // the user's record as it stood in the same transaction
	At       time.Time // the store's clock
	Lone     bool      // only the server that answered has it, and the grant is to outlive it (RedisConfig.Replicas)
}

// Balance is one budget as it stands.
type Balance struct {
	Budget    string
	Window    Window
	Limit     int64     // ms
	Granted   int64     // ms beside the limit, in this window (Granter)
	Used      int64     // ms, leases in hand included
	Remaining int64     // ms: of limit and granted, what is not used; never negative
	Resets    time.Time // when the window ends; for Rolling, when the oldest minute falls out (zero if empty)
	Shadow    bool
}

// Query asks for a user's usage.
type Query struct {
	User    string
	Scopes  []Scope         // balances to read
	Windows []time.Duration // rolling sums to read, at most 8 days each
}

// Usage is the answer to a Query.
type Usage struct {
	Audio    []int64   // ms forwarded per asked window, leases in hand excluded
	Speech   []int64   // ms of speech per asked window, as far as streams have told
	Balances []Balance // one per scope
	State    State
	At       time.Time // the store's clock
}

// State is a user's record: what the policy decided about them. The ledger keeps
// it and does not read it. The zero State is a user without a record.
type State struct {
	Version int64  // grows with every change; 0 when there is no record
	Data    []byte // at most 64 KiB
}

// Ledger is who may still spend. Implementations are safe for concurrent use and
// pass one conformance suite (package ledgertest). All amounts are milliseconds.
type Ledger interface {
	// Lease raises the stream's ceiling to at most what every scope has left,
	// records what was spent so far, and returns the new ceiling. All scopes are
	// granted or none; the smallest decides. A ceiling is lowered only by a scope
	// (or a window) that has just begun, and then the newest grant holds.
	Lease(ctx context.Context, r Request) (Grant, error)
	// Settle charges Spent, gives the rest of the lease back and forgets the
	// stream. A second call changes nothing.
	Settle(ctx context.Context, r Request) (Usage, error)
	// Usage reads.
	Usage(ctx context.Context, q Query) (Usage, error)
}

// Deferrer is a Ledger that can say what it grants before that would survive a crash.
type Deferrer interface {
	Ledger
	// LeaseSoon is Lease, but the grant is a promise: it may be shown, and must not be
	// spent before the receipt says that it is written. It need not be
	// called in: what is not spent is lost with the crash that loses the grant.
	LeaseSoon(ctx context.Context, r Request) (Grant, *Receipt, error)
}

// States keeps one record per user.
type States interface {
	State(ctx context.Context, user string) (State, error)
	// SetState replaces the record if its version is still s.Version, and returns
	// it with its new version; ErrConflict otherwise.
	SetState(ctx context.Context, user string, s State) (State, error)
	// Users lists the users who have a record, up to limit (1 to 1000) of them behind a cursor; "" is
	// the beginning. next is the cursor of those that follow, "" when these are the last. The order is the
	// store's; a user whose record appears meanwhile may be missing.
	Users(ctx context.Context, cursor string, limit int) (users []UserState, next string, err error)
}

// UserState is a user's record.
type UserState struct {
	User string
	State
}

// Store is a ledger with its records, as memory and embedded provide it.
type Store interface {
	Ledger
	States
	Granter
	Notes
	Reminders
	Sessions
	Slots
	// Ping is nil while the store can take writes.
	Ping(ctx context.Context) error
	Close() error
}
