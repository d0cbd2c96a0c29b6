package ledger

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrInvalid answers a request that no retry can make right.
var ErrInvalid = errors.New("invalid ledger request")

// ErrClosed answers every call after Close.
var ErrClosed = errors.New("ledger is closed")

// Bounds of what is accepted. They keep keys and records small.
const (
	maxUser   = 128 // bytes
	maxName   = 256 // bytes: a stream's, a budget's, an owner's
	maxScopes = 64
	maxData   = 64 << 10
	// maxAmount bounds every amount (35 000 years), so that sums of thousands of
	// streams cannot wrap. Larger ceilings and limits are read as this one.
	maxAmount   = int64(1) << 50
	keepUsage   = 8 * 24 * time.Hour
	keepSettled = 2 * time.Hour
	// maxKeep is less than keepUsage: what comes back has to find its balance.
	maxKeep = 7 * 24 * time.Hour
	bucket  = time.Minute
)

func checkUser(user string) error {
	if user == "" || len(user) > maxUser {
		return fmt.Errorf("%w: user id of %d bytes, 1 to %d are possible", ErrInvalid, len(user), maxUser)
	}
	return nil
}

func checkScopes(scopes []Scope) error {
	if len(scopes) > maxScopes {
		return fmt.Errorf("%w: %d scopes, at most %d are possible", ErrInvalid, len(scopes), maxScopes)
	}
	for _, s := range scopes {
		switch {
		case s.Budget == "" || len(s.Budget) > maxName:
			return fmt.Errorf("%w: budget name of %d bytes", ErrInvalid, len(s.Budget))
		case len(s.Owner) > maxName:
			return fmt.Errorf("%w: budget %q: owner of %d bytes", ErrInvalid, s.Budget, len(s.Owner))
		case s.Limit < 0:
			return fmt.Errorf("%w: budget %q: negative limit", ErrInvalid, s.Budget)
		}
		switch s.Window.Unit {
		case Day, Week, Month:
		case Rolling:
			if l := s.Window.Length; l < bucket || l > keepUsage || l%bucket != 0 {
				return fmt.Errorf("%w: budget %q: rolling window of %v, whole minutes up to 192h are possible", ErrInvalid, s.Budget, l)
			}
		default:
			return fmt.Errorf("%w: budget %q: unknown window unit %q", ErrInvalid, s.Budget, s.Window.Unit)
		}
	}
	return nil
}

// checkRequest also bounds the amounts and takes a copy of the scopes: the
// caller may be gone, and its slice in other use, when the store gets to them.
func checkRequest(r Request) (Request, error) {
	if err := checkUser(r.User); err != nil {
		return r, err
	}
	if r.Stream == "" || len(r.Stream) > maxName {
		return r, fmt.Errorf("%w: stream id of %d bytes, 1 to %d are possible", ErrInvalid, len(r.Stream), maxName)
	}
	if r.Keep < 0 || r.Keep > maxKeep {
		return r, fmt.Errorf("%w: a grant kept for %v, up to %v is possible", ErrInvalid, r.Keep, maxKeep)
	}
	if r.Ceiling < 0 || r.Spent < 0 || r.Speech < 0 {
		return r, fmt.Errorf("%w: negative amount", ErrInvalid)
	}
	if err := checkScopes(r.Scopes); err != nil {
		return r, err
	}
	r.Ceiling, r.Spent, r.Speech = min(r.Ceiling, maxAmount), min(r.Spent, maxAmount), min(r.Speech, maxAmount)
	r.Scopes = append([]Scope(nil), r.Scopes...)
	return r, nil
}

func checkQuery(q Query) error {
	if err := checkUser(q.User); err != nil {
		return err
	}
	for _, w := range q.Windows {
		if w <= 0 || w > keepUsage {
			return fmt.Errorf("%w: usage window of %v, up to 192h are possible", ErrInvalid, w)
		}
	}
	return checkScopes(q.Scopes)
}

// plus adds amounts and stays at the maximum instead of wrapping.
func plus(a, b int64) int64 {
	if a > 0 && b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

func checkState(user string, s State) error {
	if err := checkUser(user); err != nil {
		return err
	}
	if len(s.Data) > maxData {
		return fmt.Errorf("%w: state of %d bytes, at most %d are possible", ErrInvalid, len(s.Data), maxData)
	}
	return nil
}
