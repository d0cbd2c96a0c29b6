package policy

import (
	"maps"
	"slices"
	"time"
)

// What the caps are compared with: Config.Basis.
const (
	BasisAudio = "audio" // the time of the audio that was forwarded
	BasisWords = "words" // the time in which words were spoken, as the vendor's results tell
)

// Where a user's stage comes from: Config.Source.
const (
	SourceOwn   = "own"   // this machine moves users
	SourceHTTP  = "http"  // a backend is asked
	SourceRedis = "redis" // a backend's key is read
)

// Config is the policy section of the file: the rules of the machine. It is a value: one that is in use
// is never changed, a new one takes its place. A zero field means its documented default, which WithDefaults fills in; to say
// "zero" or "off" where that is not the default, start from [Default] and change it there.
type Config struct {
	Enabled       bool // default true; false lifts everything, per-user budgets included
	KillSwitch    bool // the same at once, for an emergency
	Shadow        bool // the machine runs, nobody feels it
	ExemptUsers   []string
	Basis         string        // audio (default) or words
	CheckInterval time.Duration // how often a running stream's user is compared with the caps; default 60s
	Caps          []Cap         // nil: 2h in 24h, 8h in 72h, 10h in 168h; empty: none
	Plans         map[string]Plan
	Users         map[string]Plan // of single users; wins over their plan's
	Stages        map[Stage]StageRules
	Source        string // own (default), http or redis

	// Review is filled from a section that has the reviewer's keys too.
	Review ReviewRules `mapstructure:"-"`

	complete bool // came from Default: its zero fields are meant
}

// Plan is what the users of a plan, or one user, have in place of the general rules.
type Plan struct {
	Caps []Cap // all of them: nothing is inherited; empty: none
}

// ReviewRules say when there is a review, and what counts.
type ReviewRules struct {
	Cooldown  time.Duration // from the end of a review to the next one of this user; default 12h
	Threshold float64       // a score at or over it is a violation; default 0.7
	Window    time.Duration // how long a violation counts; default 168h

	// Lease is how long a review may take before its lock ends by itself: longer than everything in it together.
	Lease time.Duration `mapstructure:"-"`
}

// StageRules say how a user comes to a stage, what it does, and how it ends.
type StageRules struct {
	// EnterAfter is how many earlier violations there must be within the review's window.
	EnterAfter int
	// Decay is how long after its begin the stage falls to the one below; 0: never.
	Decay   time.Duration
	Actions Actions
}

// Actions are what a stage does. The budgets that name it are beside them.
type Actions struct {
	Notify     bool              // a message when somebody is moved here
	MaxStreams int               // at once; 0: no limit
	Pace       float64           // audio passes at most this many times as fast as it plays; 0: no limit
	Model      map[string]string // what was asked for -> what is used, from a stream's begin; "*" is any that is not named
	Refuse     bool              // nothing new is let in, what runs is ended
}

// defaultLease fits the defaults of classifier (120s) and credits (2s), with room.
const defaultLease = 152 * time.Second

// Default returns the rules of an empty file.
func Default() Config { return Config{}.WithDefaults() }

// WithDefaults fills the zero fields. It leaves a config that began as [Default] alone, so that
// calling it again is harmless, and never changes c's maps and lists.
func (c Config) WithDefaults() Config {
	if c.complete {
		return c
	}
	c.Enabled = true
	if c.ExemptUsers == nil {
		c.ExemptUsers = []string{}
	}
	if c.Caps == nil {
		c.Caps = []Cap{{"daily", 24 * time.Hour, 2 * time.Hour}, {"3day", 72 * time.Hour, 8 * time.Hour}, {"weekly", 168 * time.Hour, 10 * time.Hour}}
	}
	c.Caps = slices.Clone(c.Caps)
	c.Plans, c.Users = filled(c.Plans), filled(c.Users)
	fill(&c.Basis, BasisAudio)
	fill(&c.CheckInterval, time.Minute)
	fill(&c.Source, SourceOwn)
	fill(&c.Review.Cooldown, 12*time.Hour)
	fill(&c.Review.Threshold, 0.7)
	fill(&c.Review.Window, 168*time.Hour)
	fill(&c.Review.Lease, defaultLease)
	stages := defaultStages()
	maps.Copy(stages, c.Stages)
	c.Stages = stages
	c.complete = true
	return c
}

func defaultStages() map[Stage]StageRules {
	const day = 24 * time.Hour
	return map[Stage]StageRules{
		Warning:  {EnterAfter: 0, Decay: 7 * day, Actions: Actions{Notify: true, Model: map[string]string{}}},
		Throttle: {EnterAfter: 2, Decay: 7 * day, Actions: Actions{Notify: true, MaxStreams: 1, Pace: 1, Model: map[string]string{}}},
		Restrict: {EnterAfter: 3, Decay: 30 * day, Actions: Actions{Notify: true, Model: map[string]string{}}},
	}
}

// CapsOf are the caps that hold for a user: the user's own, else the plan's, else the general ones.
func (c Config) CapsOf(user, plan string) []Cap {
	if p, ok := c.Users[user]; ok {
		return p.Caps
	}
	if p, ok := c.Plans[plan]; ok {
		return p.Caps
	}
	return c.Caps
}

func filled(m map[string]Plan) map[string]Plan {
	out := make(map[string]Plan, len(m))
	maps.Copy(out, m)
	return out
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
