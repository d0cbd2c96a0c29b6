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
	// ErrNoMinter says that there are no caller tokens: 409.
	ErrNoMinter = errors.New("identity.tokens.secret is not set: this gateway has no caller tokens")
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
	// Grant gives more of a budget, once; the error may be ErrReused.
	Grant(ctx context.Context, id string, g Grant) (Granted, error)
	// Case is a review, or what else has a reference.
	Case(ctx context.Context, ref string) (Case, error)
	// Flagged lists users at a stage ("": at any but none, or exempt), up to limit of them behind a cursor; next is ""
	// when these are the last.
	Flagged(ctx context.Context, stage, cursor string, limit int) (users []FlaggedUser, next string, err error)
	// Explain says what a connect would be told now, and why.
	Explain(ctx context.Context, id, plan, provider string) (Explanation, error)
}

// FlaggedUser is one of a list.
type FlaggedUser struct {
	User string `json:"user" doc:"the user's id"`
	State
	Exempt bool   `json:"exempt,omitempty" doc:"outside all rules"`
	Case   string `json:"case,omitempty" doc:"the reference of the last case"`
}

// Explanation is a decision with everything that was looked at.
type Explanation struct {
	User     string     `json:"user" doc:"the user's id"`
	Plan     string     `json:"plan,omitempty" doc:"the plan that was asked about"`
	Provider string     `json:"provider" doc:"the vendor that was asked about"`
	Decision string     `json:"decision" enum:"allow,deny" doc:"what a connect would get now"`
	Reason   string     `json:"reason,omitempty" doc:"of deny, as in X-Sttgate-Reason"`
	Stage    string     `json:"stage" enum:"@stages" doc:"the stage that holds now"`
	Rules    []RuleLine `json:"rules" doc:"every rule that was looked at, in order"`
	At       time.Time  `json:"at" doc:"the store's time when it was asked"`
}

// RuleLine is one rule that was looked at.
type RuleLine struct {
	Rule string `json:"rule" doc:"what kind of rule: lifted, shadow, stage, violations, cap, review, step, action, budget"`
	Name string `json:"name,omitempty" doc:"its name in the config"`
	Says string `json:"says" enum:"info,pass,hit,skip" doc:"pass: nothing against it; hit: it fires; skip: it does not apply; info: a fact"`
	Text string `json:"text" doc:"why, with numbers, in words"`
}

// Streams is the registry of running streams.
type Streams interface {
	// List is asked for all of them at once: it fills in what costs nothing, which are the members of Stream down to Dropped.
	List() []Stream
	// Detail fills in the rest, of a stream that may have ended since.
	Detail(s *Stream)
	// Kill asks a stream to end politely and returns at once; false when there is none.
	Kill(id string) bool
}

// Drainer takes the gateway out of service.
type Drainer interface {
	Draining() bool
	// Drain begins the drain and returns at once. Called again it changes nothing.
	Drain()
}

// Minter makes caller tokens. An error that wraps ErrInvalid is the operator's; ErrNoMinter says that there are none now.
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
	Figures Figures
	Drainer Drainer
	Configs Configs
	Health  Health
	Minter  Minter // nil (a nil interface): this gateway has no caller tokens
	Metrics prometheus.Gatherer
	Log     *slog.Logger // audit lines and internal errors
	Audit   *Audit       // nil: one of Config.AuditFile
	Stages  []string     // the words that PUT …/stage takes
	Vendors []string     // those that explain can be asked about; the first is the default
	Version Version
	Now     func() time.Time // nil: time.Now
}

// Version is the answer to GET /version.
type Version struct {
	Version string `json:"version" doc:"the release"`
	Commit  string `json:"commit,omitempty" doc:"the revision it was built from"`
	Date    string `json:"date,omitempty" doc:"that of the revision"`
	Go      string `json:"go,omitempty" doc:"the Go that built it"`
}

// State is what has been decided about a user.
type State struct {
	Stage  string    `json:"stage" enum:"@stages" doc:"the stage that holds"`
	Since  time.Time `json:"since,omitzero" doc:"since when"`
	Until  time.Time `json:"until,omitzero" doc:"until when; absent: until it is changed, or decays"`
	Cause  string    `json:"cause,omitempty" doc:"what it came from: violation, cap, free_exhausted, manual, source"`
	Reason string    `json:"reason,omitempty" doc:"the operator's"`
	By     string    `json:"by,omitempty" doc:"the operator"`
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
	Events  []Event   // oldest first
	Running int       // streams and uploads on all gateways
	At      time.Time // the store's clock
}

// Event is one step of a user's history.
type Event struct {
	At     time.Time `json:"at" doc:"when it was"`
	From   string    `json:"from" enum:"@stages" doc:"the stage before"`
	To     string    `json:"to" enum:"@stages" doc:"the stage after"`
	Cause  string    `json:"cause" doc:"what it came from"`
	Case   string    `json:"case,omitempty" doc:"the reference of its case"`
	By     string    `json:"by,omitempty" doc:"the operator"`
	Reason string    `json:"reason,omitempty" doc:"the operator's"`
	Shadow bool      `json:"shadow,omitempty" doc:"nobody felt it"`
	Budget string    `json:"budget,omitempty" doc:"of a grant: the budget"`
	MS     int64     `json:"granted_ms,omitempty" doc:"of a grant: how much; less than 0: taken back"`
}

// Usage is the audio forwarded in a rolling window.
type Usage struct {
	Window time.Duration
	Audio  int64 // ms
}

// Budget is one budget's balance. Amounts are milliseconds of audio.
type Budget struct {
	Budget    string    `json:"budget" doc:"its name in the config"`
	Per       string    `json:"per" enum:"user,provider,all" doc:"whose it is: the user's, or shared by all users of a vendor, or by all"`
	Provider  string    `json:"provider,omitempty" doc:"the vendor, of a budget per provider"`
	Window    string    `json:"window" doc:"day, week, month, or a duration such as 24h"`
	Limit     int64     `json:"limit_ms" doc:"what may be used within a window"`
	Granted   int64     `json:"granted_ms,omitempty" doc:"granted by operators beside the limit, in this window"`
	Used      int64     `json:"used_ms" doc:"what has been, leases in hand included"`
	Remaining int64     `json:"remaining_ms" doc:"what is left"`
	Resets    time.Time `json:"resets,omitzero" doc:"when there is some again"`
	Shadow    bool      `json:"shadow,omitempty" doc:"it is only watched: nobody is stopped by it"`
}

// Stream is one running stream. Amounts are milliseconds of audio.
type Stream struct {
	ID        string    `json:"id" doc:"the stream's id, as in the log"`
	User      string    `json:"user" doc:"whose it is"`
	Provider  string    `json:"provider" doc:"the vendor"`
	Started   time.Time `json:"started" doc:"when its handshake was done"`
	State     string    `json:"state" enum:"forwarding,dropping,paced,ending" doc:"what happens to its audio; paced: it passes at its stage's pace at most; ending: the gateway has ended it"`
	Forwarded int64     `json:"forwarded_ms" doc:"audio that reached the vendor"`
	Dropped   int64     `json:"dropped_ms" doc:"audio that was swallowed"`

	Age     int64  `json:"age_ms" doc:"for how long it runs"`
	Mode    string `json:"mode" doc:"stream, or what kind of upload"`
	Plan    string `json:"plan,omitempty" doc:"the user's plan"`
	Variant string `json:"variant,omitempty" doc:"the generation of the vendor's protocol"`
	Model   string `json:"model,omitempty" doc:"the model of the handshake; absent where only the stream itself names one"`
	Stage   string `json:"stage,omitempty" enum:"@stages" doc:"the user's stage, as of the newest lease"`
	Charged int64  `json:"charged_ms" doc:"what it has cost so far; of an upload, what is reserved"`
	Budget  string `json:"budget,omitempty" doc:"the tightest budget that holds for it; absent: there is none"`
	Left    int64  `json:"left_ms" doc:"what it can still buy of that, as of the newest lease"`
}
