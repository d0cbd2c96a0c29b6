package policy

import (
	"slices"
	"time"
)

// Now is the state as it stands at a time: stages whose time is over have fallen, one at a time, each with its own
// decay, and every fall is a step of the history, dated when it happened. It is to be asked on every read: nothing falls by being
// written down. A stage that a backend tells (Config.Source) does not decay here.
func (s State) Now(c Config, now time.Time) State {
	s.Track = s.fallen(c, now, false, &s.History)
	switch {
	case s.Shadow != nil && c.Shadow:
		t := s.Shadow.fallen(c, now, true, &s.History)
		s.Shadow = &t
	default:
		s.Shadow = nil // of a shadow that is over
	}
	return s
}

// track is the one that the machine moves: the shadow's, which begins where the user really is, or the real one.
func (s State) track(c Config) Track {
	if c.Shadow && s.Shadow != nil {
		return *s.Shadow
	}
	return s.Track
}

// moved is s with that track replaced.
func (s State) moved(c Config, t Track) State {
	if c.Shadow {
		s.Shadow = &t
	} else {
		s.Track = t
	}
	return s
}

// fallen is t at now; every fall is added to history.
func (t Track) fallen(c Config, now time.Time, shadow bool, history *[]Change) Track {
	for {
		next, at, cause, ok := t.fall(c, now)
		if !ok {
			t.Stage = t.stage()
			return t
		}
		*history = remember(*history, Change{At: at, From: t.Stage, To: next.Stage, Cause: cause, Shadow: shadow})
		t.Position = next
	}
}

// at is the position that holds at now.
func (p Position) at(c Config, now time.Time) Position {
	for {
		next, _, _, ok := p.fall(c, now)
		if !ok {
			p.Stage = p.stage()
			return p
		}
		p = next
	}
}

// fall is the position after the first fall that is due at now, with its time and cause; false if none is.
func (p Position) fall(c Config, now time.Time) (next Position, at time.Time, cause Cause, ok bool) {
	at = p.Ends(c)
	if at.IsZero() || now.Before(at) {
		return Position{}, time.Time{}, ByNobody, false
	}
	if p.manual() {
		return Position{Stage: None, Since: at}, at, ByUntil, true
	}
	below := p
	below.Stage, below.Since = p.Stage.below(), at
	switch {
	case p.Before != nil:
		if b := p.Before.at(c, at); b.Stage == below.Stage {
			below = b
		}
	case below.Stage == None:
		below = Position{Stage: None, Since: at}
	}
	return below, at, ByDecay, true
}

// Ends is when the position ends by itself; zero: never.
func (p Position) Ends(c Config) time.Time {
	if p.stage() == None {
		return time.Time{}
	}
	if p.manual() {
		return p.Until
	}
	decay := c.Stages[p.Stage].Decay
	if decay <= 0 || c.Source != SourceOwn {
		return time.Time{}
	}
	return p.Since.Add(decay)
}

// manual reports whether an operator put the user here. Records from before there was a machine do not say so.
func (p Position) manual() bool { return p.Cause == ByHand || p.Cause == ByNobody }

func (p Position) stage() Stage {
	if p.Stage == "" {
		return None
	}
	return p.Stage
}

func (p Position) beneath() Position {
	if p.Before == nil {
		return Position{Stage: None}
	}
	return *p.Before
}

// remember adds to a history without touching the slice that others may hold.
func remember(history []Change, c Change) []Change {
	return append(slices.Clone(history[max(0, len(history)+1-MaxHistory):]), c)
}
