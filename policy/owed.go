package policy

import (
	"errors"
	"fmt"
	"time"
)

// ErrAnswer says that a classifier has answered with what is none of the contract.
var ErrAnswer = errors.New("the classifier's answer is not as agreed")

// BySource is the cause of a stage that a backend has told.
const BySource Cause = "source"

// ID names an event for good: whoever is told it twice knows by it.
func (e Event) ID() string {
	if e.Ref != "" {
		return e.Ref
	}
	return fmt.Sprintf("%s:%s:%s:%d", e.User, e.Cause, e.To, e.At.UnixMicro())
}

// Owes reports whether free credits that were spent have left anything that [Restored] would take back.
func (s State) Owes(c Config) bool { return s.track(c).owes() }

// Follow puts a user where the backend says that they are. It is false where they are there already. What
// the machine had counted stays, for the day on which it moves users again.
func Follow(s State, user string, stage Stage, c Config, now time.Time) (State, Event, bool) {
	next := s.Now(c, now)
	if next.Stage == stage {
		return s, Event{}, false
	}
	e := Event{At: now, User: user, Cause: BySource, From: next.Stage, To: stage, Rule: "the backend has the user at this stage"}
	next.Position = Position{Stage: stage, Since: now, Cause: BySource}
	next.History = remember(next.History, e.change())
	return next, e, true
}
