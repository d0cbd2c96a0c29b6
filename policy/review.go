package policy

import "time"

// Why is the reason of an answer, from a closed set.
type Why string

// Why there is a review, or not; why a user is free.
const (
	WhyDue         Why = "due"
	WhyDisabled    Why = "disabled"     // policy.enabled is false
	WhyKillSwitch  Why = "kill_switch"  // policy.kill_switch is true
	WhyExempt      Why = "exempt"       // by policy.exempt_users, or by an operator
	WhySource      Why = "source"       // a backend moves users, not this machine
	WhyNoTrigger   Why = "no_trigger"   // no cap is exceeded
	WhyRestricted  Why = "restricted"   // already at the last stage
	WhyUnderReview Why = "under_review" // somebody is at it
	WhyCooldown    Why = "cooldown"     // the last review was not long ago
	WhyPause       Why = "pause"        // the last review failed not long ago
)

// words completes "a review …".
func (w Why) words() string {
	switch w {
	case WhyDue:
		return "is due"
	case WhySource:
		return "is not due: a backend says where users stand (policy.source)"
	case WhyNoTrigger:
		return "is not due: no cap is exceeded"
	case WhyRestricted:
		return "is not due: the user is at the last stage"
	case WhyUnderReview:
		return "is under way"
	case WhyCooldown:
		return "is not due: the last one was not long ago"
	case WhyPause:
		return "is not due: the last one failed not long ago"
	default:
		return "is not due: everything is lifted"
	}
}

// Outcome is how a review ended.
type Outcome string

// The outcomes of a review.
const (
	OutcomeStepped Outcome = "stepped" // one stage up
	OutcomeNoStep  Outcome = "no_step" // a violation, but too few before it
	OutcomeLow     Outcome = "low"     // below the threshold
	OutcomeFailed  Outcome = "failed"  // nothing counts; see [Fail]
	OutcomeVoid    Outcome = "void"    // meanwhile an operator had decided, or the user was lifted
)

// Due says whether a review of a user may begin, and why or why not.
func Due(s State, c Config, user string, triggers []Trigger, now time.Time) (bool, Why) {
	if why := Lifted(s, c, user, now); why != "" {
		return false, why
	}
	switch locked := now.Before(s.Review.Until); {
	case c.Source != SourceOwn:
		return false, WhySource
	case len(triggers) == 0:
		return false, WhyNoTrigger
	case s.Now(c, now).track(c).Stage == Restrict:
		return false, WhyRestricted
	case locked && s.Review.Token != "":
		return false, WhyUnderReview
	case locked && s.Review.Failures > 0:
		return false, WhyPause
	case locked:
		return false, WhyCooldown
	}
	return true, WhyDue
}

// Begin takes the lock for a review that [Due] allows. The token is anything that nobody else has. Whoever writes the
// result to the store by compare-and-set has the review; it ends with [Finish] or [Fail], or by itself after Config.Review.Lease.
func Begin(s State, token string, c Config, now time.Time) State {
	s = s.Now(c, now)
	s.Review.Token, s.Review.At, s.Review.Until = token, now, now.Add(c.Review.Lease)
	return s
}

// Fail gives the lock back after a review that came to nothing. Nothing counts against the user; the next review may begin after a
// pause that grows with the failures in a row. It is false, and changes nothing, when the token is not that of the review under way.
func Fail(s State, token string, c Config, now time.Time) (State, bool) {
	if !s.Review.holds(token) {
		return s, false
	}
	s = s.Now(c, now)
	s.Review.Failures++
	s.Review.Token, s.Review.Last, s.Review.Until = "", OutcomeFailed, now.Add(Pause(s.Review.Failures, c))
	return s, true
}

// Finish applies the result of a review, by [Step], and begins the cooldown. It is false, and changes nothing, when the token is
// not that of the review under way: one that was replayed, that took longer than its lease and was begun by another, or that an operator has made void.
func Finish(s State, token string, r Review, c Config, now time.Time) (State, Event, bool) {
	if !s.Review.holds(token) {
		return s, Event{}, false
	}
	s, e := Step(s, r, c, now)
	s.Review = Lock{At: s.Review.At, Until: now.Add(c.Review.Cooldown), Last: e.Outcome}
	return s, e, true
}

func (l Lock) holds(token string) bool { return token != "" && l.Token == token }

// The pauses after failures: from the first, doubling, to the last.
const (
	firstPause = time.Minute
	lastPause  = time.Hour
)

// Pause is how long nobody is asked after so many failures in a row: never longer than the cooldown, which a success would have cost.
func Pause(failures int, c Config) time.Duration {
	doublings := max(0, min(failures-1, 6)) // the last of them is beyond lastPause
	return min(firstPause<<doublings, lastPause, c.Review.Cooldown)
}
