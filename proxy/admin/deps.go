package admin

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	// ErrConflict answers Users.SetStage when the record changed since it was
	// read. The handler tries again.
	ErrConflict = errors.New("user changed meanwhile")
	// ErrUnavailable says that the store does not answer: 503.
	ErrUnavailable = errors.New("store unavailable")
	// ErrNotFound says that there is nothing by this name: 404, with the error's text.
	ErrNotFound = errors.New("not found")
	// ErrInvalid says that the caller asked for something impossible: 400, with
	// the error's text for the operator.
	ErrInvalid = errors.New("invalid")
)

// Users reads users and moves them between stages.
type Users interface {
	// User returns one user; one nobody has heard of has stage "none".
	User(ctx context.Context, id string) (User, error)
	// SetStage replaces the user's state and returns it before and after. It may
	// wrap any of the three errors above.
	SetStage(ctx context.Context, id string, c StageChange) (before, after State, err error)
}

// Policy is what operators ask and decide about users beside their stage. Its errors are as those of Users; what is
// not there is ErrNotFound.
type Policy interface {
	// Reset takes everything back: stage none, and nothing from before counts.
	Reset(ctx context.Context, id string, c StageChange) (before, after State, err error)
	// Exempt puts a user outside all rules until a time (zero: for good), or, where on is false, under them again.
	Exempt(ctx context.Context, id string, on bool, c StageChange) (before, after State, err error)
	// Resolve makes the violation of a case not count.
	Resolve(ctx context.Context, id, ref string, c StageChange) error
	// Case is a review, or what else has a reference, as it is to be shown.
	Case(ctx context.Context, ref string) (any, error)
	// Flagged lists users at a stage ("": at any but none, or exempt), up to limit of them behind a cursor; next is ""
	// when these are the last.
	Flagged(ctx context.Context, stage, cursor string, limit int) (users []FlaggedUser, next string, err error)
	// Explain says what a connect would be told now, and why.
	Explain(ctx context.Context, id, plan, provider string) (Explanation, error)
}

// FlaggedUser is one of a list.
type FlaggedUser struct {
	User string `json:"user"`
	State
	Exempt bool   `json:"exempt,omitempty"`
	Case   string `json:"case,omitempty"` // the last one
}

// Explanation is a decision with everything that was looked at.
type Explanation struct {
	User     string     `json:"user"`
	Plan     string     `json:"plan,omitempty"`
	Provider string     `json:"provider"`
	Decision string     `json:"decision"`         // allow or deny
	Reason   string     `json:"reason,omitempty"` // of deny: as in X-Sttgate-Reason
	Stage    string     `json:"stage"`
	Rules    []RuleLine `json:"rules"`
	At       time.Time  `json:"at"`
}

// RuleLine is one rule that was looked at.
type RuleLine struct {
	Rule string `json:"rule"`
	Name string `json:"name,omitempty"`
	Says string `json:"says"` // info, pass, hit or skip
	Text string `json:"text"`
}

// Streams is the registry of running streams.
type Streams interface {
	List() []Stream
	// Kill asks a stream to end politely and returns at once; false when there is none.
	Kill(id string) bool
}

// Drainer takes the gateway out of service.
type Drainer interface {
	Draining() bool
	// Drain begins the drain and returns at once. Called again it changes nothing.
	Drain()
}

// Minter makes caller tokens. An error that wraps ErrInvalid is the operator's.
type Minter interface {
	Mint(user, plan string, ttl time.Duration, now time.Time) (string, error)
}

// Health is asked by probes, about every second. Its answers must not block.
type Health interface {
	// Live is nil unless a restart would help. It never depends on the store.
	Live() error
	// Started is nil once start-up has finished.
	Started() error
	// Ready lists what else new streams need. Draining and start-up are asked of
	// the others and need not be repeated.
	Ready(ctx context.Context) []Check
}

// Check is one line of /readyz?verbose.
type Check struct {
	Name string // one word
	Err  error  // nil: fine
}

// Deps is what a Handler works with. All are required unless marked.
type Deps struct {
	Users   Users
	Policy  Policy
	Streams Streams
	Drainer Drainer
	Health  Health
	Minter  Minter // nil (a nil interface): this gateway has no caller tokens
	Metrics prometheus.Gatherer
	Log     *slog.Logger // audit lines and internal errors
	Stages  []string     // the words that PUT …/stage takes
	Vendors []string     // those that explain can be asked about; the first is the default
	Version Version
	Now     func() time.Time // nil: time.Now
}

// Version is the answer to GET /version.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Date    string `json:"date,omitempty"`
	Go      string `json:"go,omitempty"`
}

// State is what has been decided about a user.
type State struct {
	Stage  string    `json:"stage"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"`  // zero: for good
	Cause  string    `json:"cause,omitempty"` // why: violation, cap, free_exhausted, manual, source
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
}

// StageChange asks for a stage.
type StageChange struct {
	Stage  string // one of Deps.Stages
	Reason string // 1 to 500 bytes, for people
	Until  time.Time
	By     string // "admin:" and who
}

// User is one user as they stand.
type User struct {
	ID string
	State
	Usage   []Usage
	Budgets []Budget
	Running int       // streams and uploads on all gateways
	At      time.Time // the store's clock
}

// Usage is the audio forwarded in a rolling window.
type Usage struct {
	Window time.Duration
	Audio  int64 // ms
}

// Budget is one budget's balance. Amounts are milliseconds of audio.
type Budget struct {
	Budget    string    `json:"budget"`
	Per       string    `json:"per"`                // whose it is: "user", or "provider" and "all": shared by all users
	Provider  string    `json:"provider,omitempty"` // the vendor, of "provider"
	Window    string    `json:"window"`             // "day", "week", "month", or a duration such as "24h"
	Limit     int64     `json:"limit_ms"`
	Used      int64     `json:"used_ms"`
	Remaining int64     `json:"remaining_ms"`
	Resets    time.Time `json:"resets,omitzero"`
	Shadow    bool      `json:"shadow,omitempty"`
}

// Stream is one running stream. Amounts are milliseconds of audio.
type Stream struct {
	ID        string    `json:"id"`
	User      string    `json:"user"`
	Provider  string    `json:"provider"`
	Started   time.Time `json:"started"`
	Forwarded int64     `json:"forwarded_ms"`
	Dropped   int64     `json:"dropped_ms"`
}
