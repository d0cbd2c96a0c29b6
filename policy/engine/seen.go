package engine

import (
	"log/slog"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// Sighting is a user as a lease, or the end of an upload, has shown them.
type Sighting struct {
	User, Plan string
	State      policy.State
	At         time.Time // the store's clock
	// Whole says that a whole upload was charged: the caps are looked at now, whenever that last was.
	Whole bool
}

// Seen starts a check in the background where one is due: at the first sight of a user, and then once per policy.check_interval.
// It never blocks.
func (e *Engine) Seen(s Sighting) {
	c := e.Rules()
	interval, due := e.interval(s, c)
	if !due {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	u := e.seen.user(s.User)
	switch {
	case u.busy:
		u.again = u.again || s.Whole
		return
	case !s.Whole && s.At.Before(u.next) && u.next.Sub(s.At) <= interval: // else the clock was put back
		return
	}
	select {
	case e.checks <- struct{}{}:
	default:
		u.next = s.At.Add(min(busyPause, interval))
		return
	}
	u.busy, u.next = true, s.At.Add(interval)
	e.work.Go(func() { e.watch(s, u) })
}

// interval is how often a user is looked at; false where there is nothing to look for.
func (e *Engine) interval(s Sighting, c policy.Config) (time.Duration, bool) {
	if c.Source != policy.SourceOwn {
		return e.SourceTTL, e.Source != nil
	}
	if s.State.Owes(c) {
		return min(c.CheckInterval, max(e.CreditsRefresh, time.Second)), true
	}
	// Whatever the sums are: may there be a review at all?
	may, _ := policy.Due(s.State, c, s.User, []policy.Trigger{{}}, s.At)
	return c.CheckInterval, may || len(s.State.Owed) > 0
}

// watch checks a user, and once more where an upload came in between.
func (e *Engine) watch(s Sighting, u *watched) {
	defer func() { <-e.checks }()
	for {
		if err := e.check(e.ctx, s); err != nil && e.ctx.Err() == nil {
			e.Log.Warn("user was not checked against the caps", slog.String("user", s.User), slog.Any("error", err))
		}
		e.mu.Lock()
		again := u.again && !e.closed
		u.again, u.busy = false, again
		e.mu.Unlock()
		if !again {
			return
		}
	}
}

// watched is what the engine remembers of a user.
type watched struct {
	next        time.Time // of the next check, by the store's clock
	busy, again bool
	asked       time.Time // when the backend was, by our clock; see Fresh
}

// memory remembers the users of late, at most two generations of them. A user who is forgotten is
// looked at once too often.
type memory struct{ young, old map[string]*watched }

// generation is how many users make one.
const generation = 50_000

func (m *memory) user(id string) *watched {
	if u := m.young[id]; u != nil {
		return u
	}
	u := m.old[id]
	if u == nil {
		u = &watched{}
	}
	if m.young == nil || len(m.young) >= generation {
		m.old, m.young = m.young, make(map[string]*watched)
	}
	m.young[id] = u
	return u
}
