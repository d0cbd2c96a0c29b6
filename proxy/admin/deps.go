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
	Streams Streams
	Drainer Drainer
	Health  Health
	Minter  Minter // nil (a nil interface): this gateway has no caller tokens
	Metrics prometheus.Gatherer
	Log     *slog.Logger // audit lines and internal errors
	Stages  []string     // the words that PUT …/stage takes
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
	Until  time.Time `json:"until,omitzero"` // zero: for good
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
